import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { applyColour } from "./augment.js";
import { addNoise } from "./gaussian-noise.js";
import { medianBlur } from "./median-blur.js";
import type { ColourStep } from "./plan.js";
import { scaleContrast, shiftBrightness } from "./tone.js";

// Fixtures by OpenCV 4.14.0 and NumPy (fixtures/augmentation/make.py); bytes must be equal exactly.
const random = createRandom("unused");

describe("tones equal OpenCV and NumPy", () => {
  const [first, ...cases] = readPack("../augmentation/tones.pack.gz");
  const image = first!.array<Uint8Array>("image");
  it.each(cases.map((c) => [JSON.stringify(c.object("step")), c] as const))("%s", (_, c) => {
    const before = image.slice();
    expect(applyColour(image, 0, c.object<ColourStep>("step"), random)).toEqual(c.array("result"));
    expect(image).toEqual(before);
  });
});

describe("blurs equal OpenCV", () => {
  it.each(
    readPack("../augmentation/blurs.pack.gz").map(
      (c) => [JSON.stringify(c.object("step")), c.shape("image")[0]!, c] as const,
    ),
  )("%s of %d px", (_, size, c) => {
    const image = c.array<Uint8Array>("image");
    expect(applyColour(image, size, c.object<ColourStep>("step"), random)).toEqual(c.array("result"));
  });
});

describe("small examples", () => {
  it("median: one white pixel vanishes", () => {
    const image = new Uint8Array(27);
    image[13] = 255;
    expect(medianBlur(image, 3, 3)).toEqual(new Uint8Array(27));
  });
  it("brightness: clips and truncates towards 0", () => {
    expect([...shiftBrightness(Uint8Array.of(0, 5, 250), 7.9)]).toEqual([7, 12, 255]);
    expect([...shiftBrightness(Uint8Array.of(0, 5, 250), -7.9)]).toEqual([0, 0, 242]);
  });
  it("contrast: about the mean of each channel", () => {
    expect([...scaleContrast(Uint8Array.of(100, 0, 10, 200, 0, 20), 0.5)]).toEqual([125, 0, 12, 175, 0, 17]);
  });
});

describe("noise", () => {
  it("is floor of a standard normal number, clipped", () => {
    const n = 300_000;
    const counts = new Map<number, number>();
    for (const value of addNoise(new Uint8Array(n).fill(100), createRandom(1, "noise"))) {
      counts.set(value - 100, (counts.get(value - 100) ?? 0) + 1);
    }
    // scipy.stats.norm.cdf(k + 1) - norm.cdf(k)
    const expected = new Map([
      [-4, 0.0013182],
      [-3, 0.0214002],
      [-2, 0.1359051],
      [-1, 0.3413447],
      [0, 0.3413447],
      [1, 0.1359051],
      [2, 0.0214002],
      [3, 0.0013182],
    ]);
    for (const [step, p] of expected) {
      // Five standard errors of a binomial count.
      expect(Math.abs((counts.get(step) ?? 0) - n * p)).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));
    }
    expect(Math.max(...counts.keys())).toBeLessThanOrEqual(5);
    const dark = addNoise(new Uint8Array(1000), createRandom(2, "noise"));
    expect(Math.max(...dark)).toBeLessThan(6);
  });
});
