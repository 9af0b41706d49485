/**
 * Losses of several steps.
 *
 * @module
 */
import type { StepLosses } from "./engine.js";

/** Sum of losses over steps, by name, `total` first. */
export type LossSums = Record<string, number>;

/** Adds the losses of a step. */
export function addLosses(sums: LossSums, losses: StepLosses): void {
  sums.total = (sums.total ?? 0) + losses.total;
  for (const [name, value] of Object.entries(losses.terms)) sums[name] = (sums[name] ?? 0) + value;
}

/** Mean losses of `steps` steps from their sum. */
export function meanLosses(sums: LossSums, steps: number): StepLosses {
  const { total = 0, ...terms } = sums;
  return {
    total: total / steps,
    terms: Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, value / steps])),
  };
}
