/**
 * Median filter of an RGB image (spec/training.md §6 step 5).
 *
 * @module
 */
import type { BlurSide } from "./gaussian-blur.js";
import { medianOfNine } from "./median-3.js";

/**
 * Replaces every byte by the median of its `window × window` neighbourhood in its channel, the edge repeated, as
 * OpenCV's `medianBlur`. For 5 × 5 a histogram moves along each row (Huang et al. 1979), so the cost is that of one
 * column.
 *
 * @param rgb - interleaved bytes, `size × size` pixels
 */
export function medianBlur(rgb: Uint8Array, size: number, window: BlurSide): Uint8Array {
  if (window === 3) return medianOfNine(rgb, size);
  const result = new Uint8Array(rgb.length);
  const radius = window >> 1;
  const rank = (window * window) >> 1;
  const stride = size + 2 * radius;
  const plane = new Uint8Array(stride * stride);
  const histogram = new Uint8Array(256);
  for (let c = 0; c < 3; c++) {
    copyPadded(rgb, c, size, radius, plane);
    for (let y = 0; y < size; y++) {
      const top = y * stride;
      const bottom = top + window * stride;
      histogram.fill(0);
      for (let row = top; row < bottom; row += stride) {
        for (let x = 0; x < window; x++) histogram[plane[row + x]!]!++;
      }
      let median = 0;
      // Values of the window below `median`.
      let below = 0;
      for (let x = 0, to = y * size * 3 + c; x < size; x++, to += 3) {
        while (below > rank) below -= histogram[--median]!;
        while (below + histogram[median]! <= rank) below += histogram[median++]!;
        result[to] = median;
        if (x === size - 1) break;
        for (let at = top + x; at < bottom; at += stride) {
          const old = plane[at]!;
          const next = plane[at + window]!;
          histogram[old]!--;
          histogram[next]!++;
          // The sign bit: 1 where a value lies below the median. A branch here could not be foreseen.
          below += ((next - median) >>> 31) - ((old - median) >>> 31);
        }
      }
    }
  }
  return result;
}

/** One channel with its edge repeated `radius` times on every side. */
function copyPadded(rgb: Uint8Array, channel: number, size: number, radius: number, plane: Uint8Array): void {
  const last = size - 1;
  for (let y = -radius, to = 0; y < size + radius; y++) {
    const row = Math.min(last, Math.max(0, y)) * size;
    for (let x = -radius; x < size + radius; x++, to++) {
      plane[to] = rgb[(row + Math.min(last, Math.max(0, x))) * 3 + channel]!;
    }
  }
}
