/**
 * Distance targets: every nucleus alone, normalised to its own peak (spec/training.md §3).
 *
 * @module
 */
import type { ByteMap, FloatMap, LabelMap } from "../raster.js";
import { type DistanceMetric, transformDistances } from "./distance-transform.js";
import { labelBoxes } from "./label-boxes.js";
import { Workspace } from "./workspace.js";

/**
 * Scale of the distances of one nucleus, d from dmin to dmax: `"floor0.1"` 0.1 + 0.9·(d − dmin)/(dmax − dmin),
 * `"minmax"` (d − dmin)/(dmax − dmin), `"max"` d/dmax.
 */
export type DistanceNorm = "floor0.1" | "minmax" | "max";

/** Options of {@link instanceDistanceMap}; the defaults are the method's. */
export interface InstanceDistanceOptions {
  /** Default `"floor0.1"`. */
  readonly norm?: DistanceNorm;
  /** Default `"euclidean"`. */
  readonly metric?: DistanceMetric;
}

/**
 * Makes the distance map of spec/training.md §3: for each instance alone, the distance to the nearest pixel that is
 * not of this instance (touching neighbours are background, the image frame is not), normalised per instance.
 * Nuclei whose distances are all equal, and one that covers the whole image, get 1. Background is 0.
 *
 * Each instance is worked on inside its bounding box: the cost is the sum of the boxes' areas.
 *
 * @param labels - instances; ids may have holes
 * @returns FloatMap in [0, 1]
 * @throws DataError when a label is negative
 */
export function instanceDistanceMap(
  labels: LabelMap,
  options: InstanceDistanceOptions = {},
  workspace = new Workspace(),
): FloatMap {
  const data = new Float32Array(labels.width * labels.height);
  forEachDistance(labels, options, workspace, (p, value) => {
    data[p] = value;
  });
  return { width: labels.width, height: labels.height, data };
}

/** {@link instanceDistanceMap} as bytes: the float64 value × 255, truncated (0.1 → 25, 0.55 → 140, 1 → 255). */
export function instanceDistanceBytes(
  labels: LabelMap,
  options: InstanceDistanceOptions = {},
  workspace = new Workspace(),
): ByteMap {
  const data = new Uint8Array(labels.width * labels.height);
  forEachDistance(labels, options, workspace, (p, value) => {
    data[p] = Math.trunc(value * 255);
  });
  return { width: labels.width, height: labels.height, data };
}

/**
 * The same distances in pixels, not normalised: DIST's target (spec/baselines.md §7).
 *
 * @returns pixels, 1 at borders; 255 in an instance that covers the whole image; background is 0
 * @throws DataError when a label is negative
 */
export function instancePixelDistances(
  labels: LabelMap,
  metric: DistanceMetric = "chessboard",
  workspace = new Workspace(),
): FloatMap {
  const data = new Float32Array(labels.width * labels.height);
  forEachDistance(labels, { norm: "pixels", metric }, workspace, (p, value) => {
    data[p] = value;
  });
  return { width: labels.width, height: labels.height, data };
}

/** Calls `set` with every pixel of every instance and its distance, scaled as `norm` says, in float64. */
function forEachDistance(
  labels: LabelMap,
  options: { readonly norm?: DistanceNorm | "pixels"; readonly metric?: DistanceMetric },
  workspace: Workspace,
  set: (p: number, value: number) => void,
): void {
  const { width, height, data } = labels;
  const norm = options.norm ?? "floor0.1";
  const { last, boxes } = labelBoxes(labels, workspace);
  for (let id = 1; id <= last; id++) {
    const b = 4 * id;
    if (boxes[b + 2] === 0) continue;
    // One pixel around the box is background of this instance, except beyond the frame.
    const top = Math.max(0, boxes[b]! - 1);
    const left = Math.max(0, boxes[b + 1]! - 1);
    const h = Math.min(height, boxes[b + 2]! + 1) - top;
    const w = Math.min(width, boxes[b + 3]! + 1) - left;
    const mask = workspace.uint8("instance.mask", w * h);
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0, p = (top + y) * width + left; x < w; x++, i++, p++) mask[i] = data[p] === id ? 1 : 0;
    }
    const distances = workspace.float64("instance.distances", w * h);
    transformDistances(mask, w, h, options.metric ?? "euclidean", distances, workspace);
    let least = Infinity;
    let most = 0;
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === 0) continue;
      const d = distances[i]!;
      if (d < least) least = d;
      if (d > most) most = d;
    }
    const range = most - least;
    const flat = !(range > 0); // also when both are Infinity
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0, p = (top + y) * width + left; x < w; x++, i++, p++) {
        if (mask[i] === 0) continue;
        const d = distances[i]!;
        if (norm === "pixels") set(p, Number.isFinite(d) ? d : 255);
        else if (flat) set(p, 1);
        else if (norm === "floor0.1") set(p, 0.1 + (0.9 * (d - least)) / range);
        else if (norm === "minmax") set(p, (d - least) / range);
        else set(p, d / most);
      }
    }
  }
}
