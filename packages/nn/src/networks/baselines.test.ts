import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { bicubicMatrix } from "../layers/bicubic-resize.js";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { ShapeBackend } from "../shape/shape-backend.js";
import { declareParameters, summarize } from "../shape/summary.js";
import { initState } from "../state.js";
import { auxiliaryWeight } from "./micro-net.js";
import { createNetwork } from "./registry.js";
import { weightedCrossEntropy } from "./weighted-loss.js";

/** Of docs/spec/baselines.md §2. */
const PUBLISHED = [
  ["u-net", 46_587_845, 390, 356, 514.86],
  ["micro-net", 192_595_433, 252, 252, 107.66],
  ["dist", 9_246_310, 268, 84, 5.13],
] as const;

describe.each(PUBLISHED)("%s", (name, parameters, input, output, gmac) => {
  const network = createNetwork(name);
  it("has the parameters, sides and multiply-adds of spec/baselines.md §2", () => {
    const { total, inputSide, outputSide } = summarize(network);
    expect(total.parameters).toBe(parameters);
    expect([inputSide, outputSide]).toEqual([input, output]);
    expect(total.macs.none / 1e9).toBeCloseTo(gmac, 2);
  });

  it("gives classes, nucleus and distance of the output's side, and a loss of them", () => {
    const F = new ShapeBackend();
    const { maps } = network.infer(F, F.input([2, 3, input, input]));
    expect(maps.dims).toEqual([2, 7, output, output]);
    expect(network.outputs[0]!.channels.map((c) => c.kind)).toEqual([
      ...new Array<string>(5).fill("class"),
      "nucleus",
      "distance",
    ]);
    const map = F.input([2, 1, output, output]);
    const targets = { classes: F.input([2, output, output]), borderWeights: map, pixelDistance: map };
    expect(network.loss(F, F.input([2, 3, input, input]), targets).total.dims).toEqual([]);
  });
});

describe("micro-net", () => {
  const network = createNetwork("micro-net", { width: 0.01 });

  it("weighs its auxiliary terms by the epoch, and drops outputs only with random numbers", () => {
    expect([1, 2, 3, 4, 11].map(auxiliaryWeight)).toEqual([1, 1, 0.5, 1 / 3, 0.1]);
    const F = new ShapeBackend();
    const map = F.input([1, 252, 252]);
    const targets = { classes: map, borderWeights: F.input([1, 1, 252, 252]) };
    const { terms } = network.loss(F, F.input([1, 3, 252, 252]), targets);
    expect([...terms.keys()]).toEqual(["ce", "aux1", "aux2", "aux3"]);
  });
});

describe("dropout of the reference interpreter", () => {
  it("zeroes a share and scales the rest, while training and with random numbers only", () => {
    const F = new ReferenceBackend(new Map(), { training: true });
    const ones = F.tensor([1, 1, 40, 50], new Array(2000).fill(1));
    const dropped = F.dropout(ones, 0.25, createRandom("dropout"));
    expect(new Set(dropped.data)).toEqual(new Set([0, 1 / 0.75]));
    const zeros = dropped.data.filter((v) => v === 0).length;
    expect(Math.abs(zeros - 500)).toBeLessThan(60);
    expect(F.dropout(ones, 0.25, null)).toBe(ones);
    const inference = new ReferenceBackend(new Map());
    expect(inference.dropout(ones, 0.25, createRandom(1))).toBe(ones);
  });
});

describe("bicubicMatrix", () => {
  it("has rows that add up to 1, and copies pixels at whole positions", () => {
    for (const to of [128, 64, 32, 16]) {
      const matrix = bicubicMatrix(252, to);
      for (let i = 0; i < to; i++) {
        const sum = matrix.subarray(i * 252, (i + 1) * 252).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(1, 12);
      }
    }
    expect([...bicubicMatrix(8, 4)].filter((w) => w !== 0)).toEqual([1, 1, 1, 1]);
  });

  it("reads half-way pixels with the weights of A = -0.75", () => {
    // 6 to 4: positions 0, 1.5, 3, 4.5; at a half the weights are A/8 outside and (4 - A)/8 inside.
    const row = bicubicMatrix(6, 4).subarray(6, 12);
    expect([...row]).toEqual([-0.09375, 0.59375, 0.59375, -0.09375, 0, 0]);
    // The last position is clamped to the edge: pixels 3, 4, 5 and 5 again.
    expect([...bicubicMatrix(6, 4).subarray(18, 24)]).toEqual([0, 0, 0, -0.09375, 0.59375, 0.5]);
  });
});

describe("weightedCrossEntropy", () => {
  it("is the mean of weight times cross-entropy", () => {
    const F = new ReferenceBackend(new Map());
    // Two classes, two pixels: probabilities of the true class 0.25 and 0.5, weights 1 and 3.
    const logits = F.tensor([1, 2, 1, 2], [Math.log(0.75), 0, Math.log(0.25), 0]);
    const value = weightedCrossEntropy(
      F,
      logits,
      F.tensor([1, 1, 2], [1, 0]),
      F.tensor([1, 1, 1, 2], [1, 3]),
      2,
    );
    expect(value.dims).toEqual([]);
    expect(value.data[0]).toBeCloseTo((Math.log(4) + 3 * Math.log(2)) / 2, 12);
  });
});

describe("start values", () => {
  it("of U-Net's transposed convolutions have variance 2/fan-in and no tails", () => {
    const specs = declareParameters(createNetwork("u-net", { width: 0.25 }));
    const { data } = initState(
      specs.filter((spec) => spec.name === "u2.up.weight"),
      1,
    ).get("u2.up.weight")!;
    const variance = Array.from(data).reduce((sum, v) => sum + v * v, 0) / data.length;
    expect(variance * 128 * 4).toBeCloseTo(2, 0);
    expect(Math.max(...data) ** 2).toBeLessThanOrEqual((4 * 2.6) / (128 * 4));
  });
});
