import { describe, expect, it } from "vitest";
import { inputRule, smallestInput, takesInput, type WindowGeometry } from "./network.js";

const chr: WindowGeometry = { window: 262, output: 256, kept: 200, step: 8, rim: 6 };
/** The fast HoVer-Net: outputs are 8n + 4. */
const fast: WindowGeometry = { window: 256, output: 164, kept: 164, step: 8, rim: 92 };

describe("input sides", () => {
  it.each([
    [chr, "8·n + 6", 14],
    [fast, "8·n", 96],
  ])("%j: %s, at least %i", (geometry, rule, smallest) => {
    expect(inputRule(geometry)).toBe(rule);
    expect(smallestInput(geometry)).toBe(smallest);
    expect(takesInput(geometry, smallest)).toBe(true);
    expect(takesInput(geometry, smallest - geometry.step)).toBe(false);
    expect(takesInput(geometry, geometry.window + 3 * geometry.step)).toBe(true);
    for (const side of [geometry.window + 1, geometry.window + 0.5, 0]) {
      expect(takesInput(geometry, side)).toBe(false);
    }
  });

  it("may be a single one", () => {
    const micro: WindowGeometry = { window: 252, output: 252, kept: 200, step: 0, rim: 0 };
    expect([inputRule(micro), smallestInput(micro)]).toEqual(["252", 252]);
    expect([252, 251, 253, 504].map((side) => takesInput(micro, side))).toEqual([true, false, false, false]);
  });
});
