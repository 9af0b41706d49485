/**
 * Reference operations that move elements: joins, slices, orders, resolutions, pooling, matrix products.
 *
 * @module
 */
import * as rules from "../shape/rules.js";
import { dims4 } from "./convolution.js";
import { type ReferenceType, strides, type Tensor, zeros } from "./tensor.js";

/** Joins along `axis`. */
export function concat(path: string, xs: readonly Tensor[], axis: number, type: ReferenceType): Tensor {
  const dims = rules.concatShape(
    path,
    xs.map((x) => x.dims),
    axis,
  );
  const at = rules.resolveAxis(path, dims, axis);
  const y = zeros(dims, type);
  const inner = strides(dims)[at]!;
  const outer = rules.elements(dims.slice(0, at));
  let offset = 0;
  for (const x of xs) {
    const run = x.dims[at]! * inner;
    for (let i = 0; i < outer; i++) {
      y.data.set(x.data.subarray(i * run, (i + 1) * run), i * dims[at]! * inner + offset);
    }
    offset += run;
  }
  return y;
}

/** Elements start, start + step, … below end along `axis`. */
export function slice(
  path: string,
  x: Tensor,
  axis: number,
  start: number,
  end: number | undefined,
  step: number,
  type: ReferenceType,
): Tensor {
  const y = zeros(rules.sliceShape(path, x.dims, axis, start, end, step), type);
  const at = rules.resolveAxis(path, x.dims, axis);
  const range = rules.sliceRange(x.dims[at]!, start, end, step);
  const inner = strides(x.dims)[at]!;
  const outer = rules.elements(x.dims.slice(0, at));
  for (let i = 0; i < outer; i++) {
    for (let k = 0; k < range.count; k++) {
      const from = (i * x.dims[at]! + range.start + k * step) * inner;
      y.data.set(x.data.subarray(from, from + inner), (i * range.count + k) * inner);
    }
  }
  return y;
}

/** Reorders the axes. */
export function permute(path: string, x: Tensor, axes: readonly number[], type: ReferenceType): Tensor {
  const y = zeros(rules.permuteShape(path, x.dims, axes), type);
  const from = strides(x.dims);
  const to = strides(y.dims);
  for (let i = 0; i < y.data.length; i++) {
    let offset = 0;
    axes.forEach((axis, k) => {
      offset += (Math.floor(i / to[k]!) % y.dims[k]!) * from[axis]!;
    });
    y.data[i] = x.data[offset]!;
  }
  return y;
}

/** Product of the last two axes; leading axes broadcast. */
export function matmul(path: string, a: Tensor, b: Tensor, type: ReferenceType): Tensor {
  const y = zeros(rules.matmulShape(path, a.dims, b.dims), type);
  const rows = a.dims.at(-2)!;
  const inner = a.dims.at(-1)!;
  const columns = b.dims.at(-1)!;
  const lead = y.dims.slice(0, -2);
  const offset = (x: Tensor, batch: number): number => {
    const own = x.dims.slice(0, -2);
    const steps = strides(own);
    const all = strides(lead);
    let index = 0;
    own.forEach((size, i) => {
      const axis = i + lead.length - own.length;
      if (size !== 1) index += (Math.floor(batch / all[axis]!) % lead[axis]!) * steps[i]!;
    });
    return index * x.dims.at(-2)! * x.dims.at(-1)!;
  };
  const sums = new Float64Array(columns);
  for (let batch = 0; batch < rules.elements(lead); batch++) {
    const fromA = offset(a, batch);
    const fromB = offset(b, batch);
    const right = Float64Array.from(b.data.subarray(fromB, fromB + inner * columns));
    for (let i = 0; i < rows; i++) {
      sums.fill(0);
      for (let k = 0; k < inner; k++) {
        const factor = a.data[fromA + i * inner + k]!;
        for (let j = 0; j < columns; j++) sums[j]! += factor * right[k * columns + j]!;
      }
      y.data.set(sums, (batch * rows + i) * columns);
    }
  }
  return y;
}

/** Each pixel becomes a factor × factor block. */
export function upsampleNearest(path: string, x: Tensor, factor: number, type: ReferenceType): Tensor {
  const y = zeros(rules.upsampleShape(path, x.dims, factor), type);
  const [n, channels, height, width] = dims4(y);
  const w = width / factor;
  for (let p = 0; p < n * channels; p++) {
    for (let i = 0; i < height; i++) {
      const row = (p * (height / factor) + Math.floor(i / factor)) * w;
      for (let j = 0; j < width; j++) {
        y.data[(p * height + i) * width + j] = x.data[row + Math.floor(j / factor)]!;
      }
    }
  }
  return y;
}

/** Maximum or mean of each size × size window; of a mean without padding. */
export function pool(
  path: string,
  x: Tensor,
  { size, stride, padding = 0 }: { size: number; stride: number; padding?: number },
  kind: "max" | "mean",
  type: ReferenceType,
): Tensor {
  const y = zeros(rules.poolShape(path, x.dims, size, stride, padding), type);
  const [n, channels, height, width] = dims4(y);
  const [, , h, w] = dims4(x);
  for (let p = 0; p < n * channels; p++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let max = -Infinity;
        let sum = 0;
        for (let k = 0; k < size * size; k++) {
          const row = i * stride - padding + Math.floor(k / size);
          const column = j * stride - padding + (k % size);
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          const value = x.data[(p * h + row) * w + column]!;
          max = Math.max(max, value);
          sum += value;
        }
        y.data[(p * height + i) * width + j] = kind === "max" ? max : sum / (size * size);
      }
    }
  }
  return y;
}

/** Channel c·f² + i·f + j goes to pixel phase (i, j) of channel c. */
export function depthToSpace(path: string, x: Tensor, factor: number, type: ReferenceType): Tensor {
  const y = zeros(rules.depthToSpaceShape(path, x.dims, factor), type);
  const [n, channels, height, width] = dims4(y);
  const h = height / factor;
  const w = width / factor;
  for (let p = 0; p < n * channels; p++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const phase = p * factor * factor + (i % factor) * factor + (j % factor);
        const from = (phase * h + Math.floor(i / factor)) * w + Math.floor(j / factor);
        y.data[(p * height + i) * width + j] = x.data[from]!;
      }
    }
  }
  return y;
}
