import { createRandom } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutPatch, type PreparedImage, planWindows, reflectIndex } from "./windows.js";

function imageOf(width: number, height: number): PreparedImage {
  const random = createRandom(width, height);
  const size = width * height;
  return {
    name: "x",
    width,
    height,
    rgb: Uint8Array.from({ length: size * 3 }, () => random.int(0, 255)),
    instances: Int32Array.from({ length: size }, (_, i) => i),
    classes: Uint8Array.from({ length: size }, () => random.int(0, 4)),
    distance: Uint8Array.from({ length: size }, () => random.int(0, 255)),
  };
}

describe("reflectIndex", () => {
  it("continues a line as NumPy's reflect does", () => {
    // numpy.pad([0, 1, 2, 3], 5, mode="reflect")
    const line = Array.from({ length: 14 }, (_, i) => reflectIndex(i - 5, 4));
    expect(line).toEqual([1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
    expect(reflectIndex(-3, 1)).toBe(0);
  });
});

describe("planWindows", () => {
  it("makes 4 windows of a 512 image, row-major", () => {
    expect(planWindows(512, 512, 512, 256)).toEqual([
      { top: -128, left: -128 },
      { top: -128, left: 128 },
      { top: 128, left: -128 },
      { top: 128, left: 128 },
    ]);
  });

  it("adds windows flush with bottom, right and corner where the step does not divide", () => {
    const windows = planWindows(20, 20, 16, 8);
    expect(windows.length).toBe(9);
    expect(windows.slice(4)).toEqual([
      { top: 8, left: -4 },
      { top: 8, left: 4 },
      { top: -4, left: 8 },
      { top: 4, left: 8 },
      { top: 8, left: 8 },
    ]);
  });

  it("centres one window on an image smaller than the step", () => {
    expect(planWindows(6, 5, 16, 8)).toEqual([{ top: -6, left: -5 }]);
  });

  it("covers every pixel by a central part, exactly once where the step divides the sides", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 6 }),
        (width, height, step, slack) => {
          const window = step + 2 * slack;
          const covered = new Uint8Array(width * height);
          for (const { top, left } of planWindows(width, height, window, step)) {
            for (let y = top + slack; y < top + slack + step; y++) {
              for (let x = left + slack; x < left + slack + step; x++) {
                if (x >= 0 && y >= 0 && x < width && y < height) covered[y * width + x]!++;
              }
            }
          }
          expect(Math.min(...covered)).toBeGreaterThanOrEqual(1);
          if (width % step === 0 && height % step === 0) expect(Math.max(...covered)).toBe(1);
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe("cutPatch", () => {
  it("takes pixels and labels from the same place, reflected outside", () => {
    const image = imageOf(3, 3);
    const patch = cutPatch(image, -1, -1, 5);
    expect([...patch.instances]).toEqual([
      4, 3, 4, 5, 4, 1, 0, 1, 2, 1, 4, 3, 4, 5, 4, 7, 6, 7, 8, 7, 4, 3, 4, 5, 4,
    ]);
    for (let i = 0; i < 25; i++) {
      const from = patch.instances[i]!;
      expect(patch.classes[i]).toBe(image.classes[from]);
      expect(patch.distance[i]).toBe(image.distance[from]);
      for (let c = 0; c < 3; c++) expect(patch.rgb[i * 3 + c]).toBe(image.rgb[from * 3 + c]);
    }
  });
});
