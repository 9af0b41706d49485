/**
 * Reading of plain images: PNG, JPEG and TIFF, recognised by their content, as 8-bit RGB (spec/data.md §9).
 *
 * @module
 */
import { open } from "node:fs/promises";
import { FileFormatError, type RgbImage } from "@renograde/core";
import { type PixelSize, pngPixelSize, tiffPixelSize } from "../pixel-size.js";
import { parsePngHeader } from "../png-header.js";
import { parseTiffHeader } from "../tiff-header.js";
import { readFileBytes, toFileAccessError, writeFileAtomic } from "./files.js";
import { decodeRgb, encodePng, probeImage } from "./image-codec.js";

/** The kinds {@link readImage} reads, for help texts and errors. */
export const SUPPORTED_IMAGES = "PNG, JPEG and TIFF";

/** Options of {@link readImage}. */
export interface ReadImageOptions {
  /** Images with more pixels are refused, default {@link DEFAULT_MAX_PIXELS}. */
  readonly maxPixels?: number;
}

/** 16,384 × 16,384: an image this large takes 0.8 GB as RGB and 7.5 GB of network maps. */
export const DEFAULT_MAX_PIXELS = 268_435_456;

/** Files this large are whole slides, and beyond what can be read in one piece. */
const MAX_FILE_BYTES = 2_000_000_000;

/** A plain image and what its file says. */
export interface ImageFile {
  readonly path: string;
  readonly format: "PNG" | "JPEG" | "TIFF";
  readonly image: RgbImage;
  /** Pixel size and its origin, where the file records one that is plausible for microscopy. */
  readonly pixelSize?: PixelSize;
  /** Sentences for the user: pages left out, 16-bit samples reduced, image turned upright. */
  readonly warnings: readonly string[];
}

type Kind = ImageFile["format"];

/** Recognises a file by its first bytes; a name for the kinds that are known but not read. */
function recognise(head: Uint8Array): Kind | { readonly unsupported: string } | undefined {
  const ascii = String.fromCharCode(...head);
  if (ascii.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (ascii.startsWith("\xff\xd8\xff")) return "JPEG";
  if (/^(II[*+]\0|MM\0[*+])/.test(ascii)) return "TIFF";
  if (ascii.startsWith("GIF8")) return { unsupported: "a GIF image" };
  if (ascii.startsWith("BM")) return { unsupported: "a BMP image" };
  if (ascii.startsWith("RIFF") && ascii.slice(8, 12) === "WEBP") return { unsupported: "a WebP image" };
  if (ascii.slice(4, 8) === "jP  " || ascii.startsWith("\xff\x4f\xff\x51")) {
    return { unsupported: "a JPEG 2000 image" };
  }
  if (ascii.slice(4, 8) === "ftyp") return { unsupported: "a HEIF, AVIF or video file" };
  if (ascii.startsWith("%PDF")) return { unsupported: "a PDF document" };
  if (/^\s*<(\?xml|svg)/.test(ascii)) return { unsupported: "an XML or SVG file" };
  return undefined;
}

async function readHead(path: string): Promise<{ head: Uint8Array; size: number }> {
  try {
    const file = await open(path);
    try {
      const head = new Uint8Array(32);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      return { head: head.subarray(0, bytesRead), size: (await file.stat()).size };
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
}

/**
 * Reads a PNG, JPEG or TIFF file as 8-bit RGB. Grey and palette images become RGB, alpha is laid over white,
 * 16-bit samples are divided by 256 (full range, not stretched), CMYK goes through its profile, an EXIF
 * orientation is applied, of several TIFF pages the first is read; the last four with a warning where pixels or
 * coordinates change. Embedded RGB colour profiles are not applied.
 *
 * @param path the file; its kind is recognised by content, not by name
 * @throws FileAccessError when it cannot be read
 * @throws FileFormatError when it is another kind of file, damaged, truncated or too large
 */
export async function readImage(path: string, options: ReadImageOptions = {}): Promise<ImageFile> {
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  const { head, size } = await readHead(path);
  const kind = recognise(head);
  if (size === 0) throw new FileFormatError(path, "image", "the file is empty; copy it again");
  if (kind === undefined || typeof kind === "object") {
    const what = kind === undefined ? "is not an image that can be read" : `is ${kind.unsupported}`;
    throw new FileFormatError(path, "image", `${what}; supported are ${SUPPORTED_IMAGES}`);
  }
  const tooLarge = (what: string): FileFormatError =>
    new FileFormatError(path, kind, `${what}; read it as a slide or cut it into pieces`);
  if (size > MAX_FILE_BYTES) throw tooLarge(`the file has ${size} bytes, too many for a plain image`);

  const bytes = await readFileBytes(path);
  const warnings: string[] = [];
  let pixelSize: PixelSize | undefined;
  if (kind === "PNG") pixelSize = pngPixelSize(parsePngHeader(bytes, path));
  if (kind === "TIFF") {
    const header = parseTiffHeader(bytes, path);
    pixelSize = tiffPixelSize(header);
    if (header.pages > 1) {
      warnings.push(`${path}: the TIFF file has ${header.pages} pages or levels; only the first is read`);
    }
  }
  const facts = await probeImage(bytes, path, kind);
  if (facts.width * facts.height > maxPixels) {
    throw tooLarge(
      `the image has ${facts.width} x ${facts.height} px, more than the limit of ${maxPixels} pixels`,
    );
  }
  if (facts.depth !== "uchar" && facts.depth !== "ushort") {
    throw new FileFormatError(
      path,
      kind,
      `samples of type ${facts.depth} are not supported; save the image with 8 or 16 bits per sample`,
    );
  }
  const colours = facts.channels - (facts.hasAlpha ? 1 : 0);
  if (colours !== 1 && colours !== 3 && facts.space !== "cmyk") {
    throw new FileFormatError(
      path,
      kind,
      `images of ${facts.channels} samples per pixel are not supported; save it as RGB`,
    );
  }
  if (facts.depth === "ushort") {
    warnings.push(`${path}: 16-bit samples are divided by 256 to 8 bits, without stretching`);
  }
  if (facts.space === "cmyk") {
    warnings.push(`${path}: CMYK colours are converted to RGB, which only approximates what the camera saw`);
  }
  if (facts.orientation > 1) {
    warnings.push(
      `${path}: the image is turned upright by its EXIF orientation ${facts.orientation}; coordinates are those of the turned image`,
    );
  }
  const image = await decodeRgb(bytes, path, kind, facts);
  return { path, format: kind, image, ...(pixelSize && { pixelSize }), warnings };
}

/** Writes an RGB image as PNG, atomically. @throws FileAccessError when the file cannot be written */
export async function writePng(path: string, image: RgbImage): Promise<void> {
  await writeFileAtomic(path, await encodePng(image));
}
