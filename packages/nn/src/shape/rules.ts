/**
 * Result shapes of the backend's operations, and the checks every interpreter shares. Each function takes the
 * scope's path for its messages and throws ShapeError: what was expected, what was found.
 *
 * @module
 */
import { ShapeError } from "@renograde/core";
import type { ConvOptions, Padding } from "../backend.js";

/** Sizes of an array. */
export type Dims = readonly number[];

/** `[2, 3, 4]`, for messages. */
export function formatDims(dims: Dims): string {
  return `[${dims.join(", ")}]`;
}

/** Number of elements. */
export function elements(dims: Dims): number {
  return dims.reduce((product, size) => product * size, 1);
}

function fail(path: string, problem: string): never {
  throw new ShapeError(`${path === "" ? "network" : path}: ${problem}`);
}

function expectRank(path: string, x: Dims, rank: number): void {
  if (x.length !== rank) fail(path, `expected an array of ${rank} axes, received ${formatDims(x)}`);
}

/** Axis counted from the front; negative counts from the end. */
export function resolveAxis(path: string, x: Dims, axis: number): number {
  const resolved = axis < 0 ? axis + x.length : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= x.length) {
    fail(path, `axis ${axis} does not exist in ${formatDims(x)}`);
  }
  return resolved;
}

/** Convolution geometry with its defaults. */
export function convGeometry(options: ConvOptions = {}): {
  stride: number;
  padding: Padding;
  groups: number;
} {
  return {
    stride: options.stride ?? 1,
    padding: options.padding ?? [0, 0, 0, 0],
    groups: options.groups ?? 1,
  };
}

/** Shape of `conv2d`. */
export function convShape(
  path: string,
  x: Dims,
  weight: Dims,
  bias: Dims | null,
  options?: ConvOptions,
): Dims {
  expectRank(path, x, 4);
  expectRank(path, weight, 4);
  const { stride, padding, groups } = convGeometry(options);
  const [n, cin, h, w] = x as [number, number, number, number];
  const [cout, perGroup, kh, kw] = weight as [number, number, number, number];
  if (cin !== perGroup * groups || cout % groups !== 0) {
    fail(path, `expected ${perGroup * groups} input channels, received ${cin} from input ${formatDims(x)}`);
  }
  if (bias !== null && (bias.length !== 1 || bias[0] !== cout)) {
    fail(path, `expected a bias of shape [${cout}], received ${formatDims(bias)}`);
  }
  const height = Math.floor((h + padding[0] + padding[2] - kh) / stride) + 1;
  const width = Math.floor((w + padding[1] + padding[3] - kw) / stride) + 1;
  if (height < 1 || width < 1) fail(path, `a ${kh}×${kw} kernel does not fit into input ${formatDims(x)}`);
  return [n, cout, height, width];
}

/** Shape of `convTranspose2d`. */
export function convTransposeShape(
  path: string,
  x: Dims,
  weight: Dims,
  bias: Dims | null,
  options?: ConvOptions,
): Dims {
  expectRank(path, x, 4);
  expectRank(path, weight, 4);
  const { stride, padding, groups } = convGeometry(options);
  const [n, cin, h, w] = x as [number, number, number, number];
  const [expected, perGroup, kh, kw] = weight as [number, number, number, number];
  if (cin !== expected || cin % groups !== 0) {
    fail(path, `expected ${expected} input channels, received ${cin} from input ${formatDims(x)}`);
  }
  const cout = perGroup * groups;
  if (bias !== null && (bias.length !== 1 || bias[0] !== cout)) {
    fail(path, `expected a bias of shape [${cout}], received ${formatDims(bias)}`);
  }
  const height = (h - 1) * stride + kh - padding[0] - padding[2];
  const width = (w - 1) * stride + kw - padding[1] - padding[3];
  if (height < 1 || width < 1) fail(path, `the padding crops away all of input ${formatDims(x)}`);
  return [n, cout, height, width];
}

/** Checks that each of the named arrays is `[C]` for input `[N, C, …]`. */
export function checkPerChannel(path: string, x: Dims, arrays: Readonly<Record<string, Dims>>): void {
  for (const [name, dims] of Object.entries(arrays)) {
    if (dims.length !== 1 || dims[0] !== x[1]) {
      fail(
        path,
        `expected ${name} of shape [${x[1]}] for input ${formatDims(x)}, received ${formatDims(dims)}`,
      );
    }
  }
}

/** NumPy's broadcasting. */
export function broadcastShape(path: string, a: Dims, b: Dims): Dims {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1;
    const n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      fail(path, `shapes ${formatDims(a)} and ${formatDims(b)} do not broadcast`);
    }
    return m === 1 ? n : m;
  });
}

/** Shape of `matmul`; leading axes broadcast. */
export function matmulShape(path: string, a: Dims, b: Dims): Dims {
  if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2)) {
    fail(path, `matrices ${formatDims(a)} and ${formatDims(b)} cannot be multiplied`);
  }
  return [...broadcastShape(path, a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
}

/** Shape of `concat`. */
export function concatShape(path: string, xs: readonly Dims[], axis: number): Dims {
  const first = xs[0];
  if (!first) return fail(path, "nothing to join");
  const at = resolveAxis(path, first, axis);
  for (const x of xs) {
    if (x.length !== first.length || x.some((size, i) => i !== at && size !== first[i])) {
      fail(path, `cannot join ${xs.map(formatDims).join(" and ")} along axis ${axis}: other axes differ`);
    }
  }
  return first.map((size, i) => (i === at ? xs.reduce((sum, x) => sum + x[at]!, 0) : size));
}

/** First index and number of elements of a slice along an axis of `size` elements. */
export function sliceRange(
  size: number,
  start: number,
  end: number | undefined,
  step: number,
): { start: number; count: number } {
  const clamp = (i: number): number => Math.min(size, Math.max(0, i < 0 ? i + size : i));
  const from = clamp(start);
  const to = end === undefined ? size : clamp(end);
  return { start: from, count: Math.max(0, Math.ceil((to - from) / step)) };
}

/** Shape of `slice`; an empty result is an error. */
export function sliceShape(
  path: string,
  x: Dims,
  axis: number,
  start: number,
  end: number | undefined,
  step: number,
): Dims {
  const at = resolveAxis(path, x, axis);
  const { count } = sliceRange(x[at]!, start, end, step);
  if (count < 1 || step < 1) {
    fail(path, `slice ${start}:${end ?? ""}:${step} of axis ${axis} leaves nothing of ${formatDims(x)}`);
  }
  return x.map((size, i) => (i === at ? count : size));
}

/** Shape of `reshape`: 0 copies, one −1 is inferred. */
export function reshapeShape(path: string, x: Dims, shape: Dims): Dims {
  const total = elements(x);
  const filled = shape.map((size, i) => (size === 0 ? (x[i] ?? 0) : size));
  const known = filled.reduce((p, v) => (v === -1 ? p : p * v), 1);
  const result = filled.map((size) => (size === -1 ? total / known : size));
  if (
    elements(result) !== total ||
    result.some((v) => !Number.isInteger(v)) ||
    shape.filter((v) => v === -1).length > 1
  ) {
    fail(path, `cannot reshape ${formatDims(x)} to ${formatDims(shape)}`);
  }
  return result;
}

/** Shape of `permute`. */
export function permuteShape(path: string, x: Dims, axes: Dims): Dims {
  if (axes.length !== x.length || [...axes].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
    fail(path, `${formatDims(axes)} is not an order of the axes of ${formatDims(x)}`);
  }
  return axes.map((axis) => x[axis]!);
}

/** Shape of `sum` and `mean`. */
export function reduceShape(path: string, x: Dims, axes: Dims): Dims {
  const at = new Set(axes.map((axis) => resolveAxis(path, x, axis)));
  return x.map((size, i) => (at.has(i) ? 1 : size));
}

/** Shape of `maxPool2d` and `avgPool2d`. */
export function poolShape(path: string, x: Dims, size: number, stride: number, padding = 0): Dims {
  expectRank(path, x, 4);
  const [n, c] = x as [number, number];
  const [h, w] = [x[2]! + 2 * padding, x[3]! + 2 * padding];
  if (h < size || w < size) fail(path, `a ${size}×${size} pool does not fit into input ${formatDims(x)}`);
  return [n, c, Math.floor((h - size) / stride) + 1, Math.floor((w - size) / stride) + 1];
}

/** Shape of `gather`. */
export function gatherShape(path: string, x: Dims, indices: Dims, axis: number): Dims {
  expectRank(path, indices, 1);
  const at = resolveAxis(path, x, axis);
  return x.map((size, i) => (i === at ? indices[0]! : size));
}

/** Shape of `topK`. */
export function topKShape(path: string, x: Dims, k: number): Dims {
  expectRank(path, x, 1);
  return [Math.min(k, x[0]!)];
}

/** Checks boxes `[M, 4]` against scores `[M]`. */
export function checkBoxes(path: string, boxes: Dims, scores: Dims): void {
  expectRank(path, scores, 1);
  if (formatDims(boxes) !== formatDims([scores[0]!, 4])) {
    fail(
      path,
      `expected boxes [${scores[0]}, 4] for scores ${formatDims(scores)}, received ${formatDims(boxes)}`,
    );
  }
}

/** Shape of `roiAlign`. */
export function roiAlignShape(path: string, x: Dims, rois: Dims, size: number): Dims {
  expectRank(path, x, 4);
  if (rois.length !== 2 || rois[1] !== 5) {
    fail(path, `expected regions [R, 5], received ${formatDims(rois)}`);
  }
  return [rois[0]!, x[1]!, size, size];
}

/** Shape of `pixelGrid`. */
export function pixelGridShape(path: string, x: Dims): Dims {
  expectRank(path, x, 4);
  return [1, 2, x[2]!, x[3]!];
}

/** Shape of `upsampleNearest`. */
export function upsampleShape(path: string, x: Dims, factor: number): Dims {
  expectRank(path, x, 4);
  return [x[0]!, x[1]!, x[2]! * factor, x[3]! * factor];
}

/** Shape of `depthToSpace`. */
export function depthToSpaceShape(path: string, x: Dims, factor: number): Dims {
  expectRank(path, x, 4);
  if (x[1]! % (factor * factor) !== 0) {
    fail(path, `expected a multiple of ${factor * factor} channels, received ${formatDims(x)}`);
  }
  return [x[0]!, x[1]! / (factor * factor), x[2]! * factor, x[3]! * factor];
}

/** Checks logits `[N, K, H, W]` against targets `[N, H, W]`. */
export function checkTarget(path: string, logits: Dims, target: Dims): void {
  expectRank(path, logits, 4);
  const expected = [logits[0]!, logits[2]!, logits[3]!];
  if (formatDims(expected) !== formatDims(target)) {
    fail(
      path,
      `expected targets ${formatDims(expected)} for logits ${formatDims(logits)}, received ${formatDims(target)}`,
    );
  }
}
