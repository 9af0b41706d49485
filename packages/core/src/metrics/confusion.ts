/**
 * Nuclei of two label maps set against each other one by one: which are matched, and with which class.
 *
 * @module
 */
import type { TypedLabels } from "./instances.js";
import { computeOverlap, type Overlap } from "./overlap.js";
import { countMatches, matchInstances, type PanopticCounts } from "./panoptic.js";

/**
 * Matched and unmatched nuclei by class: `counts[row][column]`, both 0…K + 1. Index 0 is "no nucleus": row 0 holds
 * what only the columns' side has (invented), column 0 what only the rows' side has (missed). K + 1 is "nucleus without
 * class".
 */
export interface Confusion {
  readonly counts: readonly (readonly number[])[];
}

/** True nuclei by which of two predictions gets them right. */
export interface PairedCounts {
  readonly both: number;
  readonly onlyA: number;
  readonly onlyB: number;
  readonly neither: number;
}

/** Two predictions of one image against its truth and against each other. */
export interface PredictionComparison {
  /** Rows truth, columns prediction. */
  readonly a: Confusion;
  readonly b: Confusion;
  /** Rows A, columns B: the two predictions against each other. */
  readonly agreement: Confusion;
  /** True nuclei that a prediction matches. */
  readonly found: PairedCounts;
  /** True nuclei with a class that a prediction matches with that class. */
  readonly typed: PairedCounts;
  /** Matches with the truth at each of `thresholds`. */
  readonly countsA: readonly PanopticCounts[];
  readonly countsB: readonly PanopticCounts[];
}

/** Index of the class of each row of a table in a {@link Confusion}. */
function indicesOf(ids: Int32Array, types: ReadonlyMap<number, number>, classes: number): Int32Array {
  return ids.map((id) => types.get(id) || classes + 1);
}

function confusionOf(
  overlap: Overlap,
  rows: Int32Array,
  columns: Int32Array,
  partner: Int32Array,
  classes: number,
): Confusion {
  const counts = Array.from({ length: classes + 2 }, () => new Array<number>(classes + 2).fill(0));
  const matched = new Uint8Array(overlap.prediction.count);
  for (let t = 0; t < partner.length; t++) {
    const p = partner[t]!;
    counts[rows[t]!]![p === -1 ? 0 : columns[p]!]!++;
    if (p !== -1) matched[p] = 1;
  }
  for (let p = 0; p < matched.length; p++) if (!matched[p]) counts[0]![columns[p]!]!++;
  return { counts };
}

function paired(right: readonly (readonly [a: boolean, b: boolean])[]): PairedCounts {
  const count = (a: boolean, b: boolean): number => right.filter((r) => r[0] === a && r[1] === b).length;
  return {
    both: count(true, true),
    onlyA: count(true, false),
    onlyB: count(false, true),
    neither: count(false, false),
  };
}

/**
 * Compares two predictions of one image nucleus by nucleus.
 *
 * @param truth - label map and class by id; all three maps of one size
 * @param classes - number of classes K; class 0 or none counts as "without class"
 * @param iouThreshold - nuclei match above this IoU
 * @param thresholds - further thresholds, for curves
 * @throws {@link ShapeError} when the maps differ in size, {@link DataError} for a negative id
 */
export function comparePredictions(
  truth: TypedLabels,
  a: TypedLabels,
  b: TypedLabels,
  classes: number,
  iouThreshold: number,
  thresholds: readonly number[] = [],
): PredictionComparison {
  const ofA = computeOverlap(truth.labels, a.labels);
  const ofB = computeOverlap(truth.labels, b.labels);
  const between = computeOverlap(a.labels, b.labels);
  const typesT = indicesOf(ofA.truth.ids, truth.types, classes);
  const typesA = indicesOf(ofA.prediction.ids, a.types, classes);
  const typesB = indicesOf(ofB.prediction.ids, b.types, classes);
  const matchA = matchInstances(ofA, iouThreshold).partner;
  const matchB = matchInstances(ofB, iouThreshold).partner;
  const right = (match: Int32Array, types: Int32Array, t: number): boolean =>
    match[t] !== -1 && types[match[t]!] === typesT[t];
  const truths = Array.from(typesT.keys());
  return {
    a: confusionOf(ofA, typesT, typesA, matchA, classes),
    b: confusionOf(ofB, typesT, typesB, matchB, classes),
    agreement: confusionOf(between, typesA, typesB, matchInstances(between, iouThreshold).partner, classes),
    found: paired(truths.map((t) => [matchA[t] !== -1, matchB[t] !== -1])),
    typed: paired(
      truths
        .filter((t) => typesT[t]! <= classes)
        .map((t) => [right(matchA, typesA, t), right(matchB, typesB, t)]),
    ),
    countsA: thresholds.map((threshold) => countMatches(ofA, threshold)),
    countsB: thresholds.map((threshold) => countMatches(ofB, threshold)),
  };
}

/** Sum of two confusions of the same classes. */
export function addConfusions(a: Confusion, b: Confusion): Confusion {
  return { counts: a.counts.map((row, i) => row.map((n, j) => n + b.counts[i]![j]!)) };
}

/** Sum of paired counts. */
export function addPairedCounts(a: PairedCounts, b: PairedCounts): PairedCounts {
  return {
    both: a.both + b.both,
    onlyA: a.onlyA + b.onlyA,
    onlyB: a.onlyB + b.onlyB,
    neither: a.neither + b.neither,
  };
}

/** How far the two sides of a {@link Confusion} say the same. */
export interface Agreement {
  /** 2·matched / (all of the rows' side + all of the columns' side); NaN without nuclei. */
  readonly f1: number;
  readonly matched: number;
  /** Share of matched nuclei of equal class, among those with a class on both sides; NaN without such. */
  readonly sameClass: number;
}

/** Reads {@link Agreement} off a confusion. */
export function agreementOf({ counts }: Confusion): Agreement {
  const last = counts.length - 1;
  let matched = 0;
  let single = 0;
  let typed = 0;
  let same = 0;
  for (const [i, row] of counts.entries()) {
    for (const [j, n] of row.entries()) {
      if (i === 0 || j === 0) single += n;
      else {
        matched += n;
        if (i < last && j < last) typed += n;
        if (i < last && i === j) same += n;
      }
    }
  }
  return { f1: (2 * matched) / (2 * matched + single), matched, sameClass: same / typed };
}
