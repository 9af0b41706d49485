/**
 * Reference operations element by element, along one axis, and over axes.
 *
 * @module
 */
import { broadcastShape, reduceShape, resolveAxis } from "../shape/rules.js";
import { type ReferenceType, strides, type Tensor, zeros } from "./tensor.js";

/** y[i] = f(x[i]). */
export function map(x: Tensor, f: (value: number) => number, type: ReferenceType): Tensor {
  const y = zeros(x.dims, type);
  for (let i = 0; i < x.data.length; i++) y.data[i] = f(x.data[i]!);
  return y;
}

/** Offsets into an array of shape `dims` for every element of `target`, to which it broadcasts. */
function broadcastOffsets(dims: readonly number[], target: readonly number[]): Int32Array {
  const own = strides(dims);
  const lead = target.length - dims.length;
  const total = target.reduce((p, v) => p * v, 1);
  const offsets = new Int32Array(total);
  const steps = strides(target);
  for (let i = 0; i < total; i++) {
    let offset = 0;
    for (let axis = lead; axis < target.length; axis++) {
      const size = dims[axis - lead]!;
      const index = Math.floor(i / steps[axis]!) % target[axis]!;
      if (size !== 1) offset += index * own[axis - lead]!;
    }
    offsets[i] = offset;
  }
  return offsets;
}

/** y = f(a, b) with NumPy's broadcasting. */
export function combine(
  path: string,
  a: Tensor,
  b: Tensor,
  f: (p: number, q: number) => number,
  type: ReferenceType,
): Tensor {
  const y = zeros(broadcastShape(path, a.dims, b.dims), type);
  if (a.dims.join() === b.dims.join()) {
    for (let i = 0; i < y.data.length; i++) y.data[i] = f(a.data[i]!, b.data[i]!);
    return y;
  }
  const fromA = broadcastOffsets(a.dims, y.dims);
  const fromB = broadcastOffsets(b.dims, y.dims);
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(a.data[fromA[i]!]!, b.data[fromB[i]!]!);
  return y;
}

/** Softmax (or its logarithm) along an axis, with the maximum subtracted first. */
export function softmax(path: string, x: Tensor, axis: number, log: boolean, type: ReferenceType): Tensor {
  const at = resolveAxis(path, x.dims, axis);
  const size = x.dims[at]!;
  const step = strides(x.dims)[at]!;
  const y = zeros(x.dims, type);
  for (let i = 0; i < x.data.length; i++) {
    if (Math.floor(i / step) % size !== 0) continue; // first element of a line
    let max = -Infinity;
    for (let k = 0; k < size; k++) max = Math.max(max, x.data[i + k * step]!);
    let sum = 0;
    for (let k = 0; k < size; k++) sum += Math.exp(x.data[i + k * step]! - max);
    for (let k = 0; k < size; k++) {
      const shifted = x.data[i + k * step]! - max;
      y.data[i + k * step] = log ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
    }
  }
  return y;
}

/** Sum or mean over axes, which stay with size 1. */
export function reduce(
  path: string,
  x: Tensor,
  axes: readonly number[],
  mean: boolean,
  type: ReferenceType,
): Tensor {
  const y = zeros(reduceShape(path, x.dims, axes), type);
  const totals = new Float64Array(y.data.length);
  const target = broadcastOffsets(y.dims, x.dims);
  for (let i = 0; i < x.data.length; i++) totals[target[i]!]! += x.data[i]!;
  const divisor = mean ? x.data.length / y.data.length : 1;
  for (let i = 0; i < totals.length; i++) y.data[i] = totals[i]! / divisor;
  return y;
}
