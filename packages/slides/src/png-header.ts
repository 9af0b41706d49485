/**
 * The chunks of a PNG file, read without decoding pixels; at the same time a check that the file is complete.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";

/** What {@link parsePngHeader} finds. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha. */
  readonly colorType: number;
  /** Pixels per metre along x and y, where a pHYs chunk with unit metre says so. */
  readonly pixelsPerMetre?: readonly [number, number];
}

/**
 * Reads the header chunks of a PNG file and walks all chunks up to IEND.
 *
 * @param bytes the whole file
 * @param path named in errors
 * @throws FileFormatError when a chunk ends outside the file (truncated) or IHDR is missing
 */
export function parsePngHeader(bytes: Uint8Array, path: string): PngHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const truncated = (): FileFormatError =>
    new FileFormatError(path, "PNG", `the PNG file is truncated after ${bytes.length} bytes; copy it again`);
  let header: Omit<PngHeader, "pixelsPerMetre"> | undefined;
  let pixelsPerMetre: readonly [number, number] | undefined;
  let at = 8;
  for (;;) {
    if (at + 12 > bytes.length) throw truncated();
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = at + 8;
    at = body + length + 4;
    if (at > bytes.length) throw truncated();
    if (kind === "IHDR" && length >= 13) {
      header = {
        width: view.getUint32(body),
        height: view.getUint32(body + 4),
        bitDepth: bytes[body + 8]!,
        colorType: bytes[body + 9]!,
      };
    }
    if (kind === "pHYs" && length >= 9 && bytes[body + 8] === 1) {
      pixelsPerMetre = [view.getUint32(body), view.getUint32(body + 4)];
    }
    if (kind === "IEND") break;
  }
  if (!header)
    throw new FileFormatError(path, "PNG", "the PNG file has no IHDR chunk, so its size is unknown");
  return pixelsPerMetre ? { ...header, pixelsPerMetre } : header;
}
