import { DEFAULT_POST_OPTIONS, type PostOptions, type RgbImage } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { describe, expect, it } from "vitest";
import { encodeMapsNpy, parseMapsNpy } from "./exports/maps-npy.js";
import { gradeImage, gradeMaps } from "./grade-image.js";
import type { InferenceSession } from "./session.js";
import { fakeMetadata } from "./testing/fake-model.js";

const SIDE = 64;
const SQUARE = 9;

/** A model of windows of 64 px with a kept centre of 32, which finds every white square of {@link SQUARE} px. */
const metadata: ModelMetadata = fakeMetadata({
  network: "mask-rcnn",
  window: SIDE,
  output: SIDE,
  kept: 32,
  outputs: [
    {
      name: "detections",
      channels: [
        { kind: "box" },
        { kind: "score" },
        { kind: "label" },
        { kind: "probabilities", count: 5 },
        { kind: "mask", side: 2 },
      ],
      stride: 1,
    },
  ],
  post: { ...DEFAULT_POST_OPTIONS, method: "detections", threshold: 127, minArea: 9 },
});

/** Finds white squares in a window; their red value says the class, squares cut by the window score less. */
function session(batch = 1, calls: number[] = []): InferenceSession {
  return {
    batch,
    engine: "squares",
    parallel: 2,
    async run(input) {
      const rows: number[] = [];
      const at = (x: number, y: number) => Math.round(input[y * SIDE + x]! * 255);
      const white = (x: number, y: number) => x >= 0 && y >= 0 && x < SIDE && y < SIDE && at(x, y) > 0;
      for (let y = 0; y < SIDE; y++) {
        for (let x = 0; x < SIDE; x++) {
          if (!white(x, y) || white(x - 1, y) || white(x, y - 1)) continue;
          let [x2, y2] = [x, y];
          while (white(x2, y)) x2++;
          while (white(x, y2)) y2++;
          const cut = x === 0 || y === 0 || x2 === SIDE || y2 === SIDE;
          const label = at(x, y);
          const score = cut ? 0.75 : 0.875;
          const probabilities = [1 - score, 0, 0, 0, 0];
          probabilities[label] = score;
          rows.push(x, y, x2, y2, score, label, ...probabilities, 1, 1, 1, 1);
        }
      }
      calls.push(rows.length / 15);
      return { detections: Float32Array.from(rows) };
    },
    async close() {},
  };
}

/** An image with squares whose red value is their class. */
function imageOf(
  width: number,
  height: number,
  squares: readonly (readonly [number, number, number])[],
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (const [left, top, label] of squares) {
    for (let y = top; y < Math.min(top + SQUARE, height); y++) {
      for (let x = left; x < Math.min(left + SQUARE, width); x++) data[(y * width + x) * 3] = label;
    }
  }
  return { width, height, data };
}

describe("grading with a network of detections", () => {
  // Across the borders of the kept centres, at the image's edges, and in one block.
  const squares = [
    [0, 0, 1],
    [28, 4, 2],
    [60, 60, 3],
    [27, 40, 4],
    [91, 20, 1],
    [70, 2, 2],
  ] as const;

  it("finds every object once, whole, with its class and properties", async () => {
    const image = imageOf(100, 80, squares);
    const graded = await gradeImage(image, session(), metadata);
    expect(graded.nuclei.length).toBe(squares.length);
    for (const [left, top, label] of squares) {
      const id = graded.labels.data[(top + 4) * 100 + left + 4]!;
      const nucleus = graded.nuclei[id - 1]!;
      expect(nucleus.type).toBe(label);
      expect(nucleus.bbox).toEqual([top, left, top + SQUARE, left + SQUARE]);
      expect(nucleus.areaPx).toBe(SQUARE ** 2);
      expect(nucleus.typeProbability).toBe(1);
      expect(nucleus.classProbabilities[label]).toBeGreaterThanOrEqual(0.75);
    }
    expect(graded.counts).toEqual([0, 2, 2, 1, 1]);
  });

  it("takes constants of post-processing: least score and area", async () => {
    const image = imageOf(100, 80, squares);
    const count = async (post: Partial<PostOptions>) =>
      (await gradeImage(image, session(), metadata, { post })).nuclei.length;
    expect(await count({ threshold: 223 })).toBe(squares.length); // 0.875
    expect(await count({ threshold: 224 })).toBe(0);
    expect(await count({ minArea: 80 })).toBe(squares.length);
    expect(await count({ minArea: 81 })).toBe(0);
  });

  it("keeps painted maps from which post-processing gives the same nuclei", async () => {
    const graded = await gradeImage(imageOf(100, 80, squares), session(), metadata);
    const maps = parseMapsNpy(encodeMapsNpy(graded.maps), 4, "maps.npy", "detections");
    const again = gradeMaps(maps, { post: graded.post, pixelSize: graded.pixelSize });
    expect(again.labels).toEqual(graded.labels);
    expect(again.counts).toEqual(graded.counts);
  });

  it("runs windows in flight at the same time, and an image smaller than a window", async () => {
    const calls: number[] = [];
    await gradeImage(imageOf(100, 80, squares), session(1, calls), metadata);
    expect(calls.length).toBe(12);
    const one = await gradeImage(imageOf(20, 20, [[4, 4, 3]]), session(), metadata);
    expect(one.counts).toEqual([0, 0, 0, 1, 0]);
  });

  it("refuses mirrored passes, batches, and what is no detection", async () => {
    const image = imageOf(20, 20, []);
    await expect(gradeImage(image, session(), metadata, { flipTTA: true })).rejects.toThrow("infer.flipTTA");
    await expect(gradeImage(image, session(2), metadata)).rejects.toThrow("one window at a time");
    const silent = { ...session(), run: async () => ({}) };
    await expect(gradeImage(image, silent, metadata)).rejects.toThrow("returned nothing");
    const broken = { ...session(), run: async () => ({ detections: new Float32Array(7) }) };
    await expect(gradeImage(image, broken, metadata)).rejects.toThrow("no rows of 15");
  });
});
