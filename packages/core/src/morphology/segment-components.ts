/**
 * Instances by connected components, for networks without a distance map (spec/postprocessing.md §6).
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { PostOptions } from "../post-options.js";
import type { FloatMap } from "../raster.js";
import { dilateCross, fillHoles } from "./binary.js";
import { compactLabels, removeSmall } from "./clean-labels.js";
import { labelBoxes } from "./label-boxes.js";
import { type LabelledMap, labelComponents } from "./label-components.js";

/**
 * Finds instances from the nucleus probability: p > 0.5, holes filled, 4-connected components, those below
 * `options.minArea` pixels removed (strictly, unlike the watershed's rule), each dilated by the cross
 * `options.dilate` times with its holes filled; later instances overwrite.
 *
 * @param probability - in [0, 1]
 * @throws DataError when a value is NaN
 */
export function segmentByComponents(
  probability: FloatMap,
  options: Pick<PostOptions, "minArea" | "dilate">,
): LabelledMap {
  const { width, height, data } = probability;
  const mask = new Uint8Array(width * height);
  for (let p = 0; p < mask.length; p++) {
    const value = data[p]!;
    if (Number.isNaN(value)) {
      throw new DataError(`nucleus probability is NaN at pixel (${p % width}, ${Math.floor(p / width)})`);
    }
    mask[p] = value > 0.5 ? 1 : 0;
  }
  const components = labelComponents(fillHoles({ width, height, data: mask }), 4);
  const kept = removeSmall(components, options.minArea - 1);
  return options.dilate > 0 ? dilateInstances(kept, options.dilate) : kept;
}

/** Dilates every instance of the original map in id order, fills its holes and paints it over the earlier ones. */
function dilateInstances(labels: LabelledMap, times: number): LabelledMap {
  const { width, height } = labels;
  const painted = new Int32Array(width * height);
  const { last, boxes } = labelBoxes(labels);
  for (let id = 1; id <= last; id++) {
    // Within the box grown by the dilation and one pixel more, holes are the same as in the whole image.
    const top = Math.max(0, boxes[4 * id]! - times - 1);
    const left = Math.max(0, boxes[4 * id + 1]! - times - 1);
    const h = Math.min(height, boxes[4 * id + 2]! + times + 1) - top;
    const w = Math.min(width, boxes[4 * id + 3]! + times + 1) - left;
    const mask = new Uint8Array(w * h);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        if (labels.data[(top + y) * width + left + x] === id) mask[y * w + x] = 1;
      }
    }
    const grown = fillHoles(dilateCross({ width: w, height: h, data: mask }, times)).data;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) if (grown[y * w + x] !== 0) painted[(top + y) * width + left + x] = id;
    }
  }
  return compactLabels({ width, height, data: painted });
}
