/**
 * Reads reference vectors of fixtures/torch.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** One array of a fixture. */
export interface FixtureArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Parses fixtures/torch/`name`. */
export function readFixture<F>(name: string): F {
  const url = new URL(`../../../../fixtures/torch/${name}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as F;
}

/** Largest difference between two arrays of the same length. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    max = Math.max(max, Math.abs(a[i]! - b[i]!)); // NaN stays NaN, which fails every comparison
  }
  return max;
}
