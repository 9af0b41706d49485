import { readFileSync } from "node:fs";
import { createRandom, isRenogradeError, type RgbImage } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { resample, resampleLabels } from "./resample.js";

/** Written by fixtures/resample/make.py. */
const reference = JSON.parse(
  readFileSync(new URL("../../../fixtures/resample/reference.json", import.meta.url), "utf8"),
) as {
  source: number[][];
  cases: { kind: string; width: number; height: number; values: number[][] }[];
};

/** A grey image from rows of numbers. */
function grey(rows: number[][]): RgbImage {
  const data = Uint8Array.from(rows.flat().flatMap((v) => [v, v, v]));
  return { width: rows[0]!.length, height: rows.length, data };
}

function redRows(image: RgbImage): number[][] {
  return Array.from({ length: image.height }, (_, y) =>
    Array.from({ length: image.width }, (_, x) => image.data[(y * image.width + x) * 3]!),
  );
}

describe("resample", () => {
  it("averages areas when it shrinks", () => {
    const image = grey([
      [0, 4, 10, 10],
      [8, 12, 10, 10],
    ]);
    expect(redRows(resample(image, 2, 1))).toEqual([[6, 10]]);
    // 3 pixels to 2: each takes one pixel and half of the middle one.
    expect(redRows(resample(grey([[0, 90, 210]]), 2, 1))).toEqual([[30, 170]]);
  });

  it("is bicubic with a = -0.5 when it grows", () => {
    // By hand, factor 2: output x = 3 lies at input 1.25, weights of (0, 1, 2, 3) for t = 0.25:
    // -0.0703125, 0.8671875, 0.2265625, -0.0234375.
    const out = redRows(resample(grey([[0, 100, 200, 40]]), 8, 1))[0]!;
    expect(out[3]).toBe(Math.round(86.71875 + 45.3125 - 0.9375));
    expect(out[0]).toBe(0);
  });

  it.each(reference.cases)("agrees with Pillow and exact areas: $kind to $width x $height", (one) => {
    const out = redRows(resample(grey(reference.source), one.width, one.height));
    // At the edge Pillow leaves taps out, where we (as OpenCV) repeat the edge pixel.
    const edge = (scale: number): number => (one.kind === "enlarge" ? Math.ceil(2 * scale) : 0);
    const [left, top] = [edge(one.width / 24), edge(one.height / 20)];
    let worst = 0;
    for (let y = top; y < one.height - top; y++) {
      for (let x = left; x < one.width - left; x++) {
        worst = Math.max(worst, Math.abs(out[y]![x]! - one.values[y]![x]!));
      }
    }
    // Rounding alone, of values written with three decimals.
    expect(worst).toBeLessThan(0.502);
  });

  it("keeps constant images, sizes of 1 and equal sizes", () => {
    const flat = grey([
      [77, 77, 77],
      [77, 77, 77],
    ]);
    for (const [w, h] of [
      [1, 1],
      [7, 5],
      [2, 9],
      [300, 1],
    ] as const) {
      const out = resample(flat, w, h);
      expect([out.width, out.height, out.data.length]).toEqual([w, h, w * h * 3]);
      expect(out.data.every((v) => v === 77)).toBe(true);
    }
    expect(resample(flat, 3, 2)).toBe(flat);
  });

  it("keeps the mean when it shrinks, whatever the factor", () => {
    const random = createRandom("resample");
    const image = { width: 31, height: 23, data: new Uint8Array(31 * 23 * 3) };
    for (let i = 0; i < image.data.length; i++) image.data[i] = random.int(0, 255);
    const mean = (data: Uint8Array): number => data.reduce((a, v) => a + v, 0) / data.length;
    for (const [w, h] of [
      [17, 11],
      [30, 22],
      [3, 23],
    ] as const) {
      expect(Math.abs(mean(resample(image, w, h).data) - mean(image.data))).toBeLessThan(0.6);
    }
  });

  it("treats channels alike and rejects impossible sizes", () => {
    const image: RgbImage = { width: 2, height: 1, data: Uint8Array.from([10, 20, 30, 30, 40, 50]) };
    expect([...resample(image, 1, 1).data]).toEqual([20, 30, 40]);
    for (const size of [0, -1, 1.5, Number.NaN]) {
      try {
        resample(image, size, 1);
        expect.unreachable();
      } catch (error) {
        expect(isRenogradeError(error, "ShapeError")).toBe(true);
      }
    }
  });
});

describe("resampleLabels", () => {
  it("doubles and halves label maps exactly", () => {
    const labels = { width: 2, height: 2, data: Int32Array.from([1, 0, 0, 2]) };
    const twice = resampleLabels(labels, 4, 4);
    expect([...twice.data]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 2, 2, 0, 0, 2, 2]);
    expect([...resampleLabels(twice, 2, 2).data]).toEqual([...labels.data]);
  });
});
