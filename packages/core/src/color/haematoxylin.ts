/**
 * Colour deconvolution: how much haematoxylin a pixel carries.
 *
 * @module
 */
import { ShapeError } from "../errors.js";
import { assertSameSize, type FloatMap, type LabelMap, type RgbImage } from "../raster.js";
import { invertMatrix3, type Matrix3 } from "./densities.js";

/**
 * Optical densities of haematoxylin, eosin and DAB in red, green and blue: Ruifrok and Johnston, Quantification of
 * histochemical staining by color deconvolution (2001), with the figures of `skimage.color.rgb_from_hed`.
 */
export const STAIN_DENSITIES: readonly (readonly [number, number, number])[] = [
  [0.65, 0.7, 0.29],
  [0.07, 0.99, 0.11],
  [0.27, 0.57, 0.78],
];

/** First column of the inverse of {@link STAIN_DENSITIES}: weights of the red, green and blue density. */
const HAEMATOXYLIN_WEIGHTS = (() => {
  const inverse = invertMatrix3(STAIN_DENSITIES.flat() as unknown as Matrix3);
  return [inverse[0], inverse[3], inverse[6]];
})();

/** Contribution of each byte of each channel: weight · −log10(max(byte, 1) / 255). */
const DENSITY_TABLES = HAEMATOXYLIN_WEIGHTS.map((weight) =>
  Float64Array.from({ length: 256 }, (_, byte) => weight * -Math.log10(Math.max(byte, 1) / 255)),
);

/**
 * Haematoxylin optical density of every pixel, at least 0: OD = −log10(RGB / 255) unmixed with
 * {@link STAIN_DENSITIES}. It is 6 times `skimage.color.rgb2hed(…)[…, 0]`, which divides by the density of 10^−6;
 * bytes of 0 count as 1, the least an 8-bit image can tell.
 *
 * @throws ShapeError when the data is not three bytes per pixel
 */
export function haematoxylinDensity(image: RgbImage): FloatMap {
  checkRgb(image);
  const { width, height, data } = image;
  const density = new Float32Array(width * height);
  for (let p = 0; p < density.length; p++) density[p] = densityAt(data, 3 * p);
  return { width, height, data: density };
}

/**
 * Mean haematoxylin optical density of every instance (of {@link haematoxylinDensity} before rounding to float32).
 *
 * @returns means by label, 0 for labels that do not occur
 * @throws ShapeError when the sizes differ
 */
export function meanHaematoxylin(labels: LabelMap, image: RgbImage): Float64Array {
  assertSameSize("label map", labels, "image", image);
  checkRgb(image);
  let last = 0;
  for (let p = 0; p < labels.data.length; p++) if (labels.data[p]! > last) last = labels.data[p]!;
  const means = new Float64Array(last + 1);
  const areas = new Int32Array(last + 1);
  for (let p = 0; p < labels.data.length; p++) {
    const label = labels.data[p]!;
    if (label === 0) continue;
    means[label]! += densityAt(image.data, 3 * p);
    areas[label]!++;
  }
  for (let label = 1; label <= last; label++) means[label]! /= Math.max(1, areas[label]!);
  return means;
}

function densityAt(data: Uint8Array, i: number): number {
  const density =
    DENSITY_TABLES[0]![data[i]!]! + DENSITY_TABLES[1]![data[i + 1]!]! + DENSITY_TABLES[2]![data[i + 2]!]!;
  return Math.max(density, 0);
}

function checkRgb(image: RgbImage): void {
  if (image.data.length !== 3 * image.width * image.height) {
    throw new ShapeError(
      `RGB image of ${image.width} x ${image.height} px has ${image.data.length} bytes, expected ${3 * image.width * image.height}`,
    );
  }
}
