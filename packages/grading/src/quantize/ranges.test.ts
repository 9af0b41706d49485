import { createRandom } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteScale, RANGE_METHODS, ValueStatistics } from "./ranges.js";

function observed(values: readonly number[]): ValueStatistics {
  const statistics = new ValueStatistics("v");
  statistics.add(Float32Array.from(values), [1, 1, 1, values.length]);
  return statistics;
}

describe("byteScale", () => {
  it("spreads 0 … 255 over the range, 0 included", () => {
    expect(byteScale(0, 255)).toEqual({ scale: 1, zero: 0 });
    expect(byteScale(-127, 128)).toEqual({ scale: 1, zero: 127 });
    expect(byteScale(3, 51)).toEqual({ scale: Math.fround(0.2), zero: 0 });
    expect(byteScale(-51, -3)).toEqual({ scale: Math.fround(0.2), zero: 255 });
    expect(byteScale(0, 0)).toEqual({ scale: Math.fround(1 / 255), zero: 0 });
  });

  it("reaches both ends up to float32", () => {
    const end = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(end, end, (below, above) => {
        const { scale, zero } = byteScale(-below, above);
        expect(Number.isInteger(zero) && zero >= 0 && zero <= 255).toBe(true);
        if (zero > 0) expect(scale * zero * (1 + 1e-7)).toBeGreaterThanOrEqual(below);
        if (zero < 255) expect(scale * (255 - zero) * (1 + 1e-7)).toBeGreaterThanOrEqual(above);
      }),
      { seed: 1 },
    );
  });
});

describe("ValueStatistics", () => {
  it("takes everything, or leaves out one value in 10,000, as asked", () => {
    const values = Array.from({ length: 20_001 }, (_, i) => i / 20_000);
    values[0] = 80;
    const statistics = observed(values);
    expect(statistics.choose("minmax")).toEqual(byteScale(0, 80));
    // The bins of 0 … 128 are 1/32 wide.
    expect(statistics.choose("percentile").scale * 255).toBeLessThan(1.05);
  });

  it("clips a lone outlier for a smaller squared error, but not a flat distribution", () => {
    const random = createRandom(1, "ranges");
    const flat = Array.from({ length: 50_000 }, () => random.uniform(-1, 1));
    const wide = observed(flat).choose("mse").scale * 255;
    expect(wide).toBeGreaterThan(1.95);
    const outlier = observed([6]);
    for (let i = 0; i < 20; i++) outlier.add(Float32Array.from(flat), [1, 1, 1, flat.length]);
    expect(outlier.choose("mse").scale * 255).toBeLessThan(5);
    expect(outlier.choose("minmax").scale * 255).toBeGreaterThan(6.9);
  });

  it("is the same in one piece or several, in any order, up to the exact ends", () => {
    const random = createRandom(2, "ranges");
    const values = Array.from({ length: 4000 }, () => random.normal(0.2, 2));
    const parts = new ValueStatistics("v");
    for (const part of [values.slice(1000), values.slice(0, 1000)]) {
      parts.add(Float32Array.from(part), [1, 1, 1, part.length]);
    }
    for (const method of RANGE_METHODS) expect(parts.choose(method)).toEqual(observed(values).choose(method));
  });

  it("gives the mean of every channel", () => {
    const statistics = new ValueStatistics("v");
    statistics.add(Float32Array.of(1, 2, 10, 20), [1, 2, 1, 2]);
    statistics.add(Float32Array.of(3, 4, 30, 40), [1, 2, 1, 2]);
    expect([...statistics.means()]).toEqual([2.5, 25]);
  });

  it("refuses infinity by name", () => {
    expect(() => observed([1, Number.POSITIVE_INFINITY])).toThrow("v: calibration met a value");
  });
});
