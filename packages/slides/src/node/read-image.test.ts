import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRenogradeError, type RgbImage } from "@renograde/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readImage, writePng } from "./read-image.js";

const FIXTURES = fileURLToPath(new URL("../../../../fixtures/plain-images/", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-images-"));
});
afterAll(async () => await rm(folder, { recursive: true }));

const fixture = (name: string) => readImage(join(FIXTURES, name));

/** The gradient every fixture shows, from fixtures/plain-images/make.py. */
function expected(pixel: (x: number, y: number) => readonly number[]): Uint8Array {
  const data = new Uint8Array(40 * 30 * 3);
  for (let y = 0; y < 30; y++) for (let x = 0; x < 40; x++) data.set(pixel(x, y), (y * 40 + x) * 3);
  return data;
}
const RGB = expected((x, y) => [6 * x, 8 * y, 3 * x + 4 * y]);
const GREY = expected((x) => [6 * x, 6 * x, 6 * x]);
const BIT = expected((x) => (x < 20 ? [255, 255, 255] : [0, 0, 0]));

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
}

/** The error a promise rejects with; fails when it does not. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => expect.unreachable("expected a rejection"),
    (error: unknown) => error,
  );
}

describe("readImage", () => {
  it.each([
    ["rgb.png", RGB],
    ["grey.png", GREY],
    ["grey16.png", GREY],
    ["bit.png", BIT],
    ["rgb.tif", RGB],
    ["lzw.tif", RGB],
    ["deflate.tif", RGB],
    ["grey16.tif", GREY],
    ["bit.tif", BIT],
    ["pages.tif", RGB],
    ["bigtiff.tif", RGB],
    ["bigendian-tiled.tif", RGB],
    ["ome.ome.tif", RGB],
    [
      "palette.png",
      expected(
        (x) =>
          [
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [10, 20, 30],
          ][Math.floor(x / 10)]!,
      ),
    ],
    ["alpha.png", expected((x, y) => (x < 20 ? [6 * x, 8 * y, 3 * x + 4 * y] : [255, 255, 255]))],
  ])("reads %s exactly", async (name, pixels) => {
    const { image } = await fixture(name);
    expect([image.width, image.height]).toEqual([40, 30]);
    expect(largestDifference(image.data, pixels)).toBe(0);
  });

  it.each(["rgb.jpg", "progressive.jpg", "jpeg.tif"])("reads %s within the loss of JPEG", async (name) => {
    const { image } = await fixture(name);
    expect(largestDifference(image.data, RGB)).toBeLessThan(name === "jpeg.tif" ? 12 : 4);
  });

  it("reads a CMYK JPEG as RGB of the same picture, with a warning", async () => {
    const { image, warnings } = await fixture("cmyk.jpg");
    expect(image.data.length).toBe(RGB.length);
    // Red grows along x, green along y, as in the original.
    expect(image.data[39 * 3]! - image.data[0]!).toBeGreaterThan(100);
    expect(image.data[29 * 40 * 3 + 1]! - image.data[1]!).toBeGreaterThan(80);
    expect(warnings.join()).toContain("CMYK");
  });

  it("turns an image upright by its EXIF orientation, with a warning", async () => {
    const { image, warnings } = await fixture("orientation6.jpg");
    expect([image.width, image.height]).toEqual([30, 40]);
    // Orientation 6 is shown turned clockwise: what was bottom left is now top left.
    expect(Math.abs(image.data[1]! - 8 * 29)).toBeLessThan(4);
    expect(warnings.join()).toContain("EXIF orientation 6");
  });

  it("warns of pages left out and of 16 bits reduced, and of nothing else", async () => {
    expect((await fixture("pages.tif")).warnings).toHaveLength(1);
    expect((await fixture("pages.tif")).warnings[0]).toContain("3 pages");
    expect((await fixture("grey16.tif")).warnings[0]).toContain("16-bit");
    expect((await fixture("rgb.png")).warnings).toEqual([]);
  });

  it("takes the pixel size only where it is plausible for a microscope", async () => {
    const found = async (name: string) => (await fixture(name)).pixelSize;
    expect(await found("quarter-micron.png")).toEqual({ mpp: 0.25, source: "PNG resolution (pHYs)" });
    expect(await found("quarter-micron.tif")).toEqual({ mpp: 0.25, source: "TIFF resolution tags" });
    expect(await found("imagej.tif")).toEqual({ mpp: 0.25, source: "ImageJ calibration" });
    expect((await found("aperio.tif"))?.mpp).toBe(0.499);
    expect(await found("bigtiff.tif")).toEqual({ mpp: 0.25, source: "TIFF resolution tags" });
    expect(await found("ome.ome.tif")).toEqual({ mpp: 0.5, source: "OME-XML PhysicalSizeX" });
    for (const name of ["rgb.png", "72dpi.png", "300dpi.tif", "rgb.tif", "rgb.jpg"]) {
      expect(await found(name)).toBeUndefined();
    }
  });

  it.each([
    "rgb.png",
    "grey.png",
    "rgb.jpg",
    "progressive.jpg",
    "rgb.tif",
    "lzw.tif",
    "jpeg.tif",
    "bit.tif",
    "pages.tif",
    "bigtiff.tif",
    "bigendian-tiled.tif",
  ])("refuses %s cut short anywhere, naming the file", async (name) => {
    const bytes = await readFile(join(FIXTURES, name));
    const path = join(folder, `cut-${name}`);
    const step = Math.max(1, Math.floor(bytes.length / 40));
    // Pillow ends pages.tif with six bytes of padding that belong to nothing.
    const end = bytes.length - (name === "pages.tif" ? 6 : 0);
    const lengths = [0, end - 1, end - 3];
    for (let n = 1; n < end; n += step) lengths.push(n);
    for (const n of lengths) {
      await writeFile(path, bytes.subarray(0, n));
      const error = await failure(readImage(path));
      expect(isRenogradeError(error, "FileFormatError"), `${name} cut to ${n} bytes`).toBe(true);
      expect((error as Error).message).toContain(path);
    }
  });

  it("refuses other kinds with a sentence that lists what is supported", async () => {
    for (const [name, what] of [
      ["picture.bmp", "BMP"],
      ["picture.gif", "GIF"],
      ["make.py", "not an image"],
    ] as const) {
      const error = (await failure(fixture(name))) as Error;
      expect(error.message).toContain(what);
      expect(error.message).toContain("PNG, JPEG and TIFF");
    }
    expect(String(await failure(fixture("float.tif")))).toContain("8 or 16 bits");
    // One pixel of five samples: header, pixel, bits per sample, extra samples, directory of [tag, type, count, value].
    const words = [0x4949, 42, 40, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0];
    const entries = [
      ...[
        [256, 3, 1, 1],
        [257, 3, 1, 1],
        [258, 3, 5, 16],
        [259, 3, 1, 1],
        [262, 3, 1, 1],
        [273, 4, 1, 8],
      ],
      ...[
        [277, 3, 1, 5],
        [278, 3, 1, 1],
        [279, 4, 1, 5],
        [338, 3, 4, 26],
      ],
    ].flatMap(([tag, type, count, value]) => [tag!, type!, count!, 0, value!, 0]);
    const path = join(folder, "five.tif");
    await writeFile(path, Uint16Array.from([...words, entries.length / 6, ...entries, 0, 0]));
    expect(String(await failure(readImage(path)))).toContain(
      "images of 5 samples per pixel are not supported",
    );
  });

  it("refuses what is missing, a folder, or too large", async () => {
    expect(isRenogradeError(await failure(fixture("none.png")), "FileAccessError")).toBe(true);
    expect(isRenogradeError(await failure(readImage(FIXTURES)), "FileAccessError")).toBe(true);
    const error = await failure(readImage(join(FIXTURES, "rgb.png"), { maxPixels: 1199 }));
    expect(String(error)).toContain("40 x 30");
  });

  it("writes PNG files that read back equal, with the same bytes each time", async () => {
    const image: RgbImage = { width: 40, height: 30, data: RGB };
    await writePng(join(folder, "a.png"), image);
    await writePng(join(folder, "b.png"), image);
    expect((await readImage(join(folder, "a.png"))).image).toEqual(image);
    expect(await readFile(join(folder, "a.png"))).toEqual(await readFile(join(folder, "b.png")));
    await writePng(join(folder, "one.png"), { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) });
    expect([...(await readImage(join(folder, "one.png"))).image.data]).toEqual([1, 2, 3]);
  });
});

const DATA = process.env.RENOGRADE_DATA;
describe.skipIf(!DATA)("readImage on real data (RENOGRADE_DATA is set)", () => {
  it("reads an H&E image and a slide's first level", async () => {
    const images = join(DATA ?? "", "monuseg", "images");
    const name = (await readdir(images)).sort()[0]!;
    const { image } = await readImage(join(images, name));
    expect([image.width, image.height]).toEqual([1000, 1000]);
    const slide = await readImage(join(DATA ?? "", "slides", "cmu-1-small-region.svs"));
    expect([slide.image.width, slide.image.height]).toEqual([2220, 2967]);
    expect(slide.pixelSize?.mpp).toBe(0.499);
  });
});
