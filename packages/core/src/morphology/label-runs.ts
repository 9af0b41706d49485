/**
 * Horizontal runs of equal label: one scan of the image, after which every measure costs only the nuclei. Internal.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { LabelMap } from "../raster.js";
import type { Workspace } from "./workspace.js";

/** Ids above this are refused: tables are indexed by id. */
const MAX_ID = 2 ** 26;

/** Runs in raster order; a run does not cross rows. */
export interface LabelRuns {
  /** Number of runs. */
  readonly count: number;
  /** Greatest label. */
  readonly last: number;
  /** Four entries per run: label, first position `y * width + x`, the position after its last, row y. */
  readonly table: Int32Array;
}

/**
 * Lists the runs of all instances.
 *
 * @returns runs lent by the workspace until its next call
 * @throws DataError when a label is negative or above 2^26
 */
export function labelRuns(map: LabelMap, workspace: Workspace): LabelRuns {
  const { width, height, data } = map;
  let capacity = 1024;
  let table = workspace.int32("runs", 4 * capacity);
  let count = 0;
  let last = 0;
  let least = 0;
  for (let y = 0, p = 0; y < height; y++) {
    const end = p + width;
    while (p < end) {
      const label = data[p]!;
      if (label === 0) {
        p++;
        // Most of an image is background: pass it four pixels at a time.
        while (p + 4 <= end && (data[p]! | data[p + 1]! | data[p + 2]! | data[p + 3]!) === 0) p += 4;
        continue;
      }
      const start = p;
      do p++;
      while (p < end && data[p] === label);
      if (label > last) last = label;
      else if (label < least) least = label;
      if (count === capacity) {
        const full = table.slice();
        capacity *= 2;
        table = workspace.int32("runs", 4 * capacity);
        table.set(full);
      }
      const i = 4 * count++;
      table[i] = label;
      table[i + 1] = start;
      table[i + 2] = p;
      table[i + 3] = y;
    }
  }
  if (least < 0) throw new DataError(`label map holds ${least}; labels must be 0 or more`);
  if (last > MAX_ID) {
    throw new DataError(`label map holds ${last}, above ${MAX_ID}; renumber it with compactLabels first`);
  }
  return { count, last, table };
}
