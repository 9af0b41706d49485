/**
 * Which true box each candidate stands for, and the balanced draw of candidates that enter a loss (Faster R-CNN;
 * torchvision's Matcher and BalancedPositiveNegativeSampler).
 *
 * @module
 */
import { type Boxes, boxIou } from "./boxes.js";

/** The candidate overlaps no true box enough: background. */
export const NO_MATCH = -1;
/** The candidate is neither: it enters no loss. */
export const UNCLEAR_MATCH = -2;

/** When a candidate is a match. */
export interface MatchOptions {
  /** Intersection over union of a match, at least. */
  readonly high: number;
  /** Candidates whose best is smaller are background. */
  readonly low: number;
  /** Every true box also gets the candidates that overlap it most, however little (but more than not at all). */
  readonly lowQuality: boolean;
}

/**
 * Matches every candidate with the true box it overlaps most.
 *
 * @returns per candidate the index of its true box, {@link NO_MATCH} or {@link UNCLEAR_MATCH}
 */
export function matchBoxes(truth: Boxes, candidates: Boxes, options: MatchOptions): Int32Array {
  const count = candidates.length / 4;
  const best = new Int32Array(count);
  const overlap = new Float64Array(count);
  const most = new Float64Array(truth.length / 4);
  for (let t = 0; t < most.length; t++) {
    for (let c = 0; c < count; c++) {
      const iou = boxIou(truth, t, candidates, c);
      if (iou > overlap[c]!) {
        overlap[c] = iou;
        best[c] = t;
      }
      if (iou > most[t]!) most[t] = iou;
    }
  }
  const matches = best.map((t, c) => {
    if (overlap[c]! >= options.high) return t;
    return overlap[c]! < options.low ? NO_MATCH : UNCLEAR_MATCH;
  });
  if (options.lowQuality) {
    for (let t = 0; t < most.length; t++) {
      if (most[t] === 0) continue;
      for (let c = 0; c < count; c++) {
        if (boxIou(truth, t, candidates, c) === most[t]) matches[c] = best[c]!;
      }
    }
  }
  return matches;
}

/** Draws `count` of `indices`; the order of the result does not matter. */
export type Draw = (indices: Int32Array, count: number) => Int32Array;

/**
 * Draws at most `count` candidates, of them at most the share `positives` with a match and the rest background.
 *
 * @param matches what {@link matchBoxes} returned
 * @returns indices of candidates with a match and of background, each ascending
 */
export function sampleMatches(
  matches: Int32Array,
  options: { readonly count: number; readonly positives: number },
  draw: Draw,
): { readonly positive: Int32Array; readonly negative: Int32Array } {
  const select = (accept: (match: number) => boolean): Int32Array =>
    Int32Array.from(matches.keys()).filter((c) => accept(matches[c]!));
  const take = (from: Int32Array, most: number): Int32Array =>
    (from.length <= most ? from : draw(from, most)).sort();
  const positive = take(
    select((match) => match >= 0),
    Math.floor(options.count * options.positives),
  );
  const negative = take(
    select((match) => match === NO_MATCH),
    options.count - positive.length,
  );
  return { positive, negative };
}
