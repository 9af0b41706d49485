/**
 * From observed values to a scale and a zero point: statistics in histograms that grow with what they see, and three
 * ways to choose a range from them.
 *
 * @module
 */
import { DataError } from "@renograde/core";

/** An 8-bit representation: real value = scale · (byte − zero). */
export interface ByteScale {
  /** float32, > 0 */
  readonly scale: number;
  /** Byte that stands for 0: a whole number, 0 … 255. */
  readonly zero: number;
}

/**
 * How a range is chosen. `mse`: the one with the least squared error of the observed values. `percentile`: all but
 * one in 10,000 values at either end. `minmax`: everything that was seen. They hardly differ on CHR-Net, whose batch
 * norms keep maps free of outliers; `mse` is also safe where there are some (bench/int8.ts measures all three).
 */
export type RangeMethod = "mse" | "percentile" | "minmax";

/** All methods, for help texts. */
export const RANGE_METHODS: readonly RangeMethod[] = ["mse", "percentile", "minmax"];

const BINS = 4096;
const OUTSIDE = 1e-4;

/** Counts of magnitudes 0 … limit; the limit doubles, joining pairs of bins, when something larger comes. */
class Magnitudes {
  readonly counts = new Float64Array(BINS);
  limit = 0;

  add(value: number): void {
    if (value >= this.limit) this.grow(value);
    this.counts[((value * BINS) / this.limit) | 0]! += 1;
  }

  private grow(value: number): void {
    if (this.limit === 0) this.limit = 2 ** -20;
    while (value >= this.limit) {
      for (let i = 0; i < BINS / 2; i++) this.counts[i] = this.counts[2 * i]! + this.counts[2 * i + 1]!;
      this.counts.fill(0, BINS / 2);
      this.limit *= 2;
    }
  }

  /** Smallest magnitude below which all but `share` of `total` values lie. */
  quantile(share: number, total: number): number {
    let rest = share * total;
    for (let i = BINS - 1; i >= 0; i--) {
      rest -= this.counts[i]!;
      if (rest < 0) return ((i + 1) * this.limit) / BINS;
    }
    return 0;
  }
}

/** What calibration saw of one value. */
export class ValueStatistics {
  private readonly name: string;
  private readonly above = new Magnitudes();
  private readonly below = new Magnitudes();
  private count = 0;
  private sums: Float64Array | undefined;
  private perChannel = 0;
  min = 0;
  max = 0;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Adds the value of one run.
   * @param data - `[N, C, H, W]`
   * @throws DataError when a number is not finite
   */
  add(data: Float32Array, dims: readonly number[]): void {
    const channels = dims[1] ?? 1;
    const plane = dims.slice(2).reduce((p, n) => p * n, 1);
    this.sums ??= new Float64Array(channels);
    for (let at = 0, c = 0; at < data.length; at += plane, c = c + 1 === channels ? 0 : c + 1) {
      let sum = 0;
      for (let i = at; i < at + plane; i++) {
        const value = data[i]!;
        if (!Number.isFinite(value)) {
          throw new DataError(
            `${this.name}: calibration met a value that is not a finite number; the model or an image is damaged`,
          );
        }
        sum += value;
        if (value >= 0) this.above.add(value);
        else this.below.add(-value);
        if (value > this.max) this.max = value;
        else if (value < this.min) this.min = value;
      }
      this.sums[c]! += sum;
    }
    this.count += data.length;
    this.perChannel += data.length / channels;
  }

  /** Mean of every channel. */
  means(): Float64Array {
    return (this.sums ?? new Float64Array(0)).map((sum) => sum / this.perChannel);
  }

  /** The chosen representation; 0 is always exact. */
  choose(method: RangeMethod): ByteScale {
    const { min, max } = this;
    if (method === "minmax") return byteScale(min, max);
    if (method === "percentile") {
      const low = Math.max(min, -this.below.quantile(OUTSIDE, this.count));
      return byteScale(low, Math.min(max, this.above.quantile(OUTSIDE, this.count)));
    }
    const { values, counts } = this.points();
    let best = byteScale(min, max);
    let least = squaredError(best, values, counts);
    const consider = (low: number, high: number): void => {
      const candidate = byteScale(low, high);
      const error = squaredError(candidate, values, counts);
      if (error < least) [least, best, lowest, highest] = [error, candidate, low, high];
    };
    let [lowest, highest] = [min, max];
    for (let k = 98; k >= 10; k -= 2) consider((min * k) / 100, (max * k) / 100);
    if (min < 0) {
      const [low, high] = [lowest, highest];
      for (let k = 60; k <= 160; k += 5) consider(Math.max(min, (low * k) / 100), high);
      const settled = lowest;
      for (let k = 60; k <= 160; k += 5) consider(settled, Math.min(max, (high * k) / 100));
    }
    return best;
  }

  /** Observed values, each at the centre of its bin, and how often they came. */
  private points(): { values: Float64Array; counts: Float64Array } {
    const values: number[] = [];
    const counts: number[] = [];
    for (const [side, sign] of [
      [this.above, 1],
      [this.below, -1],
    ] as const) {
      for (let i = 0; i < BINS; i++) {
        if (side.counts[i] === 0) continue;
        values.push((sign * (i + 0.5) * side.limit) / BINS);
        counts.push(side.counts[i]!);
      }
    }
    return { values: Float64Array.from(values), counts: Float64Array.from(counts) };
  }
}

/** Bytes for low … high, both widened to hold 0; 0 … 1 where both are 0. */
export function byteScale(low: number, high: number): ByteScale {
  const below = Math.max(0, -low);
  const above = Math.max(0, high);
  if (below === 0 && above === 0) return { scale: Math.fround(1 / 255), zero: 0 };
  const zero = Math.round((below / (below + above)) * 255);
  // Rounding the zero point must not push either end out of reach.
  const scale = Math.max(zero > 0 ? below / zero : 0, zero < 255 ? above / (255 - zero) : 0);
  return { scale: Math.max(Math.fround(scale), 2 ** -100), zero };
}

function squaredError({ scale, zero }: ByteScale, values: Float64Array, counts: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const q = Math.min(255 - zero, Math.max(-zero, Math.round(values[i]! / scale)));
    const error = values[i]! - scale * q;
    sum += counts[i]! * error * error;
  }
  return sum;
}
