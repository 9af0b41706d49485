/**
 * Decoding and encoding of pixels with sharp (libvips): the only file that imports it, on first use.
 *
 * @module
 */
import { FileFormatError, MissingDependencyError, type RgbImage } from "@renograde/core";
import type sharpModule from "sharp";

type Sharp = typeof sharpModule;

let loading: Promise<Sharp> | undefined;

function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then(
    (module) => {
      const sharp = module.default;
      // Every input is a buffer read once, so a cache would only hold memory.
      sharp.cache(false);
      return sharp;
    },
    (cause: unknown) => {
      loading = undefined;
      throw new MissingDependencyError(
        "sharp",
        "sharp, which reads and writes images, cannot be loaded; run npm install in the folder of Renograde",
        { cause },
      );
    },
  );
  return loading;
}

/** Facts of an encoded image, known before its pixels are decoded. */
export interface ImageFacts {
  /** As stored, before the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Sample type in libvips' words: `uchar`, `ushort`, `float`, … */
  readonly depth: string;
  /** Colour space in libvips' words: `srgb`, `b-w`, `cmyk`, … */
  readonly space: string;
  readonly hasAlpha: boolean;
  /** Samples per pixel. */
  readonly channels: number;
  /** EXIF orientation, 1 = upright. */
  readonly orientation: number;
}

/** libvips' messages without its own prefixes and repeated lines. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const first = text.split("\n").find((line) => line.trim() !== "") ?? text;
  return first
    .replace(
      /^(Input (file|buffer)( has corrupt header)?\s*:\s*|(Vips\w+|vips\w*|\w+load(_buffer)?|tiff2vips)\s*:\s*)+/i,
      "",
    )
    .replace(/[\s:]+$/, "");
}

function broken(path: string, format: string, cause: unknown): FileFormatError {
  return new FileFormatError(
    path,
    format,
    `the ${format} file is damaged or truncated (${reason(cause) || "its header is corrupt"}); copy it again or convert it to PNG`,
    { cause },
  );
}

/** Reads the header of the encoded image `bytes`. `path` and `format` are for errors. */
export async function probeImage(bytes: Uint8Array, path: string, format: string): Promise<ImageFacts> {
  const sharp = await loadSharp();
  try {
    const facts = await sharp(bytes, { failOn: "error", limitInputPixels: false }).metadata();
    return {
      width: facts.width,
      height: facts.height,
      depth: facts.depth,
      space: facts.space,
      hasAlpha: facts.hasAlpha,
      channels: facts.channels,
      orientation: facts.orientation ?? 1,
    };
  } catch (cause) {
    throw broken(path, format, cause);
  }
}

/**
 * Decodes the first page of `bytes` into 8-bit RGB: 16-bit samples divided by 256, grey repeated, alpha over
 * white, CMYK through its profile, upright by its EXIF orientation. Embedded RGB profiles are not applied: the
 * numbers stay those of the file, as other tools of the field read them.
 */
export async function decodeRgb(
  bytes: Uint8Array,
  path: string,
  format: string,
  facts: ImageFacts,
): Promise<RgbImage> {
  const sharp = await loadSharp();
  try {
    const { data, info } = await sharp(bytes, {
      failOn: "error",
      limitInputPixels: false,
      ignoreIcc: facts.space !== "cmyk",
      autoOrient: true,
    })
      .flatten({ background: "#ffffff" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`unexpected ${info.channels} channels`);
    return { width: info.width, height: info.height, data: ownBytes(data) };
  } catch (cause) {
    throw broken(path, format, cause);
  }
}

/** Decodes one-channel `bytes` into 16-bit numbers without any colour conversion. */
export async function decodeGrey16(
  bytes: Uint8Array,
  path: string,
): Promise<{ width: number; height: number; data: Uint16Array }> {
  const sharp = await loadSharp();
  try {
    const { width, height, depth } = await sharp(bytes, {
      failOn: "error",
      limitInputPixels: false,
    }).metadata();
    const wide = depth === "ushort";
    const data = await sharp(bytes, { failOn: "error", limitInputPixels: false, ignoreIcc: true })
      .toColourspace(wide ? "grey16" : "b-w")
      .extractChannel(0)
      .raw({ depth: wide ? "ushort" : "uchar" })
      .toBuffer();
    const own = ownBytes(data);
    return {
      width,
      height,
      data: wide ? new Uint16Array(own.buffer, own.byteOffset, width * height) : Uint16Array.from(own),
    };
  } catch (cause) {
    throw broken(path, "PNG", cause);
  }
}

/** Encodes an RGB image as PNG; the same pixels give the same bytes. */
export async function encodePng(image: RgbImage): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { width, height, data } = image;
  return await sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .png({ compressionLevel: 6, adaptiveFiltering: false })
    .toBuffer();
}

/**
 * Encodes an RGB image as JPEG, shrunk to at most `maxSide` pixels on its longer side.
 *
 * @param quality - 1 … 100
 */
export async function encodeJpeg(image: RgbImage, quality: number, maxSide: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { width, height, data } = image;
  const encoder = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  if (Math.max(width, height) > maxSide) encoder.resize({ width: maxSide, height: maxSide, fit: "inside" });
  return await encoder.jpeg({ quality, chromaSubsampling: "4:4:4" }).toBuffer();
}

/** Encodes RGBA bytes as PNG with a palette, for transparent layers. */
export async function encodeLayer(width: number, height: number, rgba: Uint8Array): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return await sharp(rgba, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .png({ compressionLevel: 9, palette: true, colours: 128 })
    .toBuffer();
}

/** Encodes 16-bit numbers as a one-channel 16-bit PNG. */
export async function encodeGrey16(width: number, height: number, data: Uint16Array): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return await sharp(data, { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .toColourspace("grey16")
    .png({ compressionLevel: 6, adaptiveFiltering: false })
    .toBuffer();
}

/** A copy with its own aligned memory: Node's buffers may be windows into a shared pool. */
function ownBytes(data: Buffer): Uint8Array {
  if (data.byteOffset === 0 && data.buffer.byteLength === data.length) {
    return new Uint8Array(data.buffer, 0, data.length);
  }
  return new Uint8Array(data);
}
