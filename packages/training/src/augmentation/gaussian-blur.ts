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

/** Offsets of the line two before … two after each of `length` lines, the edge line repeated. */
function neighbours(length: number, stride: number): Int32Array[] {
  return [-2, -1, 0, 1, 2].map((step) =>
    Int32Array.from({ length }, (_, i) => Math.min(length - 1, Math.max(0, i + step)) * stride),
  );
}

/**
 * Blurs an RGB image as OpenCV's `GaussianBlur` with sigma 0 and replicated border on uint8: exact sums over rows
 * and columns, rounded once, halves up.
 *
 * @param rgb - interleaved bytes, `size × size` pixels
 */
export function gaussianBlur(rgb: Uint8Array, size: number, width: BlurSide, height: BlurSide): Uint8Array {
  const across = KERNELS[width];
  const down = KERNELS[height];
  const stride = size * 3;
  const rows = new Uint16Array(rgb.length);
  {
    const [c0, c1, c2] = across.weights;
    const [a, b, , d, e] = neighbours(size, 3) as [
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    for (let y = 0, to = 0; y < size; y++) {
      const row = y * stride;
      for (let x = 0; x < size; x++) {
        const [left2, left, right, right2] = [row + a[x]!, row + b[x]!, row + d[x]!, row + e[x]!];
        for (let c = 0; c < 3; c++, to++) {
          rows[to] =
            c0 * rgb[to]! +
            c1 * (rgb[left + c]! + rgb[right + c]!) +
            c2 * (rgb[left2 + c]! + rgb[right2 + c]!);
        }
      }
    }
  }
  const result = new Uint8Array(rgb.length);
  const [c0, c1, c2] = down.weights;
  const bits = across.bits + down.bits;
  const half = 1 << (bits - 1);
  const [a, b, , d, e] = neighbours(size, stride) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  for (let y = 0, to = 0; y < size; y++) {
    const [up2, up, below, below2] = [a[y]!, b[y]!, d[y]!, e[y]!];
    for (let x = 0; x < stride; x++, to++) {
      const sum =
        c0 * rows[to]! + c1 * (rows[up + x]! + rows[below + x]!) + c2 * (rows[up2 + x]! + rows[below2 + x]!);
      result[to] = (sum + half) >> bits;
    }
  }
  return result;
}
