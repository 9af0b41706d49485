/**
 * The rasters every part of Renograde exchanges. All are row-major, `data[y * width + x]`, origin top-left;
 * interleaved channels come last, `data[(y * width + x) * channels + c]`.
 *
 * @module
 */
import { ShapeError } from "./errors.js";

/** A raster of one value per pixel. */
export interface Raster<Data extends ArrayLike<number>> {
  readonly width: number;
  readonly height: number;
  readonly data: Data;
}

/** Instances: 0 = background, 1… = nuclei. */
export type LabelMap = Raster<Int32Array>;
/** One byte per pixel: a grey image, a class map, or a map scaled to 0…255. */
export type ByteMap = Raster<Uint8Array>;
/** 1 inside, 0 outside. */
export type BinaryMap = Raster<Uint8Array>;
/** Any real-valued map. */
export type FloatMap = Raster<Float32Array>;
/** 8-bit RGB image, three interleaved channels: `data.length === width * height * 3`. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * The network's output for one image: `channels` planes of `height × width` float32, plane after plane
 * (`data[c * width * height + y * width + x]`).
 */
export interface NetworkMaps {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
}

/** Creates a label map of zeros. */
export function createLabelMap(width: number, height: number): LabelMap {
  return { width, height, data: new Int32Array(width * height) };
}

/** Creates a byte map of zeros. */
export function createByteMap(width: number, height: number): ByteMap {
  return { width, height, data: new Uint8Array(width * height) };
}

/** Throws {@link ShapeError} unless `data` has one value per pixel and both maps have the same size. */
export function assertSameSize(
  nameA: string,
  a: { width: number; height: number },
  nameB: string,
  b: { width: number; height: number },
): void {
  if (a.width !== b.width || a.height !== b.height) {
    throw new ShapeError(
      `${nameB} is ${b.width} x ${b.height} px, but ${nameA} is ${a.width} x ${a.height} px; both must have the same size`,
    );
  }
}
