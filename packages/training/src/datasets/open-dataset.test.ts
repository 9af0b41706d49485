import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { RCC_CLASSES } from "@renograde/core";
import { encodeMat5 } from "@renograde/formats";
import { writeLabelPng, writePng } from "@renograde/slides/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataset } from "./open-dataset.js";
import { splitDataset } from "./split.js";
import { datasetStats } from "./stats.js";

const FIXTURE = join(import.meta.dirname, "../../../../fixtures/rccnucseg-mini");
const PAPER = { by: "image", seed: 10, fractions: [0.7, 0.1, 0.2] } as const;

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-dataset-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function image(path: string, width = 16, height = 12): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writePng(join(root, path), { width, height, data: new Uint8Array(width * height * 3).fill(200) });
}

async function labels(path: string, paint: readonly number[], width = 16, height = 12): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  const data = new Int32Array(width * height);
  data.set(paint);
  await writeLabelPng(join(root, path), { width, height, data });
}

async function classes(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
}

describe("RCCNucSeg folders", () => {
  beforeEach(async () => {
    await cp(FIXTURE, root, { recursive: true });
    for (const name of ["Train/Images/a", "Train/Images/b_prcc", "VALID/Images/c", "test/Images/d"]) {
      await image(`${name}.png`);
    }
  });

  it("pairs files by base name within a split, whatever the letter case", async () => {
    const dataset = await openDataset(root);
    expect(dataset.layout).toBe("rccnucseg");
    expect(dataset.classes).toBe(RCC_CLASSES);
    expect(dataset.entries.map((e) => [e.set, e.name])).toEqual([
      ["train", "a"],
      ["train", "b_prcc"],
      ["valid", "c"],
      ["test", "d"],
    ]);
  });

  it("reads int32, float64, uint16 and uint8 maps written by SciPy, compressed or not", async () => {
    const dataset = await openDataset(root);
    const first = await dataset.load(0);
    expect(first).toMatchObject({ slide: "TCGA-AB-1234-01Z-00-DX1", patient: "TCGA-AB-1234", warnings: [] });
    expect([...new Set(first.instances.data)].sort()).toEqual([0, 1, 4, 7]);
    expect(first.instances.data[1 * 16 + 5]).toBe(4);
    expect(first.classes.data[1 * 16 + 5]).toBe(3);
    for (const i of [1, 2]) {
      const other = await dataset.load(i);
      expect(other.instances).toEqual(first.instances);
      expect(other.classes).toEqual(first.classes);
    }
  });

  it("repairs what it can and says so", async () => {
    const dataset = await openDataset(root);
    const { warnings, instances } = await dataset.load(3);
    expect(warnings.map((w) => w.slice(w.lastIndexOf("d.mat")))).toEqual([
      "d.mat: 1 px have a class but no instance; taken as background",
      "d.mat: 1 instances have more than one class, majority taken: 4",
      "d.mat: 1 instances have no class, taken as background: 7",
    ]);
    expect([...new Set(instances.data)].sort()).toEqual([0, 1, 4]);
  });

  it("counts nuclei per class, shared patients, and compares with the published totals", async () => {
    const dataset = await openDataset(root);
    const stats = await datasetStats(dataset, await splitDataset(dataset, PAPER));
    expect(stats.sets.train).toEqual({
      images: 2,
      nuclei: 6,
      perClass: [2, 0, 2, 2],
      slides: 2,
      patients: 2,
    });
    expect(stats.total.perClass).toEqual([4, 0, 4, 3]);
    expect(stats.sharedPatients).toEqual(["TCGA-AB-1234"]);
    expect(stats.sharedSlides).toEqual([]);
    expect(stats.warnings.some((w) => w.includes("4 patches, the published dataset has 1000"))).toBe(true);
  });

  it("reads CoNSeP's keys through a mapping file", async () => {
    const numeric = (data: Int32Array) =>
      ({ kind: "numeric", class: "int32", shape: [12, 16], data }) as const;
    const inst = new Int32Array(192).fill(1, 0, 4);
    const type = new Int32Array(192).fill(7, 0, 4);
    await mkdir(join(root, "train/Labels"), { recursive: true });
    const mat = encodeMat5([
      ["inst_map", numeric(inst)],
      ["type_map", numeric(type)],
    ]);
    await writeFile(join(root, "Train/Labels/a.mat"), mat);
    const wrong = await openDataset(root);
    await expect(wrong.load(0)).rejects.toThrow(/a\.mat: instance 1 has class 7, expected 1 to 4/);
    await classes("classes.json", { 7: 4, 1: 1, 3: 3, 4: 2 });
    const dataset = await openDataset(root);
    expect([...(await dataset.load(0)).classes.data.slice(0, 5)]).toEqual([4, 4, 4, 4, 0]);
  });

  it.each([
    ["no annotation", async () => image("train/Images/e.png"), /1 of 5 images have no annotation.*e\.png/],
    ["no image", async () => rm(join(root, "test/Images/d.png")), /1 annotations have no image.*d\.mat/],
    [
      "two of a name",
      async () => image("Train/more/a.jpg.png").then(() => image("Train/images/a.png")),
      /second image/,
    ],
  ])("rejects a folder with %s", async (_, damage, message) => {
    await damage();
    await expect(openDataset(root)).rejects.toThrow(message);
  });

  it.each([
    ["truncated", (bytes: Uint8Array) => bytes.slice(0, 300), /a\.mat: /],
    ["not MATLAB", () => new Uint8Array(200), /a\.mat: /],
    [
      "without the maps",
      () =>
        encodeMat5([["marker", { kind: "numeric", class: "int32", shape: [1, 1], data: new Int32Array(1) }]]),
      /a\.mat: holds marker, expected instance_map and class_map/,
    ],
  ])("rejects a .mat file that is %s", async (_, damage, message) => {
    const { readFile } = await import("node:fs/promises");
    const path = join(root, "Train/Labels/a.mat");
    await writeFile(path, damage(new Uint8Array(await readFile(path))));
    await expect((await openDataset(root)).load(0)).rejects.toThrow(message);
  });

  it("rejects an image of another size than its maps", async () => {
    await image("Train/Images/a.png", 12, 12);
    await expect((await openDataset(root)).load(0)).rejects.toThrow(
      /a\.mat: the instance map is 16 x 12 px, but the image is 12 x 12 px/,
    );
  });
});

describe("label-PNG folders", () => {
  it("takes one class when there are no classes", async () => {
    await image("images/x.png");
    await labels("labels/x.png", [0, 300, 300, 2]);
    const dataset = await openDataset(root);
    expect(dataset).toMatchObject({ layout: "label-png", hasClasses: false });
    expect(dataset.classes.classes.map((c) => c.name)).toEqual(["Nucleus"]);
    const { classes: map, instances } = await dataset.load(0);
    expect([...instances.data.slice(0, 5)]).toEqual([0, 300, 300, 2, 0]);
    expect([...map.data.slice(0, 5)]).toEqual([0, 1, 1, 1, 0]);
  });

  it("takes classes by name from the class files", async () => {
    for (const name of ["x", "y"]) {
      await image(`images/${name}.png`);
      await labels(`labels/${name}.png`, [1, 1, 2]);
    }
    await classes("classes/x.json", { class_names: { 2: "b", 5: "c" }, instance_class: { 1: 5, 2: 2 } });
    await classes("classes/y.json", { class_names: { 1: "a", 2: "b" }, instance_class: { 1: 1, 2: 2 } });
    const dataset = await openDataset(root);
    expect(dataset.classes.classes.map((c) => c.name)).toEqual(["a", "b", "c"]);
    expect([...(await dataset.load(0)).classes.data.slice(0, 4)]).toEqual([3, 3, 2, 0]);
    expect(dataset.entries.every((e) => e.set === null)).toBe(true);
  });

  it("knows train and valid folders", async () => {
    for (const set of ["train", "val"]) {
      await image(`${set}/images/x.png`);
      await labels(`${set}/labels/x.png`, [1]);
    }
    expect((await openDataset(root)).entries.map((e) => e.set)).toEqual(["train", "valid"]);
  });

  it.each([
    ["disagree on a name", { class_names: { 1: "z" }, instance_class: { 1: 1 } }, /class 1 is "z", but "a"/],
    ["are broken", "{", /y\.json: not valid JSON/],
  ])("rejects class files that %s", async (_, content, message) => {
    for (const name of ["x", "y"]) {
      await image(`images/${name}.png`);
      await labels(`labels/${name}.png`, [1]);
    }
    await classes("classes/x.json", { class_names: { 1: "a" }, instance_class: { 1: 1 } });
    await classes("classes/y.json", content);
    await expect(openDataset(root)).rejects.toThrow(message);
  });

  it("names the instance without a class and the image without a class file", async () => {
    await image("images/x.png");
    await labels("labels/x.png", [1, 2]);
    await classes("classes/x.json", { class_names: { 1: "a" }, instance_class: { 1: 1 } });
    await expect((await openDataset(root)).load(0)).rejects.toThrow(
      /x\.json: instance_class has no entry for instance 2/,
    );
    await image("images/y.png");
    await labels("labels/y.png", [1]);
    await expect(openDataset(root)).rejects.toThrow(/y\.png: has no file in classes/);
  });

  it("says what it looked for in an empty or missing folder", async () => {
    await expect(openDataset(root)).rejects.toThrow(/found 0 images and 0 annotations; expected images/);
    await expect(openDataset(join(root, "nowhere"))).rejects.toThrow(
      /nowhere: cannot list the dataset folder/,
    );
  });
});

describe.skipIf(!process.env.RENOGRADE_DATA)("real label-PNG folders (RENOGRADE_DATA)", () => {
  it("opens CoNSeP with its four classes", async () => {
    const dataset = await openDataset(join(process.env.RENOGRADE_DATA!, "consep"));
    expect(dataset.classes.classes.map((c) => c.name)).toEqual([
      "other",
      "inflammatory",
      "epithelial",
      "spindle-shaped",
    ]);
    expect(dataset.entries.length).toBe(22);
    const { instances, warnings } = await dataset.load(0);
    expect([instances.width, warnings]).toEqual([1000, []]);
  });
});
