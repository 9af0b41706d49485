/**
 * Label images with a frame of one pixel around them and a list of the pixels that matter, so that neighbours
 * need no bounds check and empty regions cost nothing. Internal to post-processing.
 *
 * @module
 */
import type { LabelMap } from "../raster.js";
import type { Workspace } from "./workspace.js";

/**
 * Labels in a framed raster: pixel (x, y) is at `(y + 1) * stride + x + 1`, `stride = width + 2`.
 * Listed pixels carry labels ≥ 0, all others a value ≤ 0.
 */
export interface FramedLabels {
  readonly width: number;
  readonly height: number;
  readonly stride: number;
  readonly labels: Int32Array;
  /** Positions of the listed pixels in raster order; the first `count` entries are valid. */
  readonly pixels: Int32Array;
  count: number;
}

/** Row y of a framed position. */
export function rowOf({ stride }: Pick<FramedLabels, "stride">, position: number): number {
  return Math.floor(position / stride) - 1;
}

/** Copies a label map into a frame of zeros and lists its pixels that are not 0. */
export function frameLabels(map: LabelMap, workspace: Workspace): FramedLabels {
  const { width, height, data } = map;
  const stride = width + 2;
  const labels = workspace.int32("framed.labels", stride * (height + 2)).fill(0);
  const pixels = workspace.int32("framed.pixels", width * height);
  let count = 0;
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * stride + 1;
    for (const end = i + width; i < end; i++, p++) {
      const label = data[i]!;
      if (label === 0) continue;
      labels[p] = label;
      pixels[count++] = p;
    }
  }
  return { width, height, stride, labels, pixels, count };
}

/** Copies the positive labels of a framed raster into a new label map. */
export function unframeLabels(framed: FramedLabels): LabelMap {
  const { width, height, stride, labels, pixels, count } = framed;
  const data = new Int32Array(width * height);
  let row = 0;
  let rowEnd = stride;
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    while (p >= rowEnd) {
      row++;
      rowEnd += stride;
    }
    const label = labels[p]!;
    if (label > 0) data[p - stride - 1 - 2 * (row - 1)] = label;
  }
  return { width, height, data };
}

/** Root of a provisional label, halving the path on the way. */
export function findRoot(parents: Int32Array, label: number): number {
  let root = label;
  while (parents[root] !== root) {
    parents[root] = parents[parents[root]!]!;
    root = parents[root]!;
  }
  return root;
}

/** Joins the sets of two provisional labels under the smaller root, which it returns. */
export function joinRoots(parents: Int32Array, a: number, b: number): number {
  const rootA = findRoot(parents, a);
  const rootB = findRoot(parents, b);
  if (rootA < rootB) {
    parents[rootB] = rootA;
    return rootA;
  }
  parents[rootA] = rootB;
  return rootB;
}

/** Turns `parents[1…last]` into final ids 1… in the order of their roots; returns how many there are. */
export function numberRoots(parents: Int32Array, last: number): number {
  let ids = 0;
  for (let label = 1; label <= last; label++) {
    const parent = parents[label]!;
    parents[label] = parent === label ? ++ids : parents[parent]!;
  }
  return ids;
}

/**
 * Labels the connected components of listed pixels. Ids 1… in raster order of each component's first pixel.
 *
 * @param pixels - framed positions in raster order, `count` of them
 * @param target - framed; on entry ≤ 0 everywhere, on return the ids at the listed pixels
 * @returns the number of components
 */
export function labelPixels(
  pixels: Int32Array,
  count: number,
  stride: number,
  connectivity: 4 | 8,
  target: Int32Array,
  workspace: Workspace,
): number {
  const parents = workspace.int32("label.parents", count + 1);
  const diagonals = connectivity === 8;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    const up = p - stride;
    let label = Math.max(0, target[up]!);
    const left = Math.max(0, target[p - 1]!);
    if (label > 0) {
      // Under 8-connectivity the upper neighbour already touches the other three.
      if (!diagonals && left > 0 && left !== label) label = joinRoots(parents, label, left);
    } else {
      label = left > 0 || !diagonals ? left : Math.max(0, target[up - 1]!);
      const right = diagonals ? target[up + 1]! : 0;
      if (right > 0) label = label === 0 || label === right ? right : joinRoots(parents, label, right);
    }
    if (label === 0) {
      label = ++last;
      parents[label] = label;
    }
    target[p] = label;
  }
  // A root is its set's smallest label, so every parent precedes its child.
  for (let label = 1; label <= last; label++) parents[label] = findRoot(parents, label);
  const ids = numberRoots(parents, last);
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    target[p] = parents[target[p]!]!;
  }
  return ids;
}
