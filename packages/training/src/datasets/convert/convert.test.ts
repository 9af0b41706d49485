import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseNpz } from "@renograde/formats";
import { readImage, readLabelPng } from "@renograde/slides/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataset } from "../open-dataset.js";
import { type ConvertFrom, type ConvertOptions, convertDataset } from "./convert.js";

const FIXTURES = join(import.meta.dirname, "../../../../../fixtures/datasets");
const expected = parseNpz(new Uint8Array(await readFile(join(FIXTURES, "expected.npz"))));

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-convert-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const convert = (from: ConvertFrom, more: Partial<ConvertOptions> = {}) =>
  convertDataset({ input: join(FIXTURES, from), from, to: "label-png", outDir: join(root, "out"), ...more });

/** Names of the images made from a fixture, as the script lists them. */
const namesOf = (from: string): string[] =>
  [...expected.keys()]
    .filter((key) => key.startsWith(`${from}/`) && key.endsWith("/labels"))
    .map((key) => key.split("/")[1]!)
    .sort();

/** All files below a folder. */
async function filesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

describe.each([
  ["pannuke", 5],
  ["monusac", 4],
  ["lizard", 6],
  ["conic", 6],
  ["kumar", 1],
  ["cpm", 1],
  ["consep", 7],
] as const)("%s", (from, classCount) => {
  it.each(["label-png", "rccnucseg"] as const)("gives what the script expects, as %s", async (to) => {
    const warnings: string[] = [];
    const summary = await convert(from, { to, onWarning: (w) => warnings.push(w) });
    expect([summary.failures, warnings, summary.classNames.length]).toEqual([[], [], classCount]);
    const dataset = await openDataset(join(root, "out"));
    expect(dataset.classes.classes).toHaveLength(classCount);
    expect(dataset.entries.map((entry) => entry.name).sort()).toEqual(namesOf(from));
    for (const [i, { name }] of dataset.entries.entries()) {
      const { instances, classes, warnings: repaired } = await dataset.load(i);
      expect(repaired).toEqual([]);
      expect(instances.data).toEqual(expected.get(`${from}/${name}/labels`)!.data);
      expect(Int32Array.from(classes.data)).toEqual(expected.get(`${from}/${name}/classes`)!.data);
    }
  });
});

describe("what the sources say beside nuclei", () => {
  it("PanNuke: float64 pixels become bytes, folds and tissues names", async () => {
    await convert("pannuke");
    expect((await openDataset(join(root, "out"))).entries.map((e) => e.name)).toContain(
      "fold1_00001_Bile-duct",
    );
    const { image } = await readImage(join(root, "out/images/fold1_00000_Kidney.png"));
    const again = await readImage(join(root, "out/images/fold2_00000_Kidney.png"));
    expect([image.width, image.height, new Set(image.data.subarray(0, 24)).size]).toEqual([32, 24, 3]);
    expect(again.image.data).not.toEqual(image.data);
  });

  it("MoNuSAC: slides, patients and ambiguous regions apart", async () => {
    await convert("monusac", { to: "rccnucseg", set: "test" });
    const dataset = await openDataset(join(root, "out"));
    expect(dataset.entries.map((e) => e.set)).toEqual(["test", "test"]);
    expect(await dataset.load(0)).toMatchObject({
      slide: "TCGA-5P-A9K0-01Z-00-DX1",
      patient: "TCGA-5P-A9K0",
    });
    const name = "TCGA-5P-A9K0-01Z-00-DX1_1";
    const ambiguous = await readLabelPng(join(root, `out/Test/Ambiguous/${name}.png`));
    expect(ambiguous.data).toEqual(expected.get(`monusac/${name}/ambiguous`)!.data);
    expect(await readdir(join(root, "out/Test/Ambiguous"))).toHaveLength(1);
  });

  it("Kumar: test_diff is a test set", async () => {
    await convert("kumar");
    expect((await openDataset(join(root, "out"))).entries.map((e) => e.set)).toEqual(["train", "test"]);
  });
});

it("resamples 20x data to 40x: labels nearest", async () => {
  expect((await convert("conic", { toMpp: 0.25 })).mpp).toBe(0.25);
  const dataset = await openDataset(join(root, "out"));
  const { instances } = await dataset.load(0);
  const small = expected.get("conic/conic_00000/labels")!.data;
  expect([instances.width, instances.height]).toEqual([64, 48]);
  for (let p = 0; p < instances.data.length; p++) {
    const [x, y] = [p % 64, Math.floor(p / 64)];
    expect(instances.data[p]).toBe(small[(y >> 1) * 32 + (x >> 1)]);
  }
});

it("maps classes and drops those mapped to 0", async () => {
  const classMap = join(root, "merge.json");
  await writeFile(
    classMap,
    JSON.stringify({
      1: 0,
      2: 1,
      3: 2,
      4: 2,
      5: 3,
      6: 3,
      7: 3,
      names: ["inflammatory", "epithelial", "spindle"],
    }),
  );
  const summary = await convert("consep", { classMap });
  const merge = [0, 0, 1, 2, 2, 3, 3, 3];
  const { classes } = await (await openDataset(join(root, "out"))).load(0);
  const truth = expected.get("consep/train_1/classes")!.data as Int32Array;
  expect(Int32Array.from(classes.data)).toEqual(truth.map((c) => merge[c]!));
  expect(summary.classNames).toEqual(["inflammatory", "epithelial", "spindle"]);
});

it("goes there and back between the two layouts", async () => {
  await convert("lizard", { to: "rccnucseg" });
  const back = join(root, "back");
  await convert("rccnucseg", { input: join(root, "out"), outDir: back });
  await convert("lizard", { outDir: join(root, "direct") });
  for (const file of ["labels/consep_1.png", "images/consep_1.png", "classes/consep_1.json"]) {
    expect(await readFile(join(back, file))).toEqual(await readFile(join(root, "direct", file)));
  }
});

it("reads GeoJSON and HoVer-Net JSON beside images", async () => {
  const input = join(root, "in");
  await mkdir(input);
  await copyFile(join(FIXTURES, "consep/Train/Images/train_1.png"), join(input, "a.png"));
  const ring = [
    [2, 2],
    [6, 2],
    [6, 5],
    [2, 5],
    [2, 2],
  ];
  const feature = (name: string | null, coordinates: number[][][]) => ({
    type: "Feature",
    geometry: { type: "Polygon", coordinates },
    properties: { objectType: "detection", ...(name && { classification: { name } }) },
  });
  const shifted = ring.map(([x, y]) => [x! + 10, y! + 10]);
  const features = [feature("tumour", [ring]), feature(null, [shifted])];
  await writeFile(join(input, "a.geojson"), JSON.stringify({ type: "FeatureCollection", features }));
  const nuc = {
    1: {
      bbox: [
        [2, 2],
        [5, 6],
      ],
      centroid: [3.5, 3],
      contour: [
        [2, 2],
        [5, 2],
        [5, 4],
        [2, 4],
      ],
      type: 3,
      type_prob: 1,
    },
  };
  await writeFile(join(input, "a.json"), JSON.stringify({ mag: 40, nuc }));
  const geo = await convert("geojson", { input, outDir: join(root, "geo") });
  expect([geo.classNames, geo.perClass]).toEqual([
    ["Unclassified", "tumour"],
    [1, 1],
  ]);
  await expect(convert("hover-net", { input, outDir: join(root, "hover") })).rejects.toThrow(
    /the classes are numbers without names; give --classes FILE/,
  );
  const classMap = join(root, "map.json");
  await writeFile(classMap, JSON.stringify({ 3: 1, names: ["x"] }));
  await convert("hover-net", { input, outDir: join(root, "hover"), classMap });
  const square = (await readLabelPng(join(root, "hover/labels/a.png"))).data;
  expect(square.filter((v) => v === 1)).toHaveLength(12);
  const both = (await readLabelPng(join(root, "geo/labels/a.png"))).data;
  expect(both.map((v) => (v === 1 ? 1 : 0))).toEqual(square);
  await expect(convert("geojson", { input, outDir: join(root, "x"), toMpp: 0.25 })).rejects.toThrow(
    /give --mpp/,
  );
});

describe("runs", () => {
  it("continues after an interruption without touching what is done, with the bytes of one run", async () => {
    await convert("pannuke", { outDir: join(root, "whole") });
    const stop = new AbortController();
    const interrupted = convert("pannuke", {
      signal: stop.signal,
      onProgress: (done) => {
        if (done === 2) stop.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ exitCode: 130 });
    const left = await filesOf(join(root, "out"));
    expect(left.filter((name) => name.startsWith("images/"))).toHaveLength(2);
    const first = await stat(join(root, "out", left.find((name) => name.startsWith("images/"))!));
    await rm(join(root, "out/labels/fold1_00002_HeadNeck.png"), { force: true });
    expect(await convert("pannuke")).toMatchObject({ written: 4, skipped: 2 });
    expect((await stat(join(root, "out", left.find((name) => name.startsWith("images/"))!))).mtimeMs).toBe(
      first.mtimeMs,
    );
    const all = await filesOf(join(root, "whole"));
    expect(await filesOf(join(root, "out"))).toEqual(all);
    for (const file of all) {
      expect(await readFile(join(root, "out", file))).toEqual(await readFile(join(root, "whole", file)));
    }
  });

  it("refuses to write into the source", async () => {
    const input = join(FIXTURES, "kumar");
    for (const outDir of [input, join(input, "out")]) {
      await expect(convert("kumar", { input, outDir })).rejects.toThrow(/lies in the source/);
    }
  });

  it("refuses the folder of another conversion", async () => {
    await convert("kumar");
    await expect(convert("cpm")).rejects.toThrow(
      /conversion\.json: this folder holds a conversion of another input/,
    );
    await expect(convert("cpm", { set: "test" })).resolves.toMatchObject({ written: 1 });
  });

  it("tells what is damaged and converts the rest", async () => {
    const input = join(root, "kumar");
    await cp(join(FIXTURES, "kumar"), input, { recursive: true });
    const mat = join(input, "train/Labels/TCGA-18-5592-01Z-00-DX1.mat");
    await writeFile(mat, (await readFile(mat)).subarray(0, 900));
    const { written, failures } = await convert("kumar", { input });
    expect([written, failures.map((f) => f.message.slice(input.length))]).toEqual([
      1,
      [expect.stringMatching(/^\/train\/Labels\/TCGA-18-5592-01Z-00-DX1\.mat: .*truncated/)],
    ]);
    expect(await filesOf(join(root, "out"))).toHaveLength(3);
  });
});

describe("sources that cannot be read", () => {
  const damage = async (from: ConvertFrom, change: (folder: string) => Promise<void>): Promise<unknown> => {
    const input = join(root, "in");
    await cp(join(FIXTURES, from), input, { recursive: true });
    await change(input);
    const error: unknown = await convert(from, { input }).catch((e: unknown) => e);
    expect(await readdir(root)).not.toContain("out");
    return error;
  };
  const MASKS = "Fold 1/masks/fold1/masks.npy";

  it.each([
    ["a missing masks.npy", "pannuke", (d) => rm(join(d, MASKS)), /images\.npy: no masks\.npy beside it/],
    [
      "truncated masks",
      "pannuke",
      async (d) => writeFile(join(d, MASKS), (await readFile(join(d, MASKS))).subarray(0, 5000)),
      /masks\.npy: is truncated: 5000 bytes, expected 110720; copy it again/,
    ],
    [
      "masks of another fold's shape",
      "pannuke",
      (d) => copyFile(join(d, "Fold 1/images/fold1/images.npy"), join(d, MASKS)),
      /masks\.npy: has shape \(3, 24, 32, 3\), expected \(3, 24, 32, 6\)/,
    ],
    [
      "no fold",
      "pannuke",
      (d) => rm(join(d), { recursive: true }).then(() => mkdir(d)),
      /no images\.npy found/,
    ],
    ["a missing labels.npy", "conic", (d) => rm(join(d, "labels.npy")), /labels\.npy: no such file/],
    [
      "counts of other classes",
      "conic",
      (d) => writeFile(join(d, "counts.csv"), "a,b\n1,2\n"),
      /counts\.csv: has the columns a, b, expected neutrophil/,
    ],
    [
      "an image without annotation",
      "consep",
      (d) => copyFile(join(d, "Train/Images/train_1.png"), join(d, "Train/Images/train_2.png")),
      /1 of 2 images have no annotation of the same name: .*train_2\.png/,
    ],
    [
      "an annotation without image",
      "lizard",
      (d) => copyFile(join(d, "Lizard_Labels/Labels/consep_1.mat"), join(d, "Lizard_Labels/Labels/x.mat")),
      /1 of 2 annotations have no image of the same name: .*x\.mat/,
    ],
  ] as [string, ConvertFrom, (folder: string) => Promise<void>, RegExp][])(
    "%s",
    async (_, from, change, message) => {
      expect(await damage(from, change)).toMatchObject({ message: expect.stringMatching(message) });
    },
  );

  it.each([
    [
      "pixels that are no colours",
      "pannuke",
      "Fold 1/images/fold1/images.npy",
      4000,
      /images\.npy: image 0 holds .*, expected 0 to 255/,
    ],
    ["a class that does not exist", "conic", "labels.npy", 130, /labels\.npy: image 0 holds class 65535/],
  ] as [string, ConvertFrom, string, number, RegExp][])("%s", async (_, from, file, at, message) => {
    const input = join(root, "in");
    await cp(join(FIXTURES, from), input, { recursive: true });
    const bytes = await readFile(join(input, file));
    bytes.fill(255, at, at + 8);
    await writeFile(join(input, file), bytes);
    expect((await convert(from, { input })).failures[0]?.message).toMatch(message);
  });
});

describe("every file of a source cut in half", () => {
  it.each(["pannuke", "monusac", "lizard", "conic", "kumar", "consep"] as const)(
    "is told with its name: %s",
    async (from) => {
      for (const file of await filesOf(join(FIXTURES, from))) {
        const input = join(root, "in");
        await cp(join(FIXTURES, from), input, { recursive: true });
        const bytes = await readFile(join(input, file));
        await writeFile(join(input, file), bytes.subarray(0, bytes.length >> 1));
        const outDir = join(root, `out-${file.replaceAll("/", "-")}`);
        // Anything but an error made on purpose would be thrown as it is.
        const told = await convert(from, { input, outDir })
          .then(({ failures }) => failures)
          .catch((error: unknown) => [error]);
        expect([file, told.length]).toEqual([file, 1]);
        expect(told[0]).toMatchObject({
          tag: expect.any(String),
          message: expect.stringContaining(file.slice(file.lastIndexOf("/") + 1)),
        });
        await rm(input, { recursive: true });
      }
    },
  );
});
