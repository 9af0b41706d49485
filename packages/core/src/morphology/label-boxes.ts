/**
 * Bounding boxes of all instances of a label map in one pass.
 *
 * @module
 */
import type { LabelMap } from "../raster.js";
import { type LabelRuns, labelRuns } from "./label-runs.js";
import { Workspace } from "./workspace.js";

/** Boxes by label: entry 4·id … 4·id + 3 is `[rowMin, colMin, rowMax, colMax]`, maxima exclusive. */
export interface LabelBoxes {
  /** Greatest id. */
  readonly last: number;
  /** All zero for ids that do not occur. */
  readonly boxes: Int32Array;
}

/**
 * Finds the bounding box of every instance.
 *
 * @throws DataError when a label is negative or above 2^26
 */
export function labelBoxes(labels: LabelMap, workspace = new Workspace()): LabelBoxes {
  const runs = labelRuns(labels, workspace);
  return { last: runs.last, boxes: boxesOfRuns(runs, labels.width) };
}

/** {@link LabelBoxes.boxes} from the runs of a label map. */
export function boxesOfRuns({ count, last, table }: LabelRuns, width: number): Int32Array {
  const boxes = new Int32Array(4 * (last + 1));
  for (let i = 0; i < 4 * count; i += 4) {
    const b = 4 * table[i]!;
    const y = table[i + 3]!;
    const left = table[i + 1]! - y * width;
    const right = table[i + 2]! - y * width;
    if (boxes[b + 2] === 0) {
      boxes[b] = y;
      boxes[b + 1] = left;
    } else if (left < boxes[b + 1]!) boxes[b + 1] = left;
    boxes[b + 2] = y + 1;
    if (right > boxes[b + 3]!) boxes[b + 3] = right;
  }
  return boxes;
}
