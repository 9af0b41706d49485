import { describe, expect, it } from "vitest";
import { createRandom } from "../random.js";
import { borderWeights } from "./border-weights.js";
import { instancePixelDistances } from "./instance-distance.js";

/** The definition, pixel by pixel. */
function direct(width: number, data: Int32Array): number[] {
  const ids = [...new Set(data)].filter((id) => id > 0);
  return Array.from(data, (label, p) => {
    if (label !== 0) return 1;
    const distances = ids.map((id) => {
      let least = Infinity;
      for (let q = 0; q < data.length; q++) {
        if (data[q] !== id) continue;
        least = Math.min(
          least,
          Math.hypot((q % width) - (p % width), Math.floor(q / width) - Math.floor(p / width)),
        );
      }
      return least;
    });
    const [d1 = Infinity, d2 = Infinity] = distances.sort((a, b) => a - b);
    return Math.fround(1 + 10 * Math.exp(-((d1 + d2) ** 2) / 50));
  });
}

describe("borderWeights (spec/baselines.md §3)", () => {
  it("equals the definition on random instances", () => {
    const random = createRandom("weights");
    for (const [width, height] of [
      [40, 23],
      [90, 12],
    ] as const) {
      const data = new Int32Array(width * height);
      for (let id = 1; id <= 6; id++) {
        const [cx, cy] = [random.int(0, width - 1), random.int(0, height - 1)];
        for (let p = 0; p < data.length; p++) {
          if (Math.hypot((p % width) - cx, Math.floor(p / width) - cy) < 3) data[p] = 3 * id;
        }
      }
      const weights = borderWeights({ width, height, data });
      const expected = direct(width, data);
      weights.data.forEach((w, p) => {
        expect(Math.abs(w - expected[p]!)).toBeLessThan(1e-6);
      });
    }
  });

  it("is highest in a gap of one pixel, and 1 with fewer than two instances", () => {
    // One pixel between two instances: d1 = d2 = 1.
    const { data } = borderWeights({ width: 3, height: 1, data: Int32Array.of(1, 0, 2) });
    expect([...data]).toEqual([1, Math.fround(1 + 10 * Math.exp(-4 / 50)), 1]);
    expect([...borderWeights({ width: 3, height: 1, data: Int32Array.of(1, 0, 0) }).data]).toEqual([1, 1, 1]);
    expect([...borderWeights({ width: 2, height: 1, data: new Int32Array(2) }).data]).toEqual([1, 1]);
  });
});

describe("instancePixelDistances (spec/baselines.md §7)", () => {
  it("counts chessboard steps to the nearest pixel that is not of the instance", () => {
    const rows = ["111112", "111112", "111112", "111110", "111110"];
    const data = Int32Array.from(rows.join(""), Number);
    // The frame is not background: the left and upper edges keep growing; instance 2 touches instance 1.
    const distances = instancePixelDistances({ width: 6, height: 5, data }, "chessboard").data;
    expect([...distances.slice(0, 6)]).toEqual([5, 4, 3, 2, 1, 1]);
    expect([...distances.slice(24, 30)]).toEqual([5, 4, 3, 2, 1, 0]);
  });
});
