import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { hoverLoss } from "./hover-loss.js";

type Terms = Readonly<Record<string, number>>;

// Values by NumPy and PyTorch's convolution, float64 (fixtures/hover-net/make.py).
const fixture = JSON.parse(
  readFileSync(new URL("../../../../fixtures/hover-net/loss.json", import.meta.url), "utf8"),
) as { readonly inputs: Readonly<Record<string, number[]>>; readonly own: Terms; readonly cross: Terms };

const F = new ReferenceBackend(new Map());
const tensor = (name: string, channels: number) =>
  F.tensor(channels === 0 ? [2, 9, 8] : [2, channels, 9, 8], fixture.inputs[name]!);
const outputs = {
  binaryLogits: tensor("np", 2),
  offsets: tensor("hv", 2),
  finalLogits: tensor("tp", 5),
  classStride: 1,
} as const;
const classes = tensor("classes", 0);
const targets = {
  classes,
  binary: F.tensor(
    [2, 9, 8],
    fixture.inputs.classes!.map((id) => Math.min(1, id)),
  ),
  offsets: tensor("offsets", 2),
};

describe("hoverLoss (spec/baselines.md §6)", () => {
  it.each(["own", "cross"] as const)("has the values of NumPy, slopes along the %s axis", (msgeAxis) => {
    const expected = fixture[msgeAxis];
    const { total, terms } = hoverLoss(F, outputs, targets, 5, { msgeAxis });
    expect([...terms.keys()]).toEqual(Object.keys(expected));
    for (const [name, term] of terms) {
      expect(term.dims).toEqual([]);
      expect(term.data[0], name).toBeCloseTo(expected[name]!, 11);
    }
    const sum = Object.values(expected).reduce((a, b) => a + b);
    expect(total.data[0]).toBeCloseTo(sum + expected.mse!, 11);
  });

  it("takes each map's own axis unless told otherwise", () => {
    const { terms } = hoverLoss(F, outputs, targets, 5);
    expect(terms.get("msge")!.data[0]).toBeCloseTo(fixture.own.msge!, 11);
    expect(Math.abs(fixture.own.msge! - fixture.cross.msge!)).toBeGreaterThan(1e-3);
  });

  it("weights the offsets' terms", () => {
    const { own } = fixture;
    const { total } = hoverLoss(F, outputs, targets, 5, { lambdaMse: 1, lambdaMsge: 3 });
    expect(total.data[0]).toBeCloseTo(
      own.np! + own.npDice! + own.mse! + 3 * own.msge! + own.tp! + own.tpDice!,
      10,
    );
  });

  it("has no types without a type branch", () => {
    const { finalLogits: _, ...untyped } = outputs;
    const { terms } = hoverLoss(F, untyped, { binary: targets.binary, offsets: targets.offsets }, 2);
    expect([...terms.keys()]).toEqual(["np", "npDice", "mse", "msge"]);
  });

  it("is finite where there is no nucleus, and names a missing target", () => {
    const empty = F.tensor([2, 9, 8], new Float64Array(144));
    const { terms } = hoverLoss(F, outputs, { ...targets, binary: empty, classes: empty }, 5);
    expect(terms.get("msge")!.data[0]).toBe(0);
    expect(() => hoverLoss(F, outputs, { binary: targets.binary }, 5)).toThrow(
      "targets.offsets: needed by this network's loss but not given",
    );
  });
});
