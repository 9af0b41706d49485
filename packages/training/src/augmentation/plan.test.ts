import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { cutPatch, type PreparedImage } from "../targets/windows.js";
import { augmentedCrop, sampleRandom } from "./augment.js";
import { type AugmentationOptions, type AugmentationPlan, drawAugmentation, windowFor } from "./plan.js";
import { applySymmetry } from "./symmetry.js";

const options = (...set: string[]): AugmentationOptions => parseConfig("", { set }).aug;
const plans = (of: AugmentationOptions, count: number): AugmentationPlan[] =>
  Array.from({ length: count }, (_, i) => drawAugmentation(of, 512, sampleRandom(1, 1, i)));

/** Least and greatest. */
function range(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function affine(plan: AugmentationPlan) {
  if (plan.geometry.kind !== "affine") throw new Error("not affine");
  return plan.geometry;
}

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

describe("windowFor", () => {
  it("covers the crop when it is turned, and for reference shrunk as well", () => {
    const sides = (["reference", "paper", "flip", "none"] as const).map((preset) => windowFor(preset, 262));
    expect(sides).toEqual([464, 371, 262, 262]);
  });
});

describe("drawAugmentation", () => {
  it("is reference unless asked otherwise", () => {
    expect(options()).toEqual({ preset: "reference", imageInterp: "nearest", stainScale: 0, stainShift: 0 });
  });

  it("reference: every range is used to its ends and not beyond", () => {
    const all = plans(options(), 4000);
    const near = (values: number[], low: number, high: number) => {
      const [least, most] = range(values);
      expect(least).toBeGreaterThanOrEqual(low);
      expect(most).toBeLessThanOrEqual(high);
      expect(most - least).toBeGreaterThan(0.99 * (high - low));
    };
    const parameters = all.map((plan) => affine(plan).parameters);
    near(
      parameters.map((p) => p.scale),
      0.8,
      1.2,
    );
    near(
      parameters.map((p) => p.rotation),
      -179,
      179,
    );
    near(
      parameters.map((p) => p.shear),
      -5,
      5,
    );
    // + 0 makes 0 of -0.
    expect(new Set(parameters.map((p) => p.shiftX + 0))).toEqual(
      new Set([-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]),
    );
    expect(range(parameters.map((p) => p.shiftY))).toEqual([-5, 5]);
    const steps = all.flatMap((plan) => plan.colours);
    near(
      steps.flatMap((s) => (s.kind === "hue" ? [s.shift] : [])),
      -8,
      8,
    );
    near(
      steps.flatMap((s) => (s.kind === "saturation" ? [s.factor] : [])),
      0.8,
      1.2,
    );
    near(
      steps.flatMap((s) => (s.kind === "brightness" ? [s.shift] : [])),
      -26,
      26,
    );
    near(
      steps.flatMap((s) => (s.kind === "contrast" ? [s.factor] : [])),
      0.75,
      1.25,
    );
  });

  it("reference: one of blur, median and noise in half the samples, then all four tones in any order", () => {
    const all = plans(options(), 4000);
    const tones = ["hue", "saturation", "brightness", "contrast"];
    const orders = new Map<string, number>();
    const first = new Map<string, number>();
    for (const { colours } of all) {
      const kinds = colours.map((step) => step.kind);
      const order = kinds.slice(-4);
      expect([...order].sort()).toEqual([...tones].sort());
      orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
      expect(kinds.length).toBeLessThanOrEqual(5);
      const extra = kinds.length === 5 ? kinds[0]! : "nothing";
      first.set(extra, (first.get(extra) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    expect(Math.min(...orders.values())).toBeGreaterThan(100);
    // 4000 samples: five standard errors are at most 158.
    expect(Math.abs(first.get("nothing")! - 2000)).toBeLessThan(158);
    for (const kind of ["gaussian-blur", "median-blur", "noise"]) {
      expect(Math.abs(first.get(kind)! - 667)).toBeLessThan(118);
    }
    const mirrors = all.map((plan) => affine(plan));
    for (const mirror of ["mirrorX", "mirrorY"] as const) {
      expect(Math.abs(mirrors.filter((m) => m[mirror]).length - 2000)).toBeLessThan(158);
    }
    const blurs = all.flatMap((p) => p.colours.filter((s) => s.kind === "gaussian-blur"));
    expect(new Set(blurs.map((s) => `${s.width} ${s.height}`)).size).toBe(4);
  });

  it("paper: flips, rotation and blur only", () => {
    const all = plans(options("aug.preset=paper"), 1000);
    for (const plan of all) {
      expect(affine(plan).parameters).toMatchObject({ scale: 1, shear: 0, shiftX: 0, shiftY: 0 });
      expect(plan.colours.length).toBeLessThanOrEqual(1);
    }
    const kinds = all.map((plan) => plan.colours[0]?.kind ?? "nothing");
    expect(new Set(kinds)).toEqual(new Set(["nothing", "gaussian-blur", "median-blur"]));
    expect(Math.abs(kinds.filter((k) => k === "nothing").length - 500)).toBeLessThan(79);
  });

  it("stain augmentation comes first, with any preset", () => {
    for (const preset of ["none", "paper", "reference"]) {
      const all = plans(options(`aug.preset=${preset}`, "aug.stainScale=0.1", "aug.stainShift=0.02"), 300);
      const jitters = all.flatMap(({ colours }) => (colours[0]?.kind === "stain" ? [colours[0].jitter] : []));
      expect(jitters.length).toBe(300);
      const [low, high] = range(jitters.flatMap((j) => j.factors));
      expect(low).toBeGreaterThanOrEqual(0.9);
      expect(high).toBeLessThanOrEqual(1.1);
      expect(high - low).toBeGreaterThan(0.19);
      expect(range(jitters.flatMap((j) => j.offsets.map(Math.abs)))[1]).toBeLessThanOrEqual(0.02);
    }
    expect(plans(options("aug.preset=none"), 3).flatMap((plan) => plan.colours)).toEqual([]);
  });
});

describe("applySymmetry", () => {
  const patch = cutPatch(imageOf(2, 2), 0, 0, 2); // 0 1 / 2 3
  it.each([
    [{ transpose: false, mirrorX: true, mirrorY: false }, [1, 0, 3, 2]],
    [{ transpose: false, mirrorX: false, mirrorY: true }, [2, 3, 0, 1]],
    [{ transpose: true, mirrorX: false, mirrorY: false }, [0, 2, 1, 3]],
    [{ transpose: true, mirrorX: true, mirrorY: false }, [2, 0, 3, 1]], // quarter turn clockwise
  ])("%o", (symmetry, expected) => {
    const moved = applySymmetry(patch, symmetry);
    expect([...moved.instances]).toEqual(expected);
    expect([...moved.classes]).toEqual(expected.map((i) => patch.classes[i]));
    expect([...moved.rgb]).toEqual(expected.flatMap((i) => [...patch.rgb.slice(i * 3, i * 3 + 3)]));
  });
});

describe("augmentedCrop", () => {
  const image = imageOf(16, 16);
  const at = { top: 0, left: 0 };
  const sizes = { window: 16, crop: 14 };
  const crop = (preset: string, seed: number, epoch: number, sample: number) =>
    augmentedCrop(image, at, sizes, options(`aug.preset=${preset}`), sampleRandom(seed, epoch, sample));
  it("depends on seed, epoch and sample only", () => {
    expect(crop("reference", 1, 2, 3)).toEqual(crop("reference", 1, 2, 3));
    for (const [seed, epoch, sample] of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ] as const) {
      expect(crop("reference", seed, epoch, sample).rgb).not.toEqual(crop("reference", 1, 2, 3).rgb);
    }
    const seen = new Set(Array.from({ length: 64 }, (_, i) => crop("flip", 1, 2, i).instances.join()));
    expect(seen.size).toBe(8);
  });
  it("moves image and labels alike", () => {
    // Without colour changes a pixel keeps its bytes, so its instance, its number, says where they came from.
    const paper = options("aug.preset=paper");
    const sample = plans(paper, 20).findIndex((plan) => plan.colours.length === 0);
    const numbered = { ...image, instances: image.instances.map((i) => i + 1) };
    const patch = augmentedCrop(numbered, at, sizes, paper, sampleRandom(1, 1, sample));
    for (const [i, id] of patch.instances.entries()) {
      const from = 3 * (id - 1);
      expect([...patch.rgb.subarray(3 * i, 3 * i + 3)]).toEqual(
        id === 0 ? [0, 0, 0] : [...image.rgb.subarray(from, from + 3)],
      );
    }
  });
  it("is the plain centre without a stream or with preset none", () => {
    const plain = cutPatch(image, 1, 1, 14);
    expect(augmentedCrop(image, at, sizes, options(), null)).toEqual(plain);
    expect(crop("none", 1, 1, 1)).toEqual(plain);
  });
});
