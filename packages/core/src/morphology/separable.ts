/**
 * Filters of 21 taps along the rows or columns of float maps, symmetric or antisymmetric, the border mirrored without
 * repeating the edge (reflect-101). Internal to post-processing.
 *
 * The order of additions is SciPy's (`ndimage.correlate1d`): centre, then pairs from the outermost inwards.
 *
 * @module
 */
import type { Workspace } from "./workspace.js";

/** A kernel of 21 taps. */
export interface PairedKernel {
  /** Weights of the centre and of the taps 1 … 10 px after it; those before it have them times {@link sign}. */
  readonly weights: ElevenNumbers;
  /** 1 symmetric, −1 antisymmetric. */
  readonly sign: 1 | -1;
}

type FiveNumbers = readonly [number, number, number, number, number];
type ElevenNumbers = readonly [number, ...FiveNumbers, ...FiveNumbers];

/** Pixels on every side that a kernel reaches. */
export const REACH = 10;
/** Results of a row are computed four at a time, the last ones beyond it. */
const SPARE = 3;

/**
 * Some rows of a map, with a margin: the pixel at x in row r is at `origin + r * stride + x`; r starts at
 * −{@link REACH}.
 */
export interface Band {
  readonly width: number;
  readonly stride: number;
  readonly origin: number;
  readonly data: Float64Array;
}

/** Lends a band of `rows` rows and the margin, contents undefined. */
export function borrowBand(name: string, width: number, rows: number, workspace: Workspace): Band {
  const stride = width + 2 * REACH + SPARE;
  const data = workspace.float64(name, stride * (rows + 2 * REACH + SPARE));
  return { width, stride, origin: REACH * stride + REACH, data };
}

/** Position of `i` inside 0 … n−1 by reflection without repeating the edge. */
export function mirrored(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const phase = ((i % period) + period) % period;
  return phase < n ? phase : period - phase;
}

/** Correlates rows `from` … `to − 1` with a kernel, `out[x] = Σ k[t]·in[x + t]`. `target` is another band. */
export function filterRows(source: Band, target: Band, kernel: PairedKernel, from: number, to: number): void {
  const { width, stride, origin, data } = source;
  for (let k = 1; k <= REACH; k++) {
    const left = mirrored(-k, width);
    const right = mirrored(width - 1 + k, width);
    for (let start = origin + from * stride; start < origin + to * stride; start += stride) {
      data[start - k] = data[start + left]!;
      data[start + width - 1 + k] = data[start + right]!;
    }
  }
  correlate(source, target, kernel, from, to, 1);
}

/** Correlates the columns of rows `from` … `to − 1`, a multiple of 4. Reads {@link REACH} rows above and below. */
export function filterColumns(
  source: Band,
  target: Band,
  kernel: PairedKernel,
  from: number,
  to: number,
): void {
  correlate(source, target, kernel, from, to, source.stride);
}

/** Four neighbours along the filter at a time: 24 values serve where one by one takes 84. */
function correlate(
  { width, stride, origin, data: from }: Band,
  { data: to }: Band,
  { weights, sign }: PairedKernel,
  firstRow: number,
  endRow: number,
  step: number,
): void {
  const [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10] = weights;
  const [nextRow, nextColumn] = step === 1 ? [1, 4] : [4, 1];
  for (let row = firstRow; row < endRow; row += nextRow) {
    const start = origin + row * stride;
    for (let p = start; p < start + width; p += nextColumn) {
      const v0 = from[p - 10 * step]!;
      const v1 = from[p - 9 * step]!;
      const v2 = from[p - 8 * step]!;
      const v3 = from[p - 7 * step]!;
      const v4 = from[p - 6 * step]!;
      const v5 = from[p - 5 * step]!;
      const v6 = from[p - 4 * step]!;
      const v7 = from[p - 3 * step]!;
      const v8 = from[p - 2 * step]!;
      const v9 = from[p - step]!;
      const v10 = from[p]!;
      const v11 = from[p + step]!;
      const v12 = from[p + 2 * step]!;
      const v13 = from[p + 3 * step]!;
      const v14 = from[p + 4 * step]!;
      const v15 = from[p + 5 * step]!;
      const v16 = from[p + 6 * step]!;
      const v17 = from[p + 7 * step]!;
      const v18 = from[p + 8 * step]!;
      const v19 = from[p + 9 * step]!;
      const v20 = from[p + 10 * step]!;
      const v21 = from[p + 11 * step]!;
      const v22 = from[p + 12 * step]!;
      const v23 = from[p + 13 * step]!;
      // biome-ignore format: a line per kernel and values
      to[p] = weigh(sign, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10,
        v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20);
      // biome-ignore format: a line per kernel and values
      to[p + step] = weigh(sign, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10,
        v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21);
      // biome-ignore format: a line per kernel and values
      to[p + 2 * step] = weigh(sign, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10,
        v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21, v22);
      // biome-ignore format: a line per kernel and values
      to[p + 3 * step] = weigh(sign, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10,
        v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21, v22, v23);
    }
  }
}

/** One result; small enough for the compiler to put it in place of its calls. */
// biome-ignore format: a line per term
function weigh(
  sign: number,
  w0: number, w1: number, w2: number, w3: number, w4: number, w5: number, w6: number, w7: number, w8: number, w9: number, w10: number,
  v0: number, v1: number, v2: number, v3: number, v4: number, v5: number, v6: number, v7: number, v8: number, v9: number,
  v10: number,
  v11: number, v12: number, v13: number, v14: number, v15: number, v16: number, v17: number, v18: number, v19: number, v20: number,
): number {
  return (
    v10 * w0
    + (v20 + sign * v0) * w10
    + (v19 + sign * v1) * w9
    + (v18 + sign * v2) * w8
    + (v17 + sign * v3) * w7
    + (v16 + sign * v4) * w6
    + (v15 + sign * v5) * w5
    + (v14 + sign * v6) * w4
    + (v13 + sign * v7) * w3
    + (v12 + sign * v8) * w2
    + (v11 + sign * v9) * w1
  );
}
