/**
 * Connected parts of instances in a framed raster, found run by run. Internal to outlines.
 *
 * @module
 */
import type { LabelMap } from "../raster.js";
import { findRoot, joinRoots, numberRoots } from "./framed.js";
import type { Connectivity } from "./label-components.js";
import { type LabelRuns, labelRuns } from "./label-runs.js";
import type { Workspace } from "./workspace.js";

/** Parts 1…count of the instances, in raster order of their first pixel. */
export interface FramedParts {
  readonly runs: LabelRuns;
  readonly count: number;
  /** Part of each run. */
  readonly ofRun: Int32Array;
  /** Part of each pixel, framed: pixel (x, y) at `(y + 1) * stride + x + 1`; 0 = none. */
  readonly map: Int32Array;
  readonly stride: number;
}

/**
 * Splits every instance into its connected parts.
 *
 * @returns arrays lent by the workspace until its next call
 */
export function frameParts(labels: LabelMap, connectivity: Connectivity, workspace: Workspace): FramedParts {
  const { width, height } = labels;
  const stride = width + 2;
  const runs = labelRuns(labels, workspace);
  const { count, ofRun } = joinRuns(runs, width, connectivity, workspace);
  const map = workspace.int32("parts.map", stride * (height + 2)).fill(0);
  const { table } = runs;
  for (let run = 0; run < runs.count; run++) {
    const offset = stride + 1 + 2 * table[4 * run + 3]!;
    map.fill(ofRun[run]!, table[4 * run + 1]! + offset, table[4 * run + 2]! + offset);
  }
  return { runs, count, ofRun, map, stride };
}

/**
 * Numbers the connected parts of the instances, 1…count in raster order of their first pixel.
 *
 * @param width - of the image the runs are from
 * @returns the part of each run, lent by the workspace until its next call
 */
export function joinRuns(
  runs: LabelRuns,
  width: number,
  connectivity: Connectivity,
  workspace: Workspace,
): Pick<FramedParts, "count" | "ofRun"> {
  const { table } = runs;
  const parents = workspace.int32("parts.parents", runs.count + 1);
  const reach = connectivity === 8 ? 1 : 0;
  // `above` walks the runs of the row above while `run` walks its own row.
  let above = 0;
  for (let run = 0; run < runs.count; run++) {
    const i = 4 * run;
    const from = table[i + 1]! - width - reach;
    const to = table[i + 2]! - width + reach;
    parents[run + 1] = run + 1;
    while (above < run && (table[4 * above + 3]! < table[i + 3]! - 1 || isBefore(table, above, i, from)))
      above++;
    for (let k = above; k < run && table[4 * k + 3]! === table[i + 3]! - 1 && table[4 * k + 1]! < to; k++) {
      if (table[4 * k] === table[i]) joinRoots(parents, k + 1, run + 1);
    }
  }
  for (let run = 1; run <= runs.count; run++) parents[run] = findRoot(parents, run);
  const count = numberRoots(parents, runs.count);
  return { count, ofRun: parents.subarray(1) };
}

/** Whether run `above`, in the row above, ends before position `from` of that row. */
function isBefore(table: Int32Array, above: number, i: number, from: number): boolean {
  return table[4 * above + 3] === table[i + 3]! - 1 && table[4 * above + 2]! <= from;
}
