import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_WEIGHT, quantizeConvolution } from "./weights.js";

describe("quantizeConvolution", () => {
  it("gives every output channel its own scale", () => {
    const result = quantizeConvolution({
      weights: Float32Array.of(64, -32, 1, 0.64, 0.32, -0.64),
      bias: Float32Array.of(10, -1),
      out: 2,
      inputScale: 0.5,
      inputMeans: new Float64Array(3),
    });
    expect([...result.weights]).toEqual([64, -32, 1, 64, 32, -64]);
    expect([...result.weightScales]).toEqual([1, Math.fround(0.01)]);
    expect([...result.bias]).toEqual([20, -200]);
    expect([...result.biasScales]).toEqual([0.5, Math.fround(0.005)]);
  });

  it("takes the mean effect of rounding off the bias", () => {
    // 64 fixes the scale at 1; 0.4 becomes 0, which with inputs of mean 10 takes 4 from every sum.
    const weights = Float32Array.of(64, 0.4, 64, 64);
    const conv = { weights, bias: null, out: 1, inputScale: 0.5 };
    const means = (second: number) => Float64Array.of(0, second, 0, 0);
    expect([...quantizeConvolution({ ...conv, inputMeans: means(0) }).bias]).toEqual([0]);
    expect([...quantizeConvolution({ ...conv, inputMeans: means(10) }).bias]).toEqual([8]);
  });

  it("keeps magnitudes within 64, whose pairs of products fit 16 bits, and never errs more than rounding all", () => {
    expect(2 * 255 * MAX_WEIGHT).toBeLessThanOrEqual(32767);
    const weight = fc.float({ min: -100, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 40 }), (row) => {
        const weights = Float32Array.from(row);
        const inputMeans = new Float64Array(row.length);
        const q = quantizeConvolution({ weights, bias: null, out: 1, inputScale: 1, inputMeans });
        const scale = q.weightScales[0]!;
        expect(q.weights.every((w) => Math.abs(w) <= MAX_WEIGHT)).toBe(true);
        const plain = Math.max(...row.map(Math.abs)) / MAX_WEIGHT;
        const error = row.reduce((sum, w, i) => sum + (w - scale * q.weights[i]!) ** 2, 0);
        expect(error).toBeLessThanOrEqual((row.length * (plain * 1.001) ** 2) / 4 + 1e-12);
      }),
      { seed: 1 },
    );
  });

  it("lets the bias settle the scale where all weights are zero", () => {
    const conv = { weights: new Float32Array(3), out: 1, inputScale: 0.01, inputMeans: new Float64Array(3) };
    const { bias, biasScales } = quantizeConvolution({ ...conv, bias: Float32Array.of(-7) });
    expect(bias[0]! * biasScales[0]!).toBeCloseTo(-7, 5);
    expect(quantizeConvolution({ ...conv, bias: null }).bias[0]).toBe(0);
  });
});
