import { describe, expect, it } from "vitest";
import { createRandom } from "../random.js";
import { bootstrapIntervals, quantile } from "./bootstrap.js";

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe("quantile", () => {
  it("interpolates as NumPy", () => {
    // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.9, 1])
    const sorted = [1, 2, 4, 8];
    expect([0, 0.25, 0.5, 0.9, 1].map((q) => quantile(sorted, q))).toEqual([
      1,
      1.75,
      3,
      expect.closeTo(6.8, 12),
      8,
    ]);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("bootstrapIntervals", () => {
  it("has about the width theory gives a mean", () => {
    const random = createRandom("bootstrap-test");
    const values = Array.from({ length: 400 }, () => random.normal());
    const [interval] = bootstrapIntervals(400, (draw) => [mean([...draw].map((i) => values[i]!))], random);
    expect(interval!.value).toBeCloseTo(mean(values), 12);
    // 2 · 1.96 / √400 for a standard deviation of 1, which the sample has to within 10 %.
    expect(interval!.high - interval!.low).toBeGreaterThan(0.17);
    expect(interval!.high - interval!.low).toBeLessThan(0.23);
    expect(interval!.low).toBeLessThan(interval!.value);
    expect(interval!.high).toBeGreaterThan(interval!.value);
  });

  it("collapses for one image, is repeatable, and leaves out what is not defined", () => {
    const one = bootstrapIntervals(1, () => [0.25, Number.NaN], createRandom(1), { rounds: 10 });
    expect(one[0]).toEqual({ value: 0.25, low: 0.25, high: 0.25 });
    expect(one[1]).toEqual({ value: Number.NaN, low: Number.NaN, high: Number.NaN });
    const run = () => bootstrapIntervals(9, (d) => [mean([...d])], createRandom(7), { rounds: 50 });
    expect(run()).toEqual(run());
  });

  it("refuses impossible options", () => {
    expect(() => bootstrapIntervals(0, () => [], createRandom(1))).toThrow("expected at least one image");
    expect(() => bootstrapIntervals(2, () => [], createRandom(1), { level: 1 })).toThrow(/level between/);
  });
});
