/**
 * Gaussian blur with OpenCV's fixed kernels (spec/training.md §6 step 5).
 *
 * @module
 */

/** Sides of a blur kernel. */
export type BlurSide = 3 | 5;

/** [1 2 1]/4 and [1 4 6 4 1]/16, centre and arm, and the logarithm of the divisor. */
const KERNELS = {
  3: { weights: [2, 1, 0], bits: 2 },
  5: { weights: [6, 4, 1], bits: 4 },
} as const;

/**
 * Blurs an RGB image as OpenCV's `GaussianBlur` with sigma 0 and replicated border on uint8: exact sums over rows
 * and columns, rounded once, halves up.
 *
 * @param rgb - interleaved bytes, `size × size` pixels
 */
export function gaussianBlur(rgb: Uint8Array, size: number, width: BlurSide, height: BlurSide): Uint8Array {
  const [a0, a1, a2] = KERNELS[width].weights;
  const stride = size * 3;
  const sums = new Uint16Array(rgb.length);
  // A row with its edge repeated twice on both sides.
  const row = new Uint8Array(stride + 12);
  for (let start = 0; start < rgb.length; start += stride) {
    row.set(rgb.subarray(start, start + stride), 6);
    row.copyWithin(0, 6, 9).copyWithin(3, 6, 9);
    row.copyWithin(stride + 6, stride + 3, stride + 6).copyWithin(stride + 9, stride + 3, stride + 6);
    for (let i = 0; i < stride; i++) {
      sums[start + i] = a0 * row[i + 6]! + a1 * (row[i + 3]! + row[i + 9]!) + a2 * (row[i]! + row[i + 12]!);
    }
  }
  const [d0, d1, d2] = KERNELS[height].weights;
  const bits = KERNELS[width].bits + KERNELS[height].bits;
  const half = 1 << (bits - 1);
  const result = new Uint8Array(rgb.length);
  for (let y = 0; y < size; y++) {
    const lines = [-2, -1, 0, 1, 2].map((step) => {
      const start = Math.min(size - 1, Math.max(0, y + step)) * stride;
      return sums.subarray(start, start + stride);
    });
    const [above2, above, middle, below, below2] = lines as [
      Uint16Array,
      Uint16Array,
      Uint16Array,
      Uint16Array,
      Uint16Array,
    ];
    for (let i = 0, to = y * stride; i < stride; i++, to++) {
      const sum = d0 * middle[i]! + d1 * (above[i]! + below[i]!) + d2 * (above2[i]! + below2[i]!);
      result[to] = (sum + half) >> bits;
    }
  }
  return result;
}
