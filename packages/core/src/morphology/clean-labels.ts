/**
 * From flooded basins to instances: gaps between touching labels, small objects, compact ids.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { LabelMap } from "../raster.js";
import { type FramedLabels, frameLabels, unframeLabels } from "./framed.js";
import type { LabelledMap } from "./label-components.js";
import { Workspace } from "./workspace.js";

/**
 * Sets to 0 every labelled pixel with a different label other than 0 in its 3×3 neighbourhood, all at once, which
 * leaves a gap of 2 px between touching instances (spec/postprocessing.md §3 step 8).
 */
export function separateTouching(labels: LabelMap, workspace = new Workspace()): LabelMap {
  const framed = frameLabels(labels, workspace);
  openGaps(framed, workspace);
  return unframeLabels(framed);
}

/**
 * Removes instances of at most `maxArea` pixels and renumbers the others 1… in ascending order of their ids
 * (spec/postprocessing.md §3 steps 9 and 10). An instance in several pieces stays one.
 *
 * @param maxArea - 0 removes nothing
 */
export function removeSmall(labels: LabelMap, maxArea: number, workspace = new Workspace()): LabelledMap {
  const framed = frameLabels(compactLabels(labels), workspace);
  let last = 0;
  for (let i = 0; i < framed.count; i++) last = Math.max(last, framed.labels[framed.pixels[i]!]!);
  const count = dropSmall(framed, last, maxArea, workspace);
  return { ...unframeLabels(framed), count };
}

/**
 * Renumbers the ids that occur to 1…n, keeping their order.
 *
 * @throws DataError when a label is negative
 */
export function compactLabels(labels: LabelMap): LabelledMap {
  const { width, height, data: source } = labels;
  const seen = new Set<number>();
  let previous = 0;
  for (let p = 0; p < source.length; p++) {
    const label = source[p]!;
    if (label === previous || label === 0) continue;
    if (label < 0) {
      throw new DataError(
        `label map holds ${label} at pixel (${p % width}, ${Math.floor(p / width)}); labels must be 0 or more`,
      );
    }
    seen.add(label);
    previous = label;
  }
  const ids = Int32Array.from(seen).sort();
  const numbers = new Map<number, number>();
  for (let i = 0; i < ids.length; i++) numbers.set(ids[i]!, i + 1);
  const data = new Int32Array(source.length);
  let number = 0;
  previous = 0;
  for (let p = 0; p < source.length; p++) {
    const label = source[p]!;
    if (label === 0) continue;
    if (label !== previous) {
      previous = label;
      number = numbers.get(label)!;
    }
    data[p] = number;
  }
  return { width, height, data, count: ids.length };
}

/** {@link separateTouching} in place. */
export function openGaps(
  framed: Pick<FramedLabels, "labels" | "pixels" | "count" | "stride">,
  workspace: Workspace,
): void {
  const { labels, pixels, count, stride } = framed;
  const removed = workspace.int32("gaps.removed", count);
  const neighbours = Int32Array.of(-1, 1, -stride, stride, -stride - 1, 1 - stride, stride - 1, stride + 1);
  let n = 0;
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    const label = labels[p]!;
    if (label <= 0) continue;
    for (let k = 0; k < 8; k++) {
      const other = labels[p + neighbours[k]!]!;
      if (other !== label && other > 0) {
        removed[n++] = p;
        break;
      }
    }
  }
  for (let i = 0; i < n; i++) labels[removed[i]!] = 0;
}

/** Removes labels of at most `maxArea` pixels, renumbers 1…last compactly, in place; returns how many are left. */
export function dropSmall(framed: FramedLabels, last: number, maxArea: number, workspace: Workspace): number {
  const { labels, pixels, count } = framed;
  const numbers = workspace.int32("small.numbers", last + 1).fill(0);
  for (let i = 0; i < count; i++) {
    const label = labels[pixels[i]!]!;
    if (label > 0) numbers[label]!++;
  }
  let kept = 0;
  for (let label = 1; label <= last; label++) {
    const area = numbers[label]!;
    numbers[label] = area > 0 && area > maxArea ? ++kept : 0;
  }
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    if (labels[p]! > 0) labels[p] = numbers[labels[p]!]!;
  }
  return kept;
}
