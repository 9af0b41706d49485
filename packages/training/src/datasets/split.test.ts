import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { type Dataset, type SetName, slideAndPatient } from "./dataset.js";
import { type GroupedImage, setSizes, splitDataset, splitGroups } from "./split.js";

const PAPER = { by: "image", seed: 10, fractions: [0.7, 0.1, 0.2] } as const;

function datasetOf(sets: (SetName | null)[]): Dataset {
  return {
    root: "data",
    layout: "label-png",
    synthetic: false,
    classes: RCC_CLASSES,
    hasClasses: true,
    entries: sets.map((set, i) => ({
      name: `n${i}`,
      set,
      imagePath: `n${i}.png`,
      labelPath: `n${i}.png`,
      classPath: null,
    })),
    load: async (index) => ({
      name: `n${index}`,
      image: { width: 1, height: 1, data: new Uint8Array(3) },
      instances: { width: 1, height: 1, data: new Int32Array([1]) },
      classes: { width: 1, height: 1, data: new Uint8Array([index % 7 === 0 ? 3 : 1]) },
      slide: null,
      patient: index < 100 ? `TCGA-AA-${1000 + Math.floor(index / 5)}` : null,
      warnings: [],
    }),
  };
}

describe("splitDataset", () => {
  it("gives 700, 100 and 200 of 1000 images, all of them once, the same each time", async () => {
    const dataset = datasetOf(new Array(1000).fill(null));
    const split = await splitDataset(dataset, PAPER);
    expect([split.train.length, split.valid.length, split.test.length]).toEqual([700, 100, 200]);
    expect(new Set([...split.train, ...split.valid, ...split.test]).size).toBe(1000);
    expect(await splitDataset(dataset, PAPER)).toEqual(split);
    expect((await splitDataset(dataset, { ...PAPER, seed: 11 })).train).not.toEqual(split.train);
  });

  it("uses folders as they are", async () => {
    const split = await splitDataset(datasetOf(["train", "train", "valid", "test"]), PAPER);
    expect(split).toEqual({ train: [0, 1], valid: [2], test: [3], origin: "folders" });
  });

  it("takes validation images from train when that folder is missing", async () => {
    const split = await splitDataset(datasetOf([...new Array(16).fill("train"), "test"]), PAPER);
    expect([split.train.length, split.valid.length, split.test]).toEqual([14, 2, [16]]);
  });

  it("keeps patients together", async () => {
    const dataset = datasetOf(new Array(100).fill(null));
    const split = await splitDataset(dataset, { ...PAPER, by: "patient" });
    const patients = (list: readonly number[]) => new Set(list.map((i) => Math.floor(i / 5)));
    const all = [split.train, split.valid, split.test].map(patients);
    expect(all[0]!.size + all[1]!.size + all[2]!.size).toBe(20);
    expect(split.train.length).toBeGreaterThanOrEqual(60);
    expect(split.valid.length).toBeGreaterThanOrEqual(5);
  });

  it("says which image names no patient", async () => {
    await expect(
      splitDataset(datasetOf(new Array(101).fill(null)), { ...PAPER, by: "patient" }),
    ).rejects.toThrow("n100.png: names no patient");
  });
});

describe("splitGroups", () => {
  it("balances the rare class over the sets", () => {
    const images: GroupedImage[] = Array.from({ length: 300 }, (_, index) => ({
      index,
      group: `s${Math.floor(index / 5)}`,
      rare: index % 15 < 5 ? index % 4 : 0,
    }));
    const sets = splitGroups(images, PAPER);
    const rare = (list: number[]) => list.reduce((sum, i) => sum + images[i]!.rare, 0);
    const total = rare([...images.keys()]);
    expect(rare(sets.train) / total).toBeCloseTo(0.7, 1);
    expect(rare(sets.valid) / total).toBeCloseTo(0.1, 1);
    expect(rare(sets.test) / total).toBeCloseTo(0.2, 1);
    expect(sets.train.length + sets.valid.length + sets.test.length).toBe(300);
  });
});

describe("setSizes", () => {
  it.each([
    [1, [1, 0, 0]],
    [2, [1, 1, 0]],
    [3, [1, 1, 1]],
    [10, [7, 1, 2]],
    [22, [16, 2, 4]],
  ])("%i images", (count, sizes) => {
    expect(setSizes(count, [0.7, 0.1, 0.2])).toEqual(sizes);
  });
});

describe("slideAndPatient", () => {
  it("cuts the extension and the barcode", () => {
    expect(slideAndPatient("TCGA-AB-1234-01Z-00-DX1.svs", "x")).toEqual({
      slide: "TCGA-AB-1234-01Z-00-DX1",
      patient: "TCGA-AB-1234",
    });
    expect(slideAndPatient(null, "patch_TCGA-B0-5710-01A")).toMatchObject({ patient: "TCGA-B0-5710" });
    expect(slideAndPatient(null, "train_01")).toEqual({ slide: null, patient: null });
  });
});
