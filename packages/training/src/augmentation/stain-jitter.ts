/**
 * Stain augmentation: haematoxylin, eosin and residual are varied on their own (Tellez et al., Whole-slide mitosis
 * detection in H&E breast histology using PHH3 as a reference, 2018). Not part of the paper's augmentation.
 *
 * @module
 */
import {
  applyMatrix3,
  invertMatrix3,
  type Matrix3,
  multiplyMatrix3,
  STAIN_DENSITIES,
  type Triple,
  transformDensities,
} from "@renograde/core";

/** One factor and one offset for each of haematoxylin, eosin and residual; offsets are optical densities (log10). */
export interface StainJitter {
  readonly factors: Triple;
  readonly offsets: Triple;
}

/** Amounts of the three stains to densities of red, green and blue. */
const MIX = [0, 1, 2].flatMap((channel) =>
  STAIN_DENSITIES.map((stain) => stain[channel]!),
) as unknown as Matrix3;
const UNMIX = invertMatrix3(MIX);

/**
 * Unmixes −log10(RGB / 255) into the stains of `STAIN_DENSITIES`, replaces each amount h by h·factor + offset and
 * mixes them again; rounded and clipped. Bytes of 0 count as 1.
 *
 * @param rgb - interleaved bytes
 */
export function jitterStains(rgb: Uint8Array, { factors, offsets }: StainJitter): Uint8Array {
  const [h, e, r] = factors;
  const matrix = multiplyMatrix3(MIX, multiplyMatrix3([h, 0, 0, 0, e, 0, 0, 0, r], UNMIX));
  const natural: Triple = [offsets[0] * Math.LN10, offsets[1] * Math.LN10, offsets[2] * Math.LN10];
  return transformDensities(rgb, matrix, applyMatrix3(MIX, natural), { white: 255, plus: 0 });
}
