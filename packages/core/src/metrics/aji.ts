/**
 * Aggregated Jaccard index, as Kumar et al. define it (predictions may be reused) and with a one-to-one
 * assignment (AJI+) (spec/metrics.md §2, §3).
 *
 * @module
 */
import { type Overlap, pairUnion } from "./overlap.js";
import { assignSparse } from "./sparse-assignment.js";

/** IoU as the published code ranks pairs, I/(U + 1e-6); the constant decides near-ties and nothing else. */
function rankedIou(overlap: Overlap, t: number, k: number): number {
  return overlap.intersection[k]! / (pairUnion(overlap, t, k) + 1e-6);
}

/** ΣI / (ΣU + areas of instances without partner) for the chosen pair of each true row; -1 = none. */
function aggregate(overlap: Overlap, pairOf: Int32Array): number {
  const { truth, prediction, column, intersection } = overlap;
  const used = new Uint8Array(prediction.count);
  let inner = 0;
  let outer = 0;
  for (let t = 0; t < truth.count; t++) {
    const k = pairOf[t]!;
    if (k === -1) {
      outer += truth.areas[t]!;
    } else {
      inner += intersection[k]!;
      outer += pairUnion(overlap, t, k);
      used[column[k]!] = 1;
    }
  }
  for (let p = 0; p < prediction.count; p++) if (!used[p]) outer += prediction.areas[p]!;
  return inner / outer;
}

/**
 * AJI: every true instance takes the prediction of largest IoU (ties: lowest id), which others may take too.
 *
 * @returns 0…1; NaN when truth and prediction are empty
 */
export function aggregatedJaccard(overlap: Overlap): number {
  const { truth, rowStart } = overlap;
  const pairOf = new Int32Array(truth.count).fill(-1);
  for (let t = 0; t < truth.count; t++) {
    let best = 0;
    for (let k = rowStart[t]!; k < rowStart[t + 1]!; k++) {
      const iou = rankedIou(overlap, t, k);
      if (iou > best) {
        best = iou;
        pairOf[t] = k;
      }
    }
  }
  return aggregate(overlap, pairOf);
}

/**
 * AJI+: pairs by the one-to-one assignment that maximises ΣIoU. Pairs without overlap have IoU 0 and never count,
 * so the assignment runs along overlapping pairs only.
 *
 * @returns 0…1; NaN when truth and prediction are empty
 */
export function aggregatedJaccardPlus(overlap: Overlap): number {
  const { truth, prediction, rowStart, column } = overlap;
  const cost = new Float64Array(column.length);
  for (let t = 0; t < truth.count; t++) {
    for (let k = rowStart[t]!; k < rowStart[t + 1]!; k++) cost[k] = -rankedIou(overlap, t, k);
  }
  return aggregate(overlap, assignSparse(rowStart, column, cost, prediction.count));
}
