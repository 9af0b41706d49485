/**
 * Label maps as one-channel PNG files: every pixel value is the instance's number, 0 the background.
 *
 * @module
 */
import { DataError, FileFormatError, type LabelMap } from "@renograde/core";
import { parsePngHeader } from "../png-header.js";
import { readFileBytes, writeFileAtomic } from "./files.js";
import { decodeGrey16, encodeGrey16 } from "./image-codec.js";

/** Largest label a 16-bit PNG can hold. */
const MAX_LABEL = 65_535;

/**
 * Reads a label PNG of 1, 2, 4, 8 or 16 bits; the numbers come out as they are stored.
 *
 * @throws FileAccessError when the file cannot be read
 * @throws FileFormatError when it is no PNG, truncated, or has colours instead of numbers
 */
export async function readLabelPng(path: string): Promise<LabelMap> {
  const bytes = await readFileBytes(path);
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50) {
    throw new FileFormatError(path, "PNG", "is not a PNG file; a label map must be a one-channel PNG");
  }
  const header = parsePngHeader(bytes, path);
  if (header.colorType !== 0) {
    const kind = header.colorType === 3 ? "a palette" : "colour or alpha channels";
    throw new FileFormatError(
      path,
      "PNG",
      `has ${kind}; a label map must be a one-channel greyscale PNG whose values are instance numbers`,
    );
  }
  const { width, height, data } = await decodeGrey16(bytes, path);
  // Decoders spread 1, 2 and 4 bits over 0…255; the stored number is that divided by 255, 85 and 17.
  const spread = header.bitDepth < 8 ? 255 / (2 ** header.bitDepth - 1) : 1;
  const labels = new Int32Array(data.length);
  for (let i = 0; i < labels.length; i++) labels[i] = data[i]! / spread;
  return { width, height, data: labels };
}

/**
 * Encodes a label map as a 16-bit one-channel PNG; the same labels give the same bytes.
 *
 * @throws DataError when a label is negative or above 65535
 */
export async function encodeLabelPng(labels: LabelMap): Promise<Uint8Array> {
  const data = new Uint16Array(labels.data.length);
  for (let i = 0; i < data.length; i++) {
    const label = labels.data[i]!;
    if (label < 0 || label > MAX_LABEL) {
      throw new DataError(
        `label ${label} does not fit into a 16-bit PNG (0 to ${MAX_LABEL}); write the label map as .mat instead`,
      );
    }
    data[i] = label;
  }
  return await encodeGrey16(labels.width, labels.height, data);
}

/**
 * Writes a label map as a 16-bit one-channel PNG, atomically.
 *
 * @throws DataError when a label is negative or above 65535
 * @throws FileAccessError when the file cannot be written
 */
export async function writeLabelPng(path: string, labels: LabelMap): Promise<void> {
  await writeFileAtomic(path, await encodeLabelPng(labels));
}
