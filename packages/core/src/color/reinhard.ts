/**
 * Colour transfer of Reinhard et al., Color transfer between images (2001): mean and deviation of each channel of the
 * lαβ space are made those of a target. Logarithms are natural, of intensities 0…255.
 *
 * @module
 */
import { applyMatrix3, invertMatrix3, type Matrix3, multiplyMatrix3, type Triple } from "./densities.js";
import { LEAST_TISSUE, samplePixels } from "./tissue.js";

/** Means and standard deviations of l, α and β over an image. */
export interface ReinhardProfile {
  readonly means: Triple;
  readonly deviations: Triple;
}

/**
 * The reference of HistomicsTK: a region of the public slide TCGA-A2-A3XS-DX1 (Amgad et al., Structured crowdsourcing
 * enables convolutional segmentation of histology images, 2019).
 */
export const REINHARD_REFERENCE: ReinhardProfile = {
  means: [8.74108109, -0.12440419, 0.0444982],
  deviations: [0.6135447, 0.10989545, 0.0286032],
};

/** RGB to cone responses, Reinhard's Eq. 4. */
const LMS: Matrix3 = [0.3811, 0.5783, 0.0402, 0.1967, 0.7244, 0.0782, 0.0241, 0.1288, 0.8444];
const LMS_TO_RGB = invertMatrix3(LMS);
/** Logarithms of cone responses to lαβ, Eq. 6. */
const LAB: Matrix3 = (() => {
  const [a, b, c] = [1 / Math.sqrt(3), 1 / Math.sqrt(6), 1 / Math.sqrt(2)];
  return [a, a, a, b, b, -2 * b, c, -c, 0];
})();
const LAB_TO_LOG = invertMatrix3(LAB);

/** Logarithms of the cone responses of a pixel; bytes of 0 count as 1. */
function logResponses(rgb: Uint8Array, p: number): Triple {
  const pixel: Triple = [Math.max(rgb[p]!, 1), Math.max(rgb[p + 1]!, 1), Math.max(rgb[p + 2]!, 1)];
  const [l, m, s] = applyMatrix3(LMS, pixel);
  return [Math.log(l), Math.log(m), Math.log(s)];
}

/**
 * Measures an image, background included, as published.
 *
 * @param rgb - interleaved bytes
 * @returns null when there is too little tissue ({@link LEAST_TISSUE}) or a channel does not vary
 */
export function measureReinhard(rgb: Uint8Array): ReinhardProfile | null {
  const { all, tissue } = samplePixels(rgb);
  if (tissue.length === 0 || tissue.length < LEAST_TISSUE * all.length) return null;
  const values = Array.from({ length: 3 }, () => new Float64Array(all.length));
  for (let i = 0; i < all.length; i++) {
    const lab = applyMatrix3(LAB, logResponses(rgb, all[i]!));
    for (let c = 0; c < 3; c++) values[c]![i] = lab[c]!;
  }
  const means = values.map((channel) => channel.reduce((sum, v) => sum + v, 0) / all.length);
  const deviations = values.map((channel, c) =>
    Math.sqrt(channel.reduce((sum, v) => sum + (v - means[c]!) ** 2, 0) / all.length),
  );
  if (deviations.some((deviation) => !(deviation > 1e-6))) return null;
  return { means: means as unknown as Triple, deviations: deviations as unknown as Triple };
}

/**
 * Moves and scales every channel of lαβ from `source`'s mean and deviation to `target`'s.
 *
 * @param rgb - interleaved bytes
 * @returns new bytes, rounded and clipped
 */
export function normalizeReinhard(
  rgb: Uint8Array,
  source: ReinhardProfile,
  target: ReinhardProfile = REINHARD_REFERENCE,
): Uint8Array {
  const factor = (c: 0 | 1 | 2): number => target.deviations[c] / source.deviations[c];
  const [l, alpha, beta] = [factor(0), factor(1), factor(2)];
  const scaled = multiplyMatrix3([l, 0, 0, 0, alpha, 0, 0, 0, beta], LAB);
  const matrix = multiplyMatrix3(LAB_TO_LOG, scaled);
  const shift = applyMatrix3(LAB_TO_LOG, [
    target.means[0] - source.means[0] * l,
    target.means[1] - source.means[1] * alpha,
    target.means[2] - source.means[2] * beta,
  ]);
  const result = new Uint8Array(rgb.length);
  for (let p = 0; p < rgb.length; p += 3) {
    const [x, y, z] = applyMatrix3(matrix, logResponses(rgb, p));
    const pixel = applyMatrix3(LMS_TO_RGB, [
      Math.exp(x + shift[0]),
      Math.exp(y + shift[1]),
      Math.exp(z + shift[2]),
    ]);
    for (let c = 0; c < 3; c++) result[p + c] = Math.min(255, Math.max(0, Math.floor(pixel[c]! + 0.5)));
  }
  return result;
}
