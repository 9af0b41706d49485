import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import type { Dataset, LabelledImage } from "../datasets/dataset.js";
import { type Batch, batchClasses, createBatch, type SamplePlan, targetPart, writeSample } from "./batch.js";
import { openPatchSource } from "./patch-source.js";
import { prepareImage } from "./prepare-image.js";
import { openSamplePool } from "./sample-pool.js";
import { cutPatch } from "./windows.js";

const CONFIG = parseConfig("data: {window: 14, crop: 14, step: 8}");
const PLAN: SamplePlan = {
  crop: 14,
  output: 8,
  targets: ["binary", "distance", "task1", "task2"],
  classes: RCC_CLASSES,
  erodeBoundary: 1,
};
const part = (batch: Batch, name: "binary" | "distance" | "task1" | "task2") =>
  targetPart(batch, name, batch.size - 1, batch.size);

/** An image of two touching rectangles, 5x5 and 6 wide x 5 high (spec/training.md §3), classes 1 and 3. */
function rectangles(): LabelledImage {
  const width = 16;
  const height = 16;
  const instances = new Int32Array(width * height);
  const classes = new Uint8Array(width * height);
  for (let y = 4; y < 9; y++) {
    for (let x = 2; x < 13; x++) {
      instances[y * width + x] = x < 7 ? 1 : 2;
      classes[y * width + x] = x < 7 ? 1 : 3;
    }
  }
  return {
    name: "two",
    image: { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i % 251) },
    instances: { width, height, data: instances },
    classes: { width, height, data: classes },
    slide: null,
    patient: null,
    warnings: ["two.png: something"],
  };
}

function row(data: ArrayLike<number>, width: number, y: number): number[] {
  return Array.from({ length: width }, (_, x) => data[y * width + x]!);
}

describe("prepareImage", () => {
  it("stores the distances of the worked example, truncated to bytes, in shared memory", () => {
    const image = prepareImage(rectangles(), CONFIG.data, null).image;
    expect(row(image.distance, 16, 4)).toEqual([0, 0, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 0, 0, 0]);
    expect(row(image.distance, 16, 5)).toEqual([
      0, 0, 25, 140, 140, 140, 25, 25, 140, 140, 140, 140, 25, 0, 0, 0,
    ]);
    expect(row(image.distance, 16, 6)).toEqual([
      0, 0, 25, 140, 255, 140, 25, 25, 140, 255, 255, 140, 25, 0, 0, 0,
    ]);
    expect(image.rgb.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe("writeSample", () => {
  it("erodes every nucleus by one pixel in class and distance, and keeps the central part", () => {
    const patch = cutPatch(prepareImage(rectangles(), CONFIG.data, null).image, 0, 0, 14);
    const batch = createBatch(2, PLAN);
    writeSample(batch, 1, patch);
    const classes = batchClasses(batch).subarray(64);
    // Output pixel (x, y) is image pixel (x + 3, y + 3): nuclei shrink to x 3..5 and 8..11, y 5..7.
    expect(row(classes, 8, 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    for (const y of [2, 3, 4]) expect(row(classes, 8, y)).toEqual([1, 1, 1, 0, 0, 3, 3, 3]);
    expect(row(classes, 8, 5)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const distance = part(batch, "distance");
    expect(row(distance, 8, 3).map((v) => Math.round(v * 255))).toEqual([140, 255, 140, 0, 0, 140, 255, 255]);
    expect(Array.from(batchClasses(batch).subarray(0, 64)).every((v) => v === 0)).toBe(true);
    expect(row(batch.instances.subarray(64), 8, 3)).toEqual([1, 1, 1, 0, 0, 2, 2, 2]);
  });

  it("keeps the labels whole without erosion", () => {
    const patch = cutPatch(prepareImage(rectangles(), CONFIG.data, null).image, 0, 0, 14);
    const batch = createBatch(1, { ...PLAN, erodeBoundary: 0 });
    writeSample(batch, 0, patch);
    expect(row(batchClasses(batch), 8, 1)).toEqual([1, 1, 1, 1, 3, 3, 3, 3]);
  });

  it("writes pixels plane after plane", () => {
    const image = prepareImage(rectangles(), CONFIG.data, null).image;
    const batch = createBatch(2, PLAN);
    writeSample(batch, 1, cutPatch(image, 1, 2, 14));
    const at = 3 * 14 * 14;
    for (const [x, y] of [
      [0, 0],
      [13, 0],
      [5, 9],
    ] as const) {
      for (let c = 0; c < 3; c++) {
        expect(batch.images[at + c * 196 + y * 14 + x]).toBe(image.rgb[((y + 1) * 16 + x + 2) * 3 + c]);
      }
    }
  });
});

describe("targets of a sample", () => {
  it("merge the classes as published (spec/network.md §10)", () => {
    const patch = cutPatch(prepareImage(rectangles(), CONFIG.data, null).image, 0, 0, 14);
    const batch = createBatch(1, PLAN);
    writeSample(batch, 0, patch);
    expect(row(part(batch, "binary"), 8, 3)).toEqual([1, 1, 1, 0, 0, 1, 1, 1]);
    expect(row(part(batch, "task1"), 8, 3)).toEqual([1, 1, 1, 0, 0, 2, 2, 2]);
    expect(row(part(batch, "task2"), 8, 3)).toEqual([1, 1, 1, 0, 0, 2, 2, 2]);
  });

  it("are only those of the plan, and the classes", () => {
    const batch = createBatch(2, { ...PLAN, targets: [] });
    expect([...batch.targets.keys()]).toEqual(["classes"]);
    expect(() => targetPart(batch, "distance", 0, 1)).toThrow('the batch has no target "distance"');
  });
});

describe("openPatchSource", () => {
  const loads: number[] = [];
  const dataset: Dataset = {
    root: "data",
    layout: "label-png",
    synthetic: false,
    classes: RCC_CLASSES,
    hasClasses: true,
    entries: [0, 1].map((i) => ({
      name: `n${i}`,
      set: null,
      imagePath: `n${i}.png`,
      labelPath: "",
      classPath: null,
    })),
    load: async (index) => {
      loads.push(index);
      return rectangles();
    },
  };

  it("tiles every image and reports warnings", async () => {
    const warnings: string[] = [];
    const source = await openPatchSource(dataset, [1], CONFIG, openSamplePool(dataset, CONFIG, 0), {
      onWarning: (w) => warnings.push(w),
    });
    expect(source.length).toBe(4);
    expect(warnings).toEqual(["two.png: something"]);
    expect(source.describe(1)).toBe("n1.png (window at row -3, column 5)");
    const batch = createBatch(4, PLAN);
    await source.fill(batch, [0, 1, 2, 3], null);
    // The four central 8x8 parts tile the image: eroded nuclei have 9 and 12 pixels.
    const counts = [0, 0, 0, 0, 0];
    for (const c of batchClasses(batch)) counts[c]!++;
    expect(counts).toEqual([256 - 21, 9, 0, 12, 0]);
  });

  it("gives the same batch whether or not images stay in memory", async () => {
    const options = (cacheMiB: number) => ({ ...CONFIG, data: { ...CONFIG.data, cacheMiB } });
    const variation = { seed: 1, epoch: 3 };
    const batches = [];
    for (const cacheMiB of [0, 16]) {
      const pool = openSamplePool(dataset, options(cacheMiB), 0);
      const source = await openPatchSource(dataset, [0, 1], options(cacheMiB), pool);
      loads.length = 0;
      const batch = createBatch(3, PLAN);
      await source.fill(batch, [7, 0, 5], variation);
      batches.push(batch);
      expect(loads.length).toBe(cacheMiB === 0 ? 3 : 0);
    }
    expect(batches[0]).toEqual(batches[1]);
  });
});
