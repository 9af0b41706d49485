/**
 * Percentile bootstrap: how much a score would change with other images of the same kind (Efron 1979).
 *
 * @module
 */
import { UsageError } from "../errors.js";
import type { Random } from "../random.js";

/** A value with the interval of its resampled values; NaN where the value is not defined. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Options of {@link bootstrapIntervals}. */
export interface BootstrapOptions {
  /** How often to resample. Default 2000. */
  readonly rounds?: number;
  /** Share of the resampled values inside the interval. Default 0.95. */
  readonly level?: number;
}

/**
 * Resamples images with replacement and recomputes statistics.
 *
 * @param count - number of images
 * @param statistic - statistics of a draw of image numbers, always in the same order; NaN where not defined
 * @param random - stream of random numbers; the same stream gives the same intervals
 * @returns one interval per statistic; `value` is that of all images, each once
 * @throws UsageError for no images, or an impossible option
 * @example
 * const intervals = bootstrapIntervals(dice.length, (draw) => [nanMean([...draw].map((i) => dice[i]!))], createRandom(1));
 */
export function bootstrapIntervals(
  count: number,
  statistic: (draw: Int32Array) => readonly number[],
  random: Random,
  options: BootstrapOptions = {},
): Interval[] {
  const { rounds = 2000, level = 0.95 } = options;
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError(`bootstrap: expected at least one image, received ${count}`);
  }
  if (!Number.isInteger(rounds) || rounds < 1 || !(level > 0 && level < 1)) {
    throw new UsageError(
      `bootstrap: expected rounds of 1 or more and a level between 0 and 1, received ${rounds} and ${level}`,
    );
  }
  const draw = Int32Array.from({ length: count }, (_, i) => i);
  const values = statistic(draw);
  const resampled = values.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < count; i++) draw[i] = random.int(0, count - 1);
    for (const [k, value] of statistic(draw).entries()) {
      if (!Number.isNaN(value)) resampled[k]!.push(value);
    }
  }
  const tail = (1 - level) / 2;
  return values.map((value, k) => {
    const sorted = resampled[k]!.sort((a, b) => a - b);
    return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
  });
}

/**
 * Quantile by linear interpolation between order statistics, as NumPy's default.
 *
 * @param sorted - ascending
 * @param share - 0…1
 * @returns NaN for no values
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}
