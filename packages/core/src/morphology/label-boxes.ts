/**
 * Bounding boxes of all instances of a label map in one pass.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { LabelMap } from "../raster.js";

/** Boxes by label: entry 4·id … 4·id + 3 is `[rowMin, colMin, rowMax, colMax]`, maxima exclusive. */
export interface LabelBoxes {
  /** Greatest id. */
  readonly last: number;
  /** All zero for ids that do not occur. */
  readonly boxes: Int32Array;
}

/** Ids above this are refused: tables are indexed by id. */
const MAX_ID = 2 ** 26;

/**
 * Finds the bounding box of every instance.
 *
 * @throws DataError when a label is negative or above 2^26
 */
export function labelBoxes(labels: LabelMap): LabelBoxes {
  const { width, height, data } = labels;
  let last = 0;
  let least = 0;
  for (let p = 0; p < data.length; p++) {
    const label = data[p]!;
    if (label > last) last = label;
    else if (label < least) least = label;
  }
  if (least < 0) throw new DataError(`label map holds ${least}; labels must be 0 or more`);
  if (last > MAX_ID) {
    throw new DataError(`label map holds ${last}, above ${MAX_ID}; renumber it with compactLabels first`);
  }
  const boxes = new Int32Array(4 * (last + 1));
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; ) {
      const label = data[p]!;
      const start = x;
      do {
        x++;
        p++;
      } while (x < width && data[p] === label);
      if (label === 0) continue;
      const b = 4 * label;
      if (boxes[b + 2] === 0) {
        boxes[b] = y;
        boxes[b + 1] = start;
      } else if (start < boxes[b + 1]!) boxes[b + 1] = start;
      boxes[b + 2] = y + 1;
      if (x > boxes[b + 3]!) boxes[b + 3] = x;
    }
  }
  return { last, boxes };
}
