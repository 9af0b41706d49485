/**
 * Detection quality, segmentation quality and panoptic quality (Kirillov et al., CVPR 2019, Eq. 1), of all
 * instances or of one class (spec/metrics.md §4, §5).
 *
 * @module
 */
import { type Overlap, pairUnion } from "./overlap.js";
import { assignSparse } from "./sparse-assignment.js";

/** What PQ is made of; counts of several images may be added. */
export interface PanopticCounts {
  /** Matched pairs. */
  readonly tp: number;
  /** Predictions without match. */
  readonly fp: number;
  /** True instances without match. */
  readonly fn: number;
  /** Sum of IoU over the matched pairs. */
  readonly sumIou: number;
}

/** DQ, SQ and PQ = DQ · SQ, each 0…1 or NaN. */
export interface PanopticScores {
  readonly dq: number;
  readonly sq: number;
  readonly pq: number;
}

/** Instances that take part: class of each true row and predicted row, and the class looked at. */
export interface TypeFilter {
  readonly truthTypes: Uint8Array;
  readonly predictionTypes: Uint8Array;
  readonly type: number;
}

/** Which prediction each true instance is matched with. */
export interface InstanceMatches {
  /** Predicted row of each true row, `[truth.count]`; -1 = none. */
  readonly partner: Int32Array;
  /** IoU of each true row with its partner, 0 where there is none. */
  readonly iou: Float64Array;
}

/**
 * Matches instances whose IoU is above `threshold`. At 0.5 and above such matches are unique; below, the
 * assignment of largest ΣIoU is made first and then filtered.
 *
 * @param threshold - 0 ≤ threshold < 1, strict
 * @param filter - only instances of this class, on both sides; all instances when absent
 */
export function matchInstances(overlap: Overlap, threshold: number, filter?: TypeFilter): InstanceMatches {
  const { truth, prediction, rowStart, column, intersection } = overlap;
  const start = new Int32Array(truth.count + 1);
  const columns: number[] = [];
  const ious: number[] = [];
  for (let t = 0; t < truth.count; t++) {
    if (filter === undefined || filter.truthTypes[t] === filter.type) {
      for (let k = rowStart[t]!; k < rowStart[t + 1]!; k++) {
        const iou = intersection[k]! / pairUnion(overlap, t, k);
        if (filter !== undefined && filter.predictionTypes[column[k]!] !== filter.type) continue;
        if (threshold >= 0.5 && iou <= threshold) continue;
        columns.push(column[k]!);
        ious.push(iou);
      }
    }
    start[t + 1] = ious.length;
  }
  const partner = new Int32Array(truth.count).fill(-1);
  const iou = new Float64Array(truth.count);
  const chosen =
    threshold >= 0.5
      ? undefined
      : assignSparse(
          start,
          Int32Array.from(columns),
          Float64Array.from(ious, (value) => -value),
          prediction.count,
        );
  for (let t = 0; t < truth.count; t++) {
    const k = chosen === undefined ? (start[t]! < start[t + 1]! ? start[t]! : -1) : chosen[t]!;
    if (k === -1 || ious[k]! <= threshold) continue;
    partner[t] = columns[k]!;
    iou[t] = ious[k]!;
  }
  return { partner, iou };
}

/** Counts the matches of {@link matchInstances}; the same parameters. */
export function countMatches(overlap: Overlap, threshold: number, filter?: TypeFilter): PanopticCounts {
  const { partner, iou } = matchInstances(overlap, threshold, filter);
  const countType = (count: number, types: Uint8Array | undefined): number =>
    types === undefined ? count : types.reduce((n, type) => n + (type === filter?.type ? 1 : 0), 0);
  const truths = countType(overlap.truth.count, filter?.truthTypes);
  const predictions = countType(overlap.prediction.count, filter?.predictionTypes);
  let tp = 0;
  let sumIou = 0;
  for (let t = 0; t < partner.length; t++) {
    if (partner[t] === -1) continue;
    tp++;
    sumIou += iou[t]!;
  }
  return { tp, fp: predictions - tp, fn: truths - tp, sumIou };
}

/**
 * DQ = TP/(TP + ½FP + ½FN), SQ = ΣIoU/(TP + eps), PQ = DQ · SQ. Without any instance all three are NaN; without a
 * match they are 0.
 *
 * @param eps - 1e-6 in the published code, 0 in Kirillov's definition
 * @param dqEps - added to the denominator of DQ; the pooled definition uses `eps` here too (§5)
 */
export function panopticScores(counts: PanopticCounts, eps: number, dqEps = 0): PanopticScores {
  const { tp, fp, fn, sumIou } = counts;
  if (tp + fp + fn === 0) return { dq: Number.NaN, sq: Number.NaN, pq: Number.NaN };
  if (tp === 0) return { dq: 0, sq: 0, pq: 0 };
  const dq = tp / (tp + 0.5 * fp + 0.5 * fn + dqEps);
  const sq = sumIou / (tp + eps);
  return { dq, sq, pq: dq * sq };
}

/** Sum of counts, for pooling. */
export function addPanopticCounts(a: PanopticCounts, b: PanopticCounts): PanopticCounts {
  return { tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn, sumIou: a.sumIou + b.sumIou };
}
