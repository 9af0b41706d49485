/**
 * How a dyed section becomes light: Beer-Lambert absorption and the blur of the optics.
 *
 * @module
 */
import type { SectionStain, StainVector } from "./options.js";
import type { Dyes } from "./painter.js";

/** Optical density of haemoglobin under eosin: orange red. */
const BLOOD: StainVector = [0.14, 0.68, 0.72];
/** Light through empty glass. */
const WHITE: readonly [number, number, number] = [244, 242, 245];

/** Light through the dyes: white · exp(-optical density) per channel (Beer-Lambert). */
export function shine(dyes: Dyes, light: Float32Array, count: number, stain: SectionStain): void {
  const h = stain.haematoxylin.map((v) => v * stain.haematoxylinStrength * 1.4);
  const e = stain.eosin.map((v) => v * stain.eosinStrength);
  for (let i = 0; i < count; i++) {
    const a = dyes.haematoxylin[i]!;
    const b = dyes.eosin[i]!;
    const c = dyes.blood[i]!;
    for (let k = 0; k < 3; k++) {
      light[3 * i + k] = WHITE[k]! * Math.exp(-(a * h[k]! + b * e[k]! + c * BLOOD[k]!));
    }
  }
}

/** Blurs along rows; `source` is wider than `target` by the kernel. */
export function blurRows(
  source: Float32Array,
  target: Float32Array,
  sourceWidth: number,
  width: number,
  rows: number,
  kernel: Float32Array,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width * 3; column++) {
      let sum = 0;
      const from = row * sourceWidth * 3 + column;
      for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * source[from + 3 * k]!;
      target[row * width * 3 + column] = sum;
    }
  }
}

/** Weights of a Gaussian, from -3σ to 3σ, sum 1. */
export function gaussian(sigma: number): Float32Array {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = new Float32Array(2 * radius + 1);
  let sum = 0;
  for (let i = -radius; i <= radius; i++) {
    kernel[i + radius] = sigma > 0 ? Math.exp((-i * i) / (2 * sigma * sigma)) : i === 0 ? 1 : 0;
    sum += kernel[i + radius]!;
  }
  for (let i = 0; i < kernel.length; i++) kernel[i]! /= sum;
  return kernel;
}
