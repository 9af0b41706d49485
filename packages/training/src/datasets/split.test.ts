import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { type Dataset, type SetName, slideAndPatient } from "./dataset.js";
import { setSizes, splitDataset, stratifiedSplit } from "./split.js";
import { balancedSplit, type GroupedImage } from "./split-balanced.js";
import { formatSplitFile } from "./split-file.js";

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

  it("never trains on test images because the training folder is missing or images lie beside the folders", async () => {
    const split = await splitDataset(datasetOf(["valid", "test"]), PAPER);
    expect(split).toEqual({ train: [], valid: [0], test: [1], origin: "folders" });
    await expect(splitDataset(datasetOf(["train", null, "test"]), PAPER)).rejects.toThrow(
      /lies in no folder named train, valid or test, as other images of .* do; move it into one/,
    );
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

describe("folds", () => {
  const fold = (
    n: number,
    dataset = datasetOf([...new Array(50).fill(null), ...new Array(50).fill("test")]),
  ) => splitDataset(dataset, { ...PAPER, folds: 3, fold: n });

  it("test every image once, by a split whose rest is trained on and validated", async () => {
    const folds = await Promise.all([1, 2, 3].map((n) => fold(n)));
    const tested = folds.flatMap((split) => split.test);
    expect([...tested].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    for (const split of folds) {
      const all = [...split.train, ...split.valid, ...split.test];
      expect(new Set(all).size).toBe(100);
      expect(Math.abs(split.test.length - 100 / 3)).toBeLessThan(1);
      // 0.1 of 0.7 + 0.1, of the 66 or 67 that are left: 8.25 or 8.4.
      expect([8, 9]).toContain(split.valid.length);
      // Every seventh image is of class 3.
      expect(split.test.filter((i) => i % 7 === 0).length).toBeGreaterThanOrEqual(4);
    }
    expect(folds[1]!.origin).toBe("fold 2 of 3 by image, classes balanced, seed 10");
  });

  it("keep patients together", async () => {
    const split = await splitDataset(datasetOf(new Array(100).fill(null)), {
      ...PAPER,
      by: "patient",
      folds: 5,
      fold: 5,
    });
    const patients = (list: readonly number[]) => [...new Set(list.map((i) => Math.floor(i / 5)))];
    const all = [split.train, split.valid, split.test].flatMap(patients);
    expect([all.length, new Set(all).size]).toEqual([20, 20]);
  });

  it("refuse a fold that does not exist and too few images", async () => {
    await expect(fold(4)).rejects.toThrow("split.fold: there are 3 folds, received 4");
    await expect(fold(1, datasetOf([null, null]))).rejects.toThrow(
      "3 folds need as many images, and the dataset has 2",
    );
  });
});

describe("split files", () => {
  it("give the split back, and name what does not fit", async () => {
    const folder = await mkdtemp(join(tmpdir(), "renograde-split-"));
    try {
      const file = join(folder, "split.json");
      const dataset = datasetOf(new Array(20).fill(null));
      const split = await stratifiedSplit(dataset, { ...PAPER, by: "patient" });
      await writeFile(file, formatSplitFile(dataset, split));
      const { origin, ...sets } = await splitDataset(dataset, { ...PAPER, by: "patient", file });
      expect({ ...sets, origin: split.origin }).toEqual(split);
      expect(origin).toBe(`${file} (random by patient, classes balanced, seed 10)`);
      const more = await splitDataset(datasetOf(new Array(22).fill(null)), { ...PAPER, file });
      expect([more.train, more.origin]).toEqual([split.train, `${origin}, 2 images in no set`]);
      const fewer = splitDataset(datasetOf(new Array(3).fill(null)), { ...PAPER, file });
      await expect(fewer).rejects.toThrow(
        /split\.json: names ".*n\d+\.png" in train, which data does not have/,
      );
      await writeFile(file, formatSplitFile(dataset, { ...split, test: split.train }));
      await expect(splitDataset(dataset, { ...PAPER, file })).rejects.toThrow(/twice, in train and in test/);
      await writeFile(file, "[]");
      await expect(splitDataset(dataset, { ...PAPER, file })).rejects.toThrow(/is no split file; make one/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("balancedSplit", () => {
  const images = (count: number, perGroup: number): GroupedImage[] => {
    const random = createRandom(3, "test");
    return Array.from({ length: count }, (_, index) => ({
      index,
      group: `s${Math.floor(index / perGroup)}`,
      // Three classes, the last in one group of six.
      counts: [
        0,
        random.int(20, 80),
        random.int(0, 9),
        Math.floor(index / perGroup) % 6 === 0 ? random.int(1, 9) : 0,
      ],
    }));
  };
  const shares = (all: GroupedImage[], set: number[]): number[] =>
    [1, 2, 3].map((c) => {
      const sum = (list: readonly number[]) => list.reduce((n, i) => n + all[i]!.counts[c]!, 0);
      return sum(set) / sum([...all.keys()]);
    });

  it.each([1, 5])("gives every set its share of every class, groups of %i", (perGroup) => {
    const all = images(300, perGroup);
    const sets = balancedSplit(all, PAPER);
    for (const [name, share] of [
      ["train", 0.7],
      ["valid", 0.1],
      ["test", 0.2],
    ] as const) {
      expect(sets[name].length / 300).toBeCloseTo(share, perGroup === 1 ? 10 : 1);
      for (const value of shares(all, sets[name])) expect(Math.abs(value - share)).toBeLessThan(0.01);
    }
    expect([...sets.train, ...sets.valid, ...sets.test].sort((a, b) => a - b)).toEqual([...all.keys()]);
    const groups = [sets.train, sets.valid, sets.test].map((set) => new Set(set.map((i) => all[i]!.group)));
    expect(groups[0]!.size + groups[1]!.size + groups[2]!.size).toBe(300 / perGroup);
  });

  it("is the same for the same seed only", () => {
    const all = images(60, 3);
    expect(balancedSplit(all, PAPER)).toEqual(balancedSplit(all, PAPER));
    expect(balancedSplit(all, { ...PAPER, seed: 11 })).not.toEqual(balancedSplit(all, PAPER));
  });

  it("leaves no set empty while there are groups, and none a share of 0", () => {
    const sets = balancedSplit(images(12, 4), PAPER);
    expect([sets.train.length, sets.valid.length, sets.test.length]).toEqual([4, 4, 4]);
    expect(balancedSplit(images(10, 1), { seed: 1, fractions: [0.8, 0.2, 0] }).test).toEqual([]);
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
    expect(slideAndPatient(null, "slide07_03", /^slide\d+/)).toEqual({ slide: null, patient: "slide07" });
    expect(slideAndPatient(null, "S21-144_2", /^(S\d+-\d+)_/)).toMatchObject({ patient: "S21-144" });
    expect(slideAndPatient(null, "TCGA-B0-5710-01A", /^S\d+/)).toMatchObject({ patient: "TCGA-B0-5710" });
    expect(slideAndPatient(null, "train_01", /x*/)).toEqual({ slide: null, patient: null });
  });
});
