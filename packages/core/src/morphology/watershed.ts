/**
 * Marker-controlled watershed, equal to scikit-image's to the last tie.
 *
 * @module
 */
import { DataError, ShapeError } from "../errors.js";
import type { WatershedTies } from "../post-options.js";
import { assertSameSize, type BinaryMap, type LabelMap, type Raster } from "../raster.js";
import { labelPixels, unframeLabels } from "./framed.js";
import { Workspace } from "./workspace.js";

/** Keys are value · 2^27 + age in a float64: room for 2^26 values and 2^27 ages, compared in one step. */
const AGES = 2 ** 27;
const MAX_PIXELS = 2 ** 26;

/**
 * Floods a relief from markers, lowest values first, 4-connected, without watershed lines
 * (spec/postprocessing.md §3.1; `skimage.segmentation.watershed(relief, markers, mask=mask)`).
 *
 * @param relief - any finite numbers, bytes or floats
 * @param markers - ids > 0; those outside the mask are ignored
 * @param mask - only its pixels that are not 0 are flooded
 * @param ties - order of equal values: `"skimage-legacy"` is scikit-image 0.14.2 to 0.25.1;
 *   `"skimage-0.25.2"` pushes max(value, level) as later versions do; `"component"` is legacy with a queue per
 *   4-connected component of the mask, so that a nucleus does not depend on what lies elsewhere
 * @returns marker ids, 0 where no flood came
 * @throws ShapeError when sizes differ or the mask has more than 2^26 pixels
 * @throws DataError when a relief value inside the mask is NaN
 */
export function watershed(
  relief: Raster<ArrayLike<number>>,
  markers: LabelMap,
  mask: BinaryMap,
  ties: WatershedTies = "skimage-legacy",
  workspace = new Workspace(),
): LabelMap {
  assertSameSize("relief", relief, "markers", markers);
  assertSameSize("relief", relief, "mask", mask);
  const { width, height } = relief;
  const stride = width + 2;
  const size = stride * (height + 2);
  const labels = workspace.int32("watershed.labels", size).fill(-1);
  const pixels = workspace.int32("watershed.pixels", width * height);
  const sources = workspace.int32("watershed.sources", width * height);
  const values = workspace.float64("watershed.values", size);
  let count = 0;
  let sourceCount = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (mask.data[i] === 0) continue;
      const p = (y + 1) * stride + x + 1;
      const value = relief.data[i]!;
      if (Number.isNaN(value)) {
        throw new DataError(`relief is NaN at pixel (${x}, ${y}); the watershed needs numbers`);
      }
      pixels[count++] = p;
      values[p] = value;
      const marker = markers.data[i]!;
      labels[p] = Math.max(marker, 0);
      if (marker > 0) sources[sourceCount++] = p;
    }
  }
  const ranks = workspace.int32("watershed.ranks", size);
  rankValues(values, pixels, count, ranks, workspace);
  flood(ranks, labels, stride, pixels, count, sources, sourceCount, ties, workspace);
  return unframeLabels({ width, height, stride, labels, pixels, count });
}

/** Replaces each listed value by its rank among the distinct ones, which keeps every comparison. */
function rankValues(
  values: Float64Array,
  pixels: Int32Array,
  count: number,
  ranks: Int32Array,
  workspace: Workspace,
): void {
  const sorted = workspace.float64("rank.sorted", count);
  for (let i = 0; i < count; i++) sorted[i] = values[pixels[i]!]! + 0; // −0 becomes 0
  sorted.sort();
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0 || sorted[i] !== sorted[distinct - 1]) sorted[distinct++] = sorted[i]!;
  }
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    const value = values[p]!;
    let low = 0;
    let high = distinct - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    ranks[p] = low;
  }
}

/**
 * Memory of a flood: a heap of (key, pixel); per value the first and last pixel of its list (empty between floods),
 * and per pixel the one after it.
 */
interface Queue {
  readonly keys: Float64Array;
  readonly items: Int32Array;
  readonly next: Int32Array;
  readonly heads: Int32Array;
  readonly tails: Int32Array;
}

/**
 * Floods framed labels in place.
 *
 * @param relief - framed, integers 0…2^26 at the listed pixels
 * @param labels - framed: marker ids and 0 inside the mask, −1 outside
 * @param pixels - the mask's pixels in raster order
 * @param sources - the marker pixels in raster order
 */
export function flood(
  relief: Uint8Array | Int32Array,
  labels: Int32Array,
  stride: number,
  pixels: Int32Array,
  count: number,
  sources: Int32Array,
  sourceCount: number,
  ties: WatershedTies,
  workspace: Workspace,
): void {
  if (count > MAX_PIXELS) {
    throw new ShapeError(
      `mask of the watershed has ${count} pixels, more than ${MAX_PIXELS}; cut it into tiles`,
    );
  }
  const queue: Queue = {
    keys: workspace.float64("flood.keys", count),
    items: workspace.int32("flood.items", count),
    next: workspace.int32("flood.next", labels.length),
    heads: new Int32Array(256),
    tails: new Int32Array(256),
  };
  const rising = ties === "skimage-0.25.2";
  if (ties !== "component") {
    floodGroup(relief, labels, stride, sources, 0, sourceCount, rising, queue);
    return;
  }
  const components = workspace.int32("flood.components", labels.length).fill(0);
  const n = labelPixels(pixels, count, stride, 4, components, workspace);
  const starts = new Int32Array(n + 2);
  for (let i = 0; i < sourceCount; i++) starts[components[sources[i]!]! + 1]!++;
  for (let c = 1; c <= n + 1; c++) starts[c]! += starts[c - 1]!;
  const grouped = workspace.int32("flood.grouped", sourceCount);
  const fill = starts.slice();
  for (let i = 0; i < sourceCount; i++) grouped[fill[components[sources[i]!]!]!++] = sources[i]!;
  for (let c = 1; c <= n; c++) {
    floodGroup(relief, labels, stride, grouped, starts[c]!, starts[c + 1]!, false, queue);
  }
}

/**
 * The flood from one queue. All marker pixels enter with age 0, and equal keys leave a binary heap in an order
 * that only the same heap reproduces, so its steps are those of the specification: on the way up an item passes
 * its parent only when strictly smaller; on the way down the left child wins ties.
 *
 * Once the last marker pixel has left, all keys differ. From there the order is by value, then age, which for bytes
 * one first-in-first-out list per value gives without a heap; the lists are kept from the beginning.
 */
function floodGroup(
  relief: Uint8Array | Int32Array,
  labels: Int32Array,
  stride: number,
  sources: Int32Array,
  from: number,
  to: number,
  rising: boolean,
  queue: Queue,
): void {
  const { keys, items, next, heads, tails } = queue;
  const listed = relief instanceof Uint8Array;
  let n = 0;
  const push = (key: number, item: number): void => {
    let child = n++;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const parentKey = keys[parent]!;
      if (key >= parentKey) break;
      keys[child] = parentKey;
      items[child] = items[parent]!;
      child = parent;
    }
    keys[child] = key;
    items[child] = item;
  };
  for (let i = from; i < to; i++) push(relief[sources[i]!]! * AGES, sources[i]!);
  let markersLeft = to - from;
  let age = 1;
  while (n > 0 && (markersLeft > 0 || !listed)) {
    const p = items[0]!;
    const first = keys[0]!;
    n--;
    const key = keys[n]!;
    let hole = 0;
    for (let child = 1; child < n; child = 2 * hole + 1) {
      let childKey = keys[child]!;
      if (child + 1 < n && keys[child + 1]! < childKey) childKey = keys[++child]!;
      if (childKey >= key) break;
      keys[hole] = childKey;
      items[hole] = items[child]!;
      hole = child;
    }
    keys[hole] = key;
    items[hole] = items[n]!;

    const level = Math.floor(first / AGES);
    if (first === level * AGES) markersLeft--;
    else if (listed) heads[level] = next[p]!;
    const label = labels[p]!;
    for (let k = 0; k < 4; k++) {
      const q = k === 0 ? p - stride : k === 1 ? p - 1 : k === 2 ? p + 1 : p + stride;
      if (labels[q] !== 0) continue;
      labels[q] = label;
      age++;
      const value = rising ? Math.max(relief[q]!, level) : relief[q]!;
      push(value * AGES + age, q);
      if (listed) append(heads, tails, next, value, q);
    }
  }
  if (!listed) return;

  for (let level = 0; level < 256; ) {
    const p = heads[level]!;
    if (p === 0) {
      level++;
      continue;
    }
    heads[level] = next[p]!;
    const label = labels[p]!;
    let lowest = level;
    for (let k = 0; k < 4; k++) {
      const q = k === 0 ? p - stride : k === 1 ? p - 1 : k === 2 ? p + 1 : p + stride;
      if (labels[q] !== 0) continue;
      labels[q] = label;
      const value = rising ? Math.max(relief[q]!, level) : relief[q]!;
      append(heads, tails, next, value, q);
      if (value < lowest) lowest = value;
    }
    level = lowest;
  }
}

/** Appends a pixel to the list of its value; 0, a position of the frame, ends a list. */
function append(heads: Int32Array, tails: Int32Array, next: Int32Array, value: number, p: number): void {
  next[p] = 0;
  if (heads[value] === 0) heads[value] = p;
  else next[tails[value]!] = p;
  tails[value] = p;
}
