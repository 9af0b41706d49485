import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { convOverUp2 } from "./up-conv.js";

describe("convolution over up2 without the enlarged map (spec/network.md §11 a)", () => {
  it("has the phases of the specification on one axis", () => {
    // Only the middle row of the kernel is set, so each output row shows the horizontal phases:
    // even: w0 on i−1, w1+w2 on i; odd: w0+w1 on i, w2 on i+1.
    const [w0, w1, w2] = [1, 10, 100];
    const weight = { shape: [1, 1, 3, 3], data: Float64Array.of(0, 0, 0, w0, w1, w2, 0, 0, 0) };
    const F = new ReferenceBackend(new Map([["weight", weight]]));
    const x = F.tensor([1, 1, 1, 2], [2, 3]);
    const y = convOverUp2(F, x, null, { in: 1, skip: 0, out: 1 }, "full");
    const row = [110 * 2, 11 * 2 + 100 * 3, 1 * 2 + 110 * 3, 11 * 3];
    expect([...y.data]).toEqual([...row, ...row]);
  });

  it.each([0, 3])("equals the plain convolution with %i skip channels", (skip) => {
    const random = createRandom(5, skip);
    const draw = (n: number): number[] => Array.from({ length: n }, () => random.normal());
    const weight = { shape: [4, 2 + skip, 3, 3], data: Float64Array.from(draw(4 * (2 + skip) * 9)) };
    const F = new ReferenceBackend(new Map([["weight", weight]]));
    const x = F.tensor([2, 2, 3, 5], draw(60));
    const s = skip === 0 ? null : F.tensor([2, skip, 6, 10], draw(2 * skip * 60));
    const spec = { in: 2, skip, out: 4 };
    const plain = convOverUp2(F, x, s, spec, "none");
    const fast = convOverUp2(F, x, s, spec, "full");
    expect(fast.dims).toEqual(plain.dims);
    plain.data.forEach((v, i) => {
      expect(fast.data[i]).toBeCloseTo(v, 12);
    });
  });
});
