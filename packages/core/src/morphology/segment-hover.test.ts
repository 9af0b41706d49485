import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { RCC_CLASSES } from "../class-scheme.js";
import { DEFAULT_POST_OPTIONS } from "../post-options.js";
import type { FloatMap } from "../raster.js";
import { openByEllipse } from "./binary.js";
import { segmentByOffsets } from "./segment-hover.js";
import { segmentNuclei } from "./segment-nuclei.js";
import { voteTypes } from "./vote-types.js";
import { Workspace } from "./workspace.js";

const OPTIONS = { minArea: 10, watershedTies: "skimage-legacy" } as const;

/** Rows of digits as a map of their values divided by `unit`. */
function floats(rows: readonly string[], unit = 1): FloatMap {
  const data = Float32Array.from([...rows.join("")], (digit) => Number(digit) / unit);
  return { width: rows[0]!.length, height: rows.length, data };
}

// Fixtures by SciPy 1.10 and scikit-image 0.19.3 (fixtures/hover-net/make.py); labels must be equal exactly.
it("equals SciPy and scikit-image", () => {
  const workspace = new Workspace();
  let objects = 0;
  for (const [index, sample] of readPack("../hover-net/segment.pack.gz").entries()) {
    const labels = segmentByOffsets(
      {
        nucleus: sample.map<Float32Array>("nucleus"),
        offsetX: sample.map<Float32Array>("x"),
        offsetY: sample.map<Float32Array>("y"),
      },
      OPTIONS,
      workspace,
    );
    const expected = sample.array<Uint8Array>("labels");
    expect(labels.data, `case ${index}`).toEqual(Int32Array.from(expected));
    expect(labels.count).toBe(Math.max(...expected));
    objects += labels.count;
  }
  expect(objects).toBeGreaterThan(100);
});

/** Two touching 12 × 12 squares in a 30 × 18 image, and the offsets of each. */
function squares() {
  const [width, height] = [30, 18];
  const maps = { width, height, channels: 8, data: new Float32Array(8 * width * height) };
  const plane = width * height;
  for (let y = 3; y < 15; y++) {
    for (let x = 3; x < 27; x++) {
      const p = y * width + x;
      const left = x < 15 ? 3 : 15;
      maps.data[(x < 15 ? 2 : 3) * plane + p] = 1;
      maps.data[5 * plane + p] = 1;
      maps.data[6 * plane + p] = (x - left - 5.5) / 5.5;
      maps.data[7 * plane + p] = (y - 3 - 5.5) / 5.5;
    }
  }
  for (let p = 0; p < plane; p++) maps.data[p] = 1 - maps.data[5 * plane + p]!;
  return maps;
}

describe("through segmentNuclei", () => {
  const options = { ...DEFAULT_POST_OPTIONS, method: "hover-net", voteBackground: true } as const;

  it("parts touching nuclei where offsets jump, and types them", () => {
    const maps = squares();
    const { labels } = segmentNuclei(maps, RCC_CLASSES, options);
    expect(labels.count).toBe(2);
    const row = Array.from({ length: 30 }, (_, x) => labels.data[8 * 30 + x]!);
    expect(row.join("")).toBe("000111111111111222222222222000");
    expect([...voteTypes(labels, maps, options).types]).toEqual([0, 2, 3]);
  });

  it("asks for its channels and refuses NaN", () => {
    const maps = squares();
    expect(() => segmentNuclei({ ...maps, channels: 7 }, RCC_CLASSES, options)).toThrow(
      "needs 8 (background, 4 classes, nucleus, offset x, offset y)",
    );
    maps.data[7 * 540 + 31] = Number.NaN;
    expect(() => segmentNuclei(maps, RCC_CLASSES, options)).toThrow(/NaN in channel 7 at pixel \(1, 1\)/);
  });
});

it("names infinite offsets", () => {
  const nucleus = floats(["11", "11"]);
  const offsetX = floats(["00", "00"]);
  const offsetY = { ...offsetX, data: Float32Array.of(0, 0, 0, Infinity) };
  expect(() => segmentByOffsets({ nucleus, offsetX, offsetY }, OPTIONS)).toThrow(
    /vertical offsets hold Infinity at pixel \(1, 1\)/,
  );
});

describe("openByEllipse", () => {
  const bits = (rows: readonly string[]) => ({
    width: rows[0]!.length,
    height: rows.length,
    data: Uint8Array.from([...rows.join("")], Number),
  });

  it("keeps what an ellipse fits into, and what the edge cuts", () => {
    const opened = openByEllipse(
      bits([
        "11111000000", //
        "11111001110",
        "11111011111",
        "00000011111",
        "00000011111",
        "01100001110",
      ]),
    );
    expect([...opened.data].join("").match(/.{11}/g)).toEqual([
      "11111000000",
      "11111000110",
      "11100011111",
      "00000011111",
      "00000011111",
      "00000000110",
    ]);
  });

  it("lies inside its input and changes nothing when repeated", () => {
    const masks = fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
      .chain(([width, height]) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          data: fc.uint8Array({ minLength: width * height, maxLength: width * height, max: 1 }),
        }),
      );
    fc.assert(
      fc.property(masks, (mask) => {
        // Mostly foreground, or nothing is left.
        const dense = { ...mask, data: mask.data.map((v, i) => (i % 3 === 0 ? v : 1)) };
        const once = openByEllipse(dense);
        expect(once.data.every((v, i) => v <= dense.data[i]!)).toBe(true);
        expect(openByEllipse(once).data).toEqual(once.data);
      }),
      { seed: 20211, numRuns: 100 },
    );
  });
});
