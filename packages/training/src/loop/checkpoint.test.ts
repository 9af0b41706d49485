import { describe, expect, it } from "vitest";
import { firstNotFinite } from "./checkpoint.js";

describe("firstNotFinite", () => {
  const of = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });

  it("names the first tensor with NaN or infinity", () => {
    const good = of(0, -1, 3.4e38, -3.4e38, 1e-40);
    expect(firstNotFinite(new Map([["a", good]]))).toBeNull();
    expect(
      firstNotFinite(
        new Map([
          ["a", good],
          ["b", of(1, Number.NaN)],
          ["c", of(Number.NaN)],
        ]),
      ),
    ).toBe("b");
    expect(firstNotFinite(new Map([["a", of(Number.NEGATIVE_INFINITY, 1)]]))).toBe("a");
  });
});
