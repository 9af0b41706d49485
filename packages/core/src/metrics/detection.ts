/**
 * Detection and classification by centroids: F_d, accuracy and F_c as in HoVer-Net's evaluation
 * (spec/metrics.md §6).
 *
 * @module
 */
import { ShapeError } from "../errors.js";
import { assignDense } from "./assignment.js";
import { assignSparse } from "./sparse-assignment.js";

/** Nuclei as points: x, y in pixels and class 1…K (0 = no class), one entry each. */
export interface TypedPoints {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly types: ArrayLike<number>;
}

/** Matches of one class among matched and unmatched nuclei. */
export interface ClassDetectionCounts {
  /** Matched, both of the class. */
  readonly tp: number;
  /** Matched, predicted as the class, truly another. */
  readonly fp: number;
  /** Matched, truly of the class, predicted as another. */
  readonly fn: number;
  /** Unmatched predictions of the class. */
  readonly unmatchedPredictions: number;
  /** Unmatched true nuclei of the class. */
  readonly unmatchedTruths: number;
}

/** What the detection scores are made of; counts of several images may be added. */
export interface DetectionCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  /** Matches whose true nucleus has a class. */
  readonly typed: number;
  /** Those of equal class. */
  readonly sameType: number;
  /** Of class 1…K. */
  readonly classes: readonly ClassDetectionCounts[];
}

/** Scores of a data set or an image, each 0…1 or NaN. */
export interface DetectionScores {
  /** F_d = 2·TP/(2·TP + FP + FN). */
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  /** Share of matches with equal class, among those whose true nucleus has a class. */
  readonly accuracy: number;
  /** F_c of class 1…K. */
  readonly classF1: readonly number[];
}

/**
 * Matches true and predicted centroids and counts.
 *
 * @param classes - number of classes K
 * @param distancePx - pairs farther apart do not match; exactly this far does
 * @param assignment - `"full"`: least total distance over all nuclei, then filtered, as published, cubic in time;
 *   `"gated"`: only pairs within the distance, most pairs first, then least total distance
 * @throws {@link ShapeError} when x, y and types differ in length
 */
export function matchCentroids(
  truth: TypedPoints,
  prediction: TypedPoints,
  classes: number,
  distancePx: number,
  assignment: "full" | "gated",
): DetectionCounts {
  for (const [name, points] of [
    ["truth", truth],
    ["prediction", prediction],
  ] as const) {
    if (points.x.length !== points.y.length || points.x.length !== points.types.length) {
      throw new ShapeError(
        `${name}: x, y and types must be of one length, received ${points.x.length}, ${points.y.length} and ${points.types.length}`,
      );
    }
  }
  const partner =
    assignment === "full"
      ? matchFull(truth, prediction, distancePx)
      : matchGated(truth, prediction, distancePx);
  return countDetections(truth.types, prediction.types, partner, classes);
}

function distanceOf(a: TypedPoints, i: number, b: TypedPoints, j: number): number {
  const dx = a.x[i]! - b.x[j]!;
  const dy = a.y[i]! - b.y[j]!;
  return Math.sqrt(dx * dx + dy * dy);
}

function matchFull(truth: TypedPoints, prediction: TypedPoints, distancePx: number): Int32Array {
  const n = truth.x.length;
  const m = prediction.x.length;
  const cost = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) cost[i * m + j] = distanceOf(truth, i, prediction, j);
  }
  const partner = assignDense(n, m, cost);
  for (let i = 0; i < n; i++)
    if (partner[i] !== -1 && cost[i * m + partner[i]!]! > distancePx) partner[i] = -1;
  return partner;
}

/** Pairs within reach through a grid of cells of the reach, then a sparse assignment that prefers any pair. */
function matchGated(truth: TypedPoints, prediction: TypedPoints, distancePx: number): Int32Array {
  const n = truth.x.length;
  const m = prediction.x.length;
  const stride = 2 ** 26; // cells per row; 2^26 cells of a pixel and more are wider than any slide
  const cellOf = (points: TypedPoints, i: number): number =>
    Math.floor(points.y[i]! / distancePx) * stride + Math.floor(points.x[i]! / distancePx);
  const head = new Map<number, number>();
  const next = new Int32Array(m);
  for (let j = m - 1; j >= 0; j--) {
    const cell = cellOf(prediction, j);
    next[j] = head.get(cell) ?? -1;
    head.set(cell, j);
  }
  const pairBonus = distancePx * (Math.min(n, m) + 2); // one more pair outweighs any change of distances
  const rowStart = new Int32Array(n + 1);
  const column: number[] = [];
  const cost: number[] = [];
  for (let i = 0; i < n; i++) {
    const cell = cellOf(truth, i);
    for (const row of [-stride, 0, stride]) {
      for (let dx = -1; dx <= 1; dx++) {
        for (let j = head.get(cell + row + dx) ?? -1; j !== -1; j = next[j]!) {
          const d = distanceOf(truth, i, prediction, j);
          if (d > distancePx) continue;
          column.push(j);
          cost.push(d - pairBonus);
        }
      }
    }
    rowStart[i + 1] = column.length;
  }
  const columns = Int32Array.from(column);
  const pairOf = assignSparse(rowStart, columns, Float64Array.from(cost), m);
  return pairOf.map((k) => (k === -1 ? -1 : columns[k]!));
}

function countDetections(
  truthTypes: ArrayLike<number>,
  predictionTypes: ArrayLike<number>,
  partner: Int32Array,
  classes: number,
): DetectionCounts {
  const counts = Array.from({ length: classes + 1 }, () => ({
    tp: 0,
    fp: 0,
    fn: 0,
    unmatchedPredictions: 0,
    unmatchedTruths: 0,
  }));
  const matched = new Uint8Array(predictionTypes.length);
  let tp = 0;
  let typed = 0;
  let sameType = 0;
  for (let i = 0; i < partner.length; i++) {
    const t = truthTypes[i]!;
    const j = partner[i]!;
    if (j === -1) {
      counts[t]!.unmatchedTruths++;
      continue;
    }
    const p = predictionTypes[j]!;
    matched[j] = 1;
    tp++;
    if (t !== 0) typed++;
    if (p === t) {
      if (t !== 0) sameType++;
      counts[t]!.tp++;
    } else {
      counts[t]!.fn++;
      counts[p]!.fp++;
    }
  }
  for (let j = 0; j < matched.length; j++)
    if (!matched[j]) counts[predictionTypes[j]!]!.unmatchedPredictions++;
  return {
    tp,
    fp: predictionTypes.length - tp,
    fn: partner.length - tp,
    typed,
    sameType,
    classes: counts.slice(1),
  };
}

/** F_d, precision, recall, accuracy and F_c from counts; NaN where there is nothing to count. */
export function detectionScores(counts: DetectionCounts): DetectionScores {
  const { tp, fp, fn, typed, sameType, classes } = counts;
  return {
    f1: (2 * tp) / (2 * tp + fp + fn),
    precision: tp / (tp + fp),
    recall: tp / (tp + fn),
    accuracy: sameType / typed,
    classF1: classes.map(
      (c) => (2 * c.tp) / (2 * c.tp + 2 * c.fp + 2 * c.fn + c.unmatchedPredictions + c.unmatchedTruths),
    ),
  };
}

/** Sum of counts, for pooling over images (§6). Both must be of the same number of classes. */
export function addDetectionCounts(a: DetectionCounts, b: DetectionCounts): DetectionCounts {
  return {
    tp: a.tp + b.tp,
    fp: a.fp + b.fp,
    fn: a.fn + b.fn,
    typed: a.typed + b.typed,
    sameType: a.sameType + b.sameType,
    classes: a.classes.map((c, i) => {
      const d = b.classes[i]!;
      return {
        tp: c.tp + d.tp,
        fp: c.fp + d.fp,
        fn: c.fn + d.fn,
        unmatchedPredictions: c.unmatchedPredictions + d.unmatchedPredictions,
        unmatchedTruths: c.unmatchedTruths + d.unmatchedTruths,
      };
    }),
  };
}
