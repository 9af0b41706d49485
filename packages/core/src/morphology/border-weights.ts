/**
 * Weights that make a network keep close nuclei apart (Ronneberger et al. 2015; spec/baselines.md §3).
 *
 * @module
 */
import type { FloatMap, LabelMap } from "../raster.js";
import { transformDistances } from "./distance-transform.js";
import { labelBoxes } from "./label-boxes.js";
import { Workspace } from "./workspace.js";

const HEIGHT = 10;
const SIGMA = 5;
/** Where the farther of two nuclei is beyond this many pixels, the weight is 1 in float32. */
const REACH = 32;

/**
 * 1 + 10·exp(−(d1 + d2)²/(2·5²)) outside nuclei, with the Euclidean distances to the nearest and the second nearest
 * instance; 1 inside, and everywhere where there are fewer than two.
 *
 * Every instance is worked on inside its bounding box and the 32 px around it: the cost is the sum of those areas.
 *
 * @param labels - instances; ids may have holes
 * @throws DataError when a label is negative
 */
export function borderWeights(labels: LabelMap, workspace = new Workspace()): FloatMap {
  const { width, height, data } = labels;
  const nearest = workspace.float64("weights.nearest", width * height).fill(Infinity);
  const second = workspace.float64("weights.second", width * height).fill(Infinity);
  const { last, boxes } = labelBoxes(labels, workspace);
  for (let id = 1; id <= last; id++) {
    const b = 4 * id;
    if (boxes[b + 2] === 0) continue;
    const top = Math.max(0, boxes[b]! - REACH);
    const left = Math.max(0, boxes[b + 1]! - REACH);
    const h = Math.min(height, boxes[b + 2]! + REACH) - top;
    const w = Math.min(width, boxes[b + 3]! + REACH) - left;
    const elsewhere = workspace.uint8("weights.mask", w * h);
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0, p = (top + y) * width + left; x < w; x++, i++, p++)
        elsewhere[i] = data[p] === id ? 0 : 1;
    }
    const distances = workspace.float64("weights.distances", w * h);
    transformDistances(elsewhere, w, h, "euclidean", distances, workspace);
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0, p = (top + y) * width + left; x < w; x++, i++, p++) {
        const d = distances[i]!;
        if (d < nearest[p]!) {
          second[p] = nearest[p]!;
          nearest[p] = d;
        } else if (d < second[p]!) second[p] = d;
      }
    }
  }
  const weights = new Float32Array(width * height);
  for (let p = 0; p < weights.length; p++) {
    const sum = nearest[p]! + second[p]!;
    weights[p] = data[p] !== 0 ? 1 : 1 + HEIGHT * Math.exp(-(sum * sum) / (2 * SIGMA * SIGMA));
  }
  return { width, height, data: weights };
}
