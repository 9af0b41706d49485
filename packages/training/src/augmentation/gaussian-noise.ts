/**
 * Additive Gaussian noise of one grey level (spec/training.md §6 step 5).
 *
 * @module
 */
import type { Random } from "@renograde/core";

/**
 * P(floor(n) ≤ k) for a standard normal n, k = −6 … 5: Φ(k + 1), `scipy.stats.norm.cdf`. Beyond lies less than
 * 1e-9 on either side.
 */
const CUMULATIVE = [
  2.866515718791933e-7, 3.167124183311986e-5, 0.0013498980316300933, 0.022750131948179195,
  0.15865525393145707, 0.5, 0.8413447460685429, 0.9772498680518208, 0.9986501019683699, 0.9999683287581669,
  0.9999997133484281,
] as const;
const LEAST = -6;

/** Steps by the top 8 bits of a uniform number, where they decide it; 127 elsewhere. */
const UNDECIDED = 127;
const QUICK = Int8Array.from({ length: 256 }, (_, byte) => {
  const low = stepOf(byte / 256);
  return low === stepOf((byte + 1) / 256 - 2 ** -32) ? low : UNDECIDED;
});

/** floor(n) of the normal number with cumulative probability `u`. */
function stepOf(u: number): number {
  let k = 0;
  while (k < CUMULATIVE.length && u >= CUMULATIVE[k]!) k++;
  return LEAST + k;
}

/**
 * Adds normal noise with σ = 1 to every byte, clips and truncates. As bytes are whole numbers, trunc(x + n) is
 * x + floor(n): only the integer part of the noise is drawn, by inversion of the cumulative distribution.
 *
 * @param result - receives the bytes; may be `rgb`
 */
export function addNoise(
  rgb: Uint8Array,
  random: Random,
  result: Uint8Array = new Uint8Array(rgb.length),
): Uint8Array {
  for (let i = 0; i < rgb.length; i++) {
    const u = random.next();
    const quick = QUICK[(u * 256) | 0]!;
    const value = rgb[i]! + (quick === UNDECIDED ? stepOf(u) : quick);
    result[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
  return result;
}
