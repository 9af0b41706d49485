/**
 * Median filter of an RGB image (spec/training.md §6 step 5).
 *
 * @module
 */
import type { BlurSide } from "./gaussian-blur.js";

/**
 * Replaces every byte by the median of its `window × window` neighbourhood in its channel, the edge repeated, as
 * OpenCV's `medianBlur`. A histogram moves along each row (Huang et al. 1979), so the cost is that of one column.
 *
 * @param rgb - interleaved bytes, `size × size` pixels
 */
export function medianBlur(rgb: Uint8Array, size: number, window: BlurSide): Uint8Array {
  const radius = window >> 1;
  const rank = (window * window) >> 1;
  const result = new Uint8Array(rgb.length);
  const histogram = new Uint8Array(256);
  const rows = new Int32Array(window);
  const at = (i: number): number => (i < 0 ? 0 : i >= size ? size - 1 : i);
  for (let y = 0; y < size; y++) {
    for (let k = 0; k < window; k++) rows[k] = at(y + k - radius) * size * 3;
    for (let c = 0; c < 3; c++) {
      histogram.fill(0);
      let median = 0;
      // Values of the window below `median`.
      let below = 0;
      for (let k = 0; k < window; k++) {
        const row = rows[k]! + c;
        for (let x = -radius; x <= radius; x++) histogram[rgb[row + 3 * at(x)]!]!++;
      }
      for (let x = 0; x < size; x++) {
        if (x > 0) {
          const leaving = 3 * at(x - 1 - radius) + c;
          const entering = 3 * at(x + radius) + c;
          for (let k = 0; k < window; k++) {
            const row = rows[k]!;
            const old = rgb[row + leaving]!;
            const next = rgb[row + entering]!;
            histogram[old]!--;
            histogram[next]!++;
            below += (next < median ? 1 : 0) - (old < median ? 1 : 0);
          }
        }
        while (below > rank) below -= histogram[--median]!;
        while (below + histogram[median]! <= rank) below += histogram[median++]!;
        result[(y * size + x) * 3 + c] = median;
      }
    }
  }
  return result;
}
