import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { applyJpegLoss } from "./jpeg-loss.js";

function blocks(seed: number, width = 19, height = 13) {
  const random = createRandom(seed);
  // Flat blocks of 8 x 8 px are made of the lowest frequency only.
  const levels = Array.from({ length: 64 * 3 }, () => random.int(0, 255));
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const block = Math.floor(pixel / width / 8) * 8 + Math.floor((pixel % width) / 8);
    data[i] = levels[block * 3 + (i % 3)]!;
  }
  return { width, height, data };
}

describe("applyJpegLoss", () => {
  it("keeps flat blocks flat and near their colour", () => {
    const image = blocks(1);
    const before = image.data.slice();
    applyJpegLoss(image, 90);
    const differences = image.data.map((value, i) => Math.abs(value - before[i]!));
    expect(Math.max(...differences)).toBeLessThanOrEqual(2);
    for (let c = 0; c < 3; c++) expect(image.data[3 + c]).toBe(image.data[c]);
  });

  it("loses more with lower quality, next to nothing with 100", () => {
    const loss = [100, 90, 60, 20].map((quality) => {
      const random = createRandom(2);
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.int(60, 200));
      const image = { width: 32, height: 32, data: data.slice() };
      applyJpegLoss(image, quality);
      return data.reduce((sum, value, i) => sum + Math.abs(value - image.data[i]!), 0) / data.length;
    });
    expect(loss[0]).toBeLessThan(1);
    expect(loss[1]).toBeGreaterThan(loss[0]! + 1);
    expect(loss[2]).toBeGreaterThan(loss[1]! + 1);
    expect(loss[3]).toBeGreaterThan(loss[2]! + 1);
  });
});
