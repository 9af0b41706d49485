/**
 * Dice of the foreground and the ensemble Dice over overlapping pairs (spec/metrics.md §1).
 *
 * @module
 */
import type { Overlap } from "./overlap.js";

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** Dice = 2·|T>0 ∩ P>0| / (|T>0| + |P>0|); NaN when both are empty. */
export function diceCoefficient(overlap: Overlap): number {
  return (2 * sum(overlap.intersection)) / (sum(overlap.truth.areas) + sum(overlap.prediction.areas));
}

/**
 * "Dice 2" of HoVer-Net's code: 2·ΣI / Σ(|T| + |P|) over all pairs that share pixels; 0 when none does, NaN when
 * truth and prediction are empty.
 */
export function ensembleDice(overlap: Overlap): number {
  const { truth, prediction, rowStart, column, intersection } = overlap;
  if (truth.count + prediction.count === 0) return Number.NaN;
  let areas = 0;
  for (let t = 0; t < truth.count; t++) {
    for (let k = rowStart[t]!; k < rowStart[t + 1]!; k++) {
      areas += truth.areas[t]! + prediction.areas[column[k]!]!;
    }
  }
  return areas === 0 ? 0 : (2 * sum(intersection)) / areas;
}
