import { join } from "node:path";
import { createRandom, type RgbImage } from "@renograde/core";
import { readImage } from "@renograde/slides/node";
import { beforeAll, describe, expect, it } from "vitest";
import { synthesizeSection } from "../synthesis/index.js";
import type { DuplicatePair } from "./compare-images.js";
import { DuplicateFinder } from "./duplicates.js";
import { ORIENTATIONS } from "./orientations.js";

let section: RgbImage;
beforeAll(() => {
  section = synthesizeSection({ width: 420, height: 420, seed: 5 }).image;
});

function cut(image: RgbImage, left: number, top: number, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

function turn(image: RgbImage, orientation: number): RgbImage {
  const { a, b, c, d } = ORIENTATIONS[orientation]!;
  const [width, height] = a === 0 ? [image.height, image.width] : [image.width, image.height];
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const u = a * x + b * y + (a + b < 0 ? width - 1 : 0);
      const v = c * x + d * y + (c + d < 0 ? height - 1 : 0);
      data.set(
        image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3),
        3 * (v * width + u),
      );
    }
  }
  return { width, height, data };
}

async function find(...images: RgbImage[]): Promise<DuplicatePair[]> {
  const finder = new DuplicateFinder();
  for (const image of images) finder.add(image);
  return await finder.verify(async (i) => images[i]!);
}

describe("DuplicateFinder", () => {
  it.each([...ORIENTATIONS.entries()])("finds a copy, orientation %i", async (orientation) => {
    const image = cut(section, 0, 0, 200, 180);
    const pairs = await find(image, turn(image, orientation));
    expect(pairs).toMatchObject([{ first: 0, second: 1, orientation, overlap: 1, identical: true }]);
  });

  it.each([...ORIENTATIONS.entries()])("finds cuts that overlap by a quarter, orientation %i", async (o) => {
    const first = cut(section, 10, 7, 256, 256);
    const second = turn(cut(section, 141, 133, 256, 256), o);
    const [pair, ...more] = await find(first, second);
    expect(more).toEqual([]);
    expect(pair).toMatchObject({ identical: true, orientation: o });
    expect(pair!.overlap).toBeCloseTo((125 * 130) / 256 ** 2, 6);
    // A point of the first lies where it says in the second.
    const { a, b, c, d } = ORIENTATIONS[o]!;
    const [x, y] = [a * 200 + b * 180 + pair!.offset[0], c * 200 + d * 180 + pair!.offset[1]];
    const at = (image: RgbImage, u: number, v: number) => [
      ...image.data.subarray(3 * (v * image.width + u)).subarray(0, 3),
    ];
    expect(at(second, x, y)).toEqual(at(first, 200, 180));
  });

  it("finds overlaps through noise and another brightness, which are not identical", async () => {
    const random = createRandom(1, "noise");
    const copy = cut(section, 60, 40, 256, 256);
    const changed = {
      ...copy,
      data: copy.data.map((v) => Math.min(255, 0.9 * v + 12 + random.normal(0, 6))),
    };
    const [pair] = await find(cut(section, 0, 0, 256, 256), changed);
    expect(pair).toMatchObject({ identical: false, orientation: 0, offset: [-60, -40] });
  });

  it("finds nothing in neighbouring and in other tissue", async () => {
    const other = synthesizeSection({ width: 420, height: 420, seed: 6 }).image;
    const cuts = [section, other].flatMap((image) => [
      cut(image, 0, 0, 210, 210),
      cut(image, 210, 0, 210, 210),
      cut(image, 0, 210, 210, 210),
      cut(image, 210, 210, 210, 210),
    ]);
    expect(await find(...cuts)).toEqual([]);
  });

  it("finds copies of images without landmarks", async () => {
    const glass = { width: 40, height: 30, data: new Uint8Array(3600).fill(240) };
    glass.data[5] = 0;
    const pairs = await find(glass, cut(section, 0, 0, 40, 30), turn(glass, 3));
    expect(pairs).toMatchObject([{ first: 0, second: 2, overlap: 1, identical: true }]);
  });
});

describe.skipIf(!process.env.RENOGRADE_DATA)("real tissue (RENOGRADE_DATA)", () => {
  it("finds mirrored cuts that share a quarter, and nothing between images", async () => {
    const names = [
      "consep/images/train_13.png",
      "monuseg/images/TCGA-B0-5710-01Z-00-DX1.png",
      "tnbc/images/slide01_01_1.png",
    ];
    const images: RgbImage[] = [];
    for (const name of names) {
      const { image } = await readImage(join(process.env.RENOGRADE_DATA!, name));
      images.push(cut(image, 5, 9, 256, 256), turn(cut(image, 133, 134, 256, 256), 6));
    }
    const pairs = await find(...images);
    expect(pairs.map(({ first, second, identical }) => [first, second, identical])).toEqual([
      [0, 1, true],
      [2, 3, true],
      [4, 5, true],
    ]);
  });
});
