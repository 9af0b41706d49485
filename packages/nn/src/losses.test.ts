import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { type LossOptions, softDice, trainingLoss } from "./losses.js";
import type { TrainingOutputs } from "./networks/network.js";
import { createNetwork } from "./networks/registry.js";
import { ReferenceBackend } from "./reference/reference-backend.js";
import type { Tensor } from "./reference/tensor.js";
import { ShapeBackend } from "./shape/shape-backend.js";
import { mergeClassIds } from "./targets.js";

const F = new ReferenceBackend(new Map());
const network = createNetwork("chr-net");
/** Logits with probability `p` on channel 1 and the rest shared equally, everywhere on a 2×2 map. */
function logits(channels: number, p: number, side: number): Tensor {
  const rest = Math.log((1 - p) / (channels - 1));
  const planes = Array.from({ length: channels }, (_, c) =>
    new Array(side * side).fill(c === 1 ? Math.log(p) : rest),
  );
  return F.tensor([1, channels, side, side], planes.flat());
}
const ids = (...values: number[]): Tensor => F.tensor([1, 2, 2], values);
const outputs: TrainingOutputs<Tensor> = {
  binaryLogits: logits(2, 0.5, 2),
  distance: F.tensor([1, 1, 2, 2], [0, 0.5, 1, 1]),
  task1Logits: logits(4, 0.25, 1),
  task2Logits: logits(4, 0.7, 1),
  finalLogits: logits(5, 0.6, 1),
  classStride: 2,
};
const targets = {
  binary: ids(0, 1, 0, 1),
  distance: F.tensor([1, 1, 2, 2], [0, 0, 0, 1]),
  task1: ids(0, 1, 2, 3),
  task2: ids(1, 1, 1, 1),
  classes: ids(1, 1, 0, 0),
};
const EXPECTED = {
  bc: Math.log(2),
  dist: 1.5 / 4,
  mc1: Math.log(4),
  mc2: -Math.log(0.7),
  mcf: -(Math.log(0.6) + Math.log(0.1)) / 2,
};
const total = (options?: LossOptions): number =>
  trainingLoss(F, network, outputs, targets, options).total.data[0]!;

describe("trainingLoss (spec/training.md §1)", () => {
  it("has the five terms of eq. 1, plain means over pixels", () => {
    const { terms } = trainingLoss(F, network, outputs, targets);
    expect([...terms.keys()]).toEqual(["bc", "dist", "mc1", "mc2", "mcf"]);
    for (const [name, term] of terms) {
      expect(term.dims).toEqual([]);
      expect(term.data[0], name).toBeCloseTo(EXPECTED[name as keyof typeof EXPECTED], 12);
    }
  });

  it("weights them 1, 2, 1, 1, 1 unless told otherwise", () => {
    const { bc, dist, mc1, mc2, mcf } = EXPECTED;
    expect(total()).toBeCloseTo(bc + 2 * dist + mc1 + mc2 + mcf, 12);
    expect(total({ lambdaDist: 1 })).toBeCloseTo(bc + dist + mc1 + mc2 + mcf, 12);
    const lambdas = { lambdaBc: 2, lambdaDist: 3, lambdaMc1: 5, lambdaMc2: 7, lambdaMcf: 11 };
    expect(total(lambdas)).toBeCloseTo(2 * bc + 3 * dist + 5 * mc1 + 7 * mc2 + 11 * mcf, 12);
  });

  it.each([
    ["chr-net", ["bc", "dist", "mc1", "mc2", "mcf"]],
    ["mhr-udist", ["dist", "mc1", "mc2", "mcf"]],
    ["mhr", ["mc1", "mc2", "mcf"]],
    ["shr", ["mcf"]],
  ])("%s has the terms %j", (name, expected) => {
    for (const rewrite of ["none", "reorder"] as const) {
      const S = new ShapeBackend();
      const net = createNetwork(name, { width: 0.125, rewrite });
      const map = S.input([2, 16, 16]);
      const all = { binary: map, task1: map, task2: map, classes: map, distance: S.input([2, 1, 16, 16]) };
      const loss = trainingLoss(S, net, net.train(S, S.input([2, 3, 22, 22])), all);
      expect([...loss.terms.keys()]).toEqual(expected);
      expect(loss.total.dims).toEqual([]);
    }
  });

  it("names a missing target", () => {
    expect(() => trainingLoss(F, network, outputs, { classes: targets.classes })).toThrow(
      "targets.binary: needed by this network's loss but not given",
    );
  });

  it("adds a soft Dice per softmax output on request", () => {
    const dice = [
      softDice(F, outputs.binaryLogits!, targets.binary, 2),
      softDice(F, F.upsampleNearest(outputs.task1Logits!, 2), targets.task1, 4),
      softDice(F, F.upsampleNearest(outputs.task2Logits!, 2), targets.task2, 4),
      softDice(F, F.upsampleNearest(outputs.finalLogits!, 2), targets.classes, 5),
    ].reduce((sum, term) => sum + term.data[0]!, 0);
    expect(total({ dice: true })).toBeCloseTo(total() + dice, 12);
  });
});

describe("softDice", () => {
  it("is Σ over channels of 1 − (2Σpt + 1e-3)/(Σp + Σt + 1e-3)", () => {
    // p = 0.5 everywhere, targets 0, 1, 1, 1: Σp = 2 per channel, Σt = 1 and 3, Σpt = 0.5 and 1.5.
    const value = softDice(F, logits(2, 0.5, 2), ids(0, 1, 1, 1), 2).data[0]!;
    expect(value).toBeCloseTo(1 - 1.001 / 3.001 + (1 - 3.001 / 5.001), 12);
  });
});

describe("mergeClassIds", () => {
  it("follows the table of spec/network.md §10", () => {
    const [task1, task2] = RCC_CLASSES.tasks;
    expect([...mergeClassIds([0, 1, 2, 3, 4], task1.merge)]).toEqual([0, 1, 1, 2, 3]);
    expect([...mergeClassIds([0, 1, 2, 3, 4], task2.merge)]).toEqual([0, 1, 2, 2, 3]);
  });
});
