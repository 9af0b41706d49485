/**
 * Reference convolutions: the definition, loop by loop.
 *
 * @module
 */
import type { ConvOptions } from "../backend.js";
import { convGeometry, convShape, convTransposeShape } from "../shape/rules.js";
import { type ReferenceType, type Tensor, zeros } from "./tensor.js";

/** Four sizes of an array that a shape rule has already checked. */
export function dims4(x: Tensor): [number, number, number, number] {
  return x.dims as unknown as [number, number, number, number];
}

/** As float64: one type of array keeps the innermost loops fast. */
function pixelsOf(x: Tensor): Float64Array {
  return x.data instanceof Float64Array ? x.data : new Float64Array(x.data);
}

/** First and last of `count` positions p for which p·stride + shift lies within 0 … size − 1. */
function meeting(count: number, size: number, shift: number, stride: number): [number, number] {
  return [
    Math.max(0, Math.ceil(-shift / stride)),
    Math.min(count - 1, Math.floor((size - 1 - shift) / stride)),
  ];
}

/** Numbers of {@link unfold}'s rows at a time, 16 MiB, where a single channel does not need more. */
const ROOM = 2 ** 21;
/** Memory of the rows, valid until the next call; anew for every convolution it would cost more than the sums. */
let memory = new Float64Array(0);

/**
 * What each tap (c, k, l) of a kernel meets at every output pixel, one row per tap: `rows[tap][i, j]` is
 * x[b, first + c, i·s+k−top, j·s+l−left], 0 outside.
 */
function unfold(
  pixels: Float64Array,
  [, cin, h, w]: ReturnType<typeof dims4>,
  [b, first]: readonly [image: number, channel: number],
  [channels, kh, kw]: readonly [number, number, number],
  [height, width]: readonly [number, number],
  { stride, padding }: ReturnType<typeof convGeometry>,
): Float64Array[] {
  const [top, left] = padding;
  const rows: Float64Array[] = [];
  const size = height * width;
  if (memory.length < channels * kh * kw * size) memory = new Float64Array(channels * kh * kw * size);
  for (let c = 0; c < channels; c++) {
    const source = (b * cin + first + c) * h * w;
    for (let k = 0; k < kh; k++) {
      const [firstRow, lastRow] = meeting(height, h, k - top, stride);
      for (let l = 0; l < kw; l++) {
        const [firstColumn, lastColumn] = meeting(width, w, l - left, stride);
        const row = memory.subarray(rows.length * size, (rows.length + 1) * size).fill(0);
        for (let i = firstRow; i <= lastRow; i++) {
          const from = source + (i * stride + k - top) * w + l - left;
          for (let j = firstColumn; j <= lastColumn; j++) row[i * width + j] = pixels[from + j * stride]!;
        }
        rows.push(row);
      }
    }
  }
  return rows;
}

/** Adds Σ taps[t]·rows[t], in this order: four rows at a time, so that a sum is read and written a fourth as often. */
function addTaps(plane: Float64Array, taps: ArrayLike<number>, rows: readonly Float64Array[]): void {
  const size = plane.length;
  let t = 0;
  for (; t + 4 <= rows.length; t += 4) {
    const [a, b, c, d] = [taps[t]!, taps[t + 1]!, taps[t + 2]!, taps[t + 3]!];
    const [p, q, r, s] = [rows[t]!, rows[t + 1]!, rows[t + 2]!, rows[t + 3]!];
    for (let i = 0; i < size; i++) plane[i] = plane[i]! + a * p[i]! + b * q[i]! + c * r[i]! + d * s[i]!;
  }
  for (; t < rows.length; t++) {
    const [tap, row] = [taps[t]!, rows[t]!];
    for (let i = 0; i < size; i++) plane[i]! += tap * row[i]!;
  }
}

/** ONNX Conv: y[n,o,i,j] = bias[o] + Σ x[n,c,i·s+k−top,j·s+l−left]·w[o,c,k,l]. */
export function conv2d(
  path: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions | undefined,
  type: ReferenceType,
): Tensor {
  const y = zeros(convShape(path, x.dims, weight.dims, bias?.dims ?? null, options), type);
  const geometry = convGeometry(options);
  const { groups } = geometry;
  const sides = dims4(x);
  const [n] = sides;
  const pixels = pixelsOf(x);
  const [cout, perGroup, kh, kw] = dims4(weight);
  const [, , height, width] = dims4(y);
  const size = height * width;
  const sums = y.data instanceof Float64Array ? y.data : new Float64Array(y.data.length);
  for (let i = 0; i < n * cout; i++) sums.fill(bias?.data[i % cout] ?? 0, i * size, (i + 1) * size);
  const atOnce = Math.max(1, Math.floor(ROOM / (kh * kw * size)));
  for (let b = 0; b < n; b++) {
    for (let group = 0; group < groups; group++) {
      for (let c = 0; c < perGroup; c += atOnce) {
        const channels = Math.min(atOnce, perGroup - c);
        const rows = unfold(
          pixels,
          sides,
          [b, group * perGroup + c],
          [channels, kh, kw],
          [height, width],
          geometry,
        );
        for (let o = (group * cout) / groups; o < ((group + 1) * cout) / groups; o++) {
          const at = (b * cout + o) * size;
          const first = (o * perGroup + c) * kh * kw;
          const taps = weight.data.subarray(first, first + rows.length);
          addTaps(sums.subarray(at, at + size), taps, rows);
        }
      }
    }
  }
  if (sums !== y.data) y.data.set(sums);
  return y;
}

/** ONNX ConvTranspose: every input pixel adds its weighted kernel to the output at stride distance. */
export function convTranspose2d(
  path: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions | undefined,
  type: ReferenceType,
): Tensor {
  const y = zeros(convTransposeShape(path, x.dims, weight.dims, bias?.dims ?? null, options), type);
  const { stride, padding, groups } = convGeometry(options);
  const [top, left] = padding;
  const [n, cin, h, w] = dims4(x);
  const [, perGroup, kh, kw] = dims4(weight);
  const [, cout, height, width] = dims4(y);
  const pixels = pixelsOf(x);
  const plane = new Float64Array(height * width);
  for (let b = 0; b < n; b++) {
    for (let o = 0; o < cout; o++) {
      plane.fill(bias?.data[o] ?? 0);
      const group = Math.floor(o / perGroup);
      for (let c = group * (cin / groups); c < (group + 1) * (cin / groups); c++) {
        const source = (b * cin + c) * h * w;
        for (let k = 0; k < kh; k++) {
          const [firstRow, lastRow] = meeting(h, height, k - top, stride);
          for (let l = 0; l < kw; l++) {
            const tap = weight.data[((c * perGroup + (o % perGroup)) * kh + k) * kw + l]!;
            const [firstColumn, lastColumn] = meeting(w, width, l - left, stride);
            for (let i = firstRow; i <= lastRow; i++) {
              const to = (i * stride + k - top) * width + l - left;
              const from = source + i * w;
              for (let j = firstColumn; j <= lastColumn; j++)
                plane[to + j * stride]! += tap * pixels[from + j]!;
            }
          }
        }
      }
      y.data.set(plane, (b * cout + o) * height * width);
    }
  }
  return y;
}
