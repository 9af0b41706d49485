/**
 * Separable filters of float maps: rows and columns with symmetric or antisymmetric kernels, the border mirrored
 * without repeating the edge (reflect-101). Internal to post-processing.
 *
 * The order of additions is SciPy's (`ndimage.correlate1d`): centre, then pairs from the outermost inwards.
 *
 * @module
 */
import type { Workspace } from "./workspace.js";

/** A kernel of 2·n + 1 taps. */
export interface PairedKernel {
  /** Weight of the centre. */
  readonly centre: number;
  /** `pairs[k − 1]` is the weight k px after the centre; the one before has it times {@link sign}. */
  readonly pairs: readonly number[];
  /** 1 symmetric, −1 antisymmetric. */
  readonly sign: 1 | -1;
}

/** Position of `i` inside 0 … n−1 by reflection without repeating the edge. */
export function mirrored(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const phase = ((i % period) + period) % period;
  return phase < n ? phase : period - phase;
}

/** Correlates every row with a kernel: `out[x] = Σ k[i]·x[x + i]`. `source` and `target` may be the same. */
export function filterRows(
  source: Float64Array,
  target: Float64Array,
  width: number,
  height: number,
  { centre, pairs, sign }: PairedKernel,
  workspace: Workspace,
): void {
  const n = pairs.length;
  const padded = workspace.float64("separable.row", width + 2 * n);
  const weights = Float64Array.from([0, ...pairs]);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0; x < width; x++) padded[x + n] = source[start + x]!;
    for (let i = 1; i <= n; i++) {
      padded[n - i] = padded[n + mirrored(-i, width)]!;
      padded[n + width - 1 + i] = padded[n + mirrored(width - 1 + i, width)]!;
    }
    for (let x = 0; x < width; x++) {
      let sum = padded[x + n]! * centre;
      for (let k = n; k > 0; k--) sum += (padded[x + n + k]! + sign * padded[x + n - k]!) * weights[k]!;
      target[start + x] = sum;
    }
  }
}

/** Correlates every column with a kernel. `source` and `target` must differ. */
export function filterColumns(
  source: Float64Array,
  target: Float64Array,
  width: number,
  height: number,
  { centre, pairs, sign }: PairedKernel,
): void {
  for (let y = 0; y < height; y++) {
    const start = y * width;
    for (let x = 0; x < width; x++) target[start + x] = source[start + x]! * centre;
    for (let k = pairs.length; k > 0; k--) {
      const weight = pairs[k - 1]!;
      const before = mirrored(y - k, height) * width;
      const after = mirrored(y + k, height) * width;
      for (let x = 0; x < width; x++) {
        target[start + x]! += (source[after + x]! + sign * source[before + x]!) * weight;
      }
    }
  }
}
