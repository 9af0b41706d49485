/**
 * The operations of detection through every interpreter, and RoIAlign against torchvision (fixtures/detection).
 * Tolerances as in agreement.test.ts; indices are equal.
 */
import { readFileSync } from "node:fs";
import type { Backend } from "@renograde/nn";
import { isTorchAvailable } from "@renograde/torch";
import { describe, expect, it } from "vitest";
import type { Case } from "../support/cases.js";
import { prepare, type Result, runOnnx, runReference, runTorch } from "../support/interpreters.js";

const map = [2, 3, 6, 9];
const ROIS = [0, 1, 2, 20, 17, 0, 5, 5, 6, 5.5, 1, -6, -3, 9, 12, 1, 30, 20, 37, 25];

/** Boxes `[12, 4]` with sides of 1 to 3 around points in a square of side 4. */
function boxesOf<T>(F: Backend<T>, x: T): T {
  const corner = F.affine(F.slice(x, 1, 0, 2), 2, 2);
  return F.concat([corner, F.add(corner, F.affine(F.slice(x, 1, 2), 1, 2))], 1);
}

const CASES: readonly Case[] = [
  { name: "exp", inputs: [map], run: (F, [x]) => F.exp(x!) },
  { name: "maxPool2d, padded", inputs: [map], run: (F, [x]) => F.maxPool2d(x!, 3, 2, 1) },
  { name: "pixelGrid", inputs: [map], run: (F, [x]) => F.pixelGrid(x!) },
  {
    name: "gather",
    inputs: [map],
    run: (F, [x]) => F.gather(x!, F.constant([4, 0, 0, 5], [4]), 2),
  },
  { name: "topK", inputs: [[20]], run: (F, [x]) => F.topK(x!, 7) },
  { name: "topK of fewer", inputs: [[5]], run: (F, [x]) => F.topK(x!, 7) },
  {
    name: "topK with ties",
    inputs: [[9]],
    run: (F, [x]) => F.topK(F.add(F.affine(x!, 0, 0), F.constant([1, 2, 2, 1, 0, 2, 0, 1, 1], [9])), 6),
  },
  { name: "positions", inputs: [[20]], run: (F, [x]) => F.positions(x!) },
  { name: "no positions", inputs: [[5]], range: [-2, -1], run: (F, [x]) => F.positions(x!) },
  {
    name: "nonMaxSuppression",
    inputs: [[12, 4], [12]],
    run: (F, [x, s]) => F.nonMaxSuppression(boxesOf(F, x!), s!, { iou: 0.2, score: -0.5 }),
  },
  {
    name: "nonMaxSuppression of nothing",
    inputs: [[12, 4], [12]],
    run: (F, [x, s]) => F.nonMaxSuppression(boxesOf(F, x!), s!, { iou: 0.2, score: 2 }),
  },
  {
    name: "roiAlign",
    inputs: [map],
    run: (F, [x]) => F.roiAlign(x!, F.constant(ROIS, [4, 5]), { size: 3, scale: 0.25 }),
  },
  {
    name: "roiAlign of no regions",
    inputs: [map, [5]],
    range: [-2, -1],
    run: (F, [x, s]) => {
      const none = F.gather(F.constant(ROIS, [4, 5]), F.positions(s!), 0);
      return F.roiAlign(x!, none, { size: 3, scale: 0.25 });
    },
  },
];

function expectClose(
  { dims, data }: Result["outputs"][string],
  expected: typeof dims,
  values: ArrayLike<number>,
) {
  expect([...dims]).toEqual([...expected]);
  Array.from(data).forEach((v, i) => {
    expect(Math.abs(v - values[i]!)).toBeLessThan(3e-5);
  });
}

describe("operations of detection", () => {
  it.each(CASES.map((c) => [c.name, c] as const))("%s", async (_name, c) => {
    const prepared = prepare((F, xs) => ({ y: c.run(F, xs) }), c.inputs, c.range);
    const { outputs } = runReference(prepared);
    const expected = outputs.y!;
    expectClose((await runOnnx(prepared, outputs)).y!, expected.dims, expected.data);
    if (!isTorchAvailable()) return;
    const torch = runTorch(prepared).outputs.y!;
    expect(torch.dims).toEqual(expected.dims);
    Array.from(torch.data).forEach((v, i) => {
      expect(v).toBeCloseTo(expected.data[i]!, 10);
    });
  });

  it("finds something in the cases that should", () => {
    const count = (name: string) => {
      const c = CASES.find((other) => other.name === name)!;
      return runReference(prepare((F, xs) => ({ y: c.run(F, xs) }), c.inputs, c.range)).outputs.y!.dims[0]!;
    };
    expect(count("positions")).toBeGreaterThan(3);
    expect(count("nonMaxSuppression")).toBeGreaterThan(2);
    expect(count("nonMaxSuppression")).toBeLessThan(10);
  });

  it("roiAlign gives torchvision's values", () => {
    const { roiAlign } = JSON.parse(
      readFileSync(new URL("../../fixtures/detection/boxes.json", import.meta.url), "utf8"),
    ) as { roiAlign: { x: number[]; rois: number[]; y: number[] } };
    const c = prepare(
      (F, [x]) => ({ y: F.roiAlign(x!, F.constant(roiAlign.rois, [4, 5]), { size: 3, scale: 0.25 }) }),
      [map],
    );
    c.inputs[0]!.data.set(roiAlign.x);
    runReference(c).outputs.y!.data.forEach((v, i) => {
      expect(v).toBeCloseTo(roiAlign.y[i]!, 11);
    });
  });
});
