import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formula } from "../../../../tests/support/formula.js";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { resizeBicubic } from "./bicubic-resize.js";

const { cases } = JSON.parse(
  readFileSync(new URL("../../../../fixtures/network/bicubic.json", import.meta.url), "utf8"),
) as { cases: { from: number; to: number; values: number[] }[] };

describe("resizeBicubic against TensorFlow (fixtures/network/make_bicubic.py)", () => {
  it.each(cases)("$from to $to px", ({ from, to, values }) => {
    const F = new ReferenceBackend(new Map());
    const image = F.tensor([1, 1, from, from], formula("bicubic", from * from).map(Math.fround));
    const resized = resizeBicubic(F, image, from, to);
    expect(resized.dims).toEqual([1, 1, to, to]);
    const found = resized.data.filter((_, i) => i % (to > 20 ? 37 : 1) === 0);
    expect(found.length).toBe(values.length);
    // TensorFlow adds in float32.
    for (const [i, value] of values.entries())
      expect(Math.abs(found[i]! - value), `value ${i}`).toBeLessThan(1e-6);
  });
});
