import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMat5 } from "@renograde/formats";
import { writeFileAtomic, writePng } from "@renograde/slides/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { synthesizeSection } from "../synthesis/index.js";
import { checkDataset } from "./check-dataset.js";
import { openDataset } from "./open-dataset.js";
import { splitDataset } from "./split.js";
import { drawSuspicionSheet, pickSuspicions, SUSPICION_COLORS } from "./suspicion-sheet.js";

const PAPER = { by: "image", seed: 10, fractions: [0.7, 0.1, 0.2] } as const;
const SIZE = 160;

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-check-"));
  await write("Train", "a", 1, "TCGA-AA-0001-01Z-00-DX1.svs");
  await write("Train", "b", 2, "TCGA-AA-0002-01Z-00-DX1.svs");
  await write("Valid", "c", 3, "TCGA-AA-0003-01Z-00-DX1.svs");
  await write("Test", "d", 4, "TCGA-AA-0002-01Z-00-DX2.svs");
  // The same picture under another name, in another set.
  await cp(join(root, "Train/Images/a.png"), join(root, "Test/Images/e.png"));
  await cp(join(root, "Train/Labels/a.mat"), join(root, "Test/Labels/e.mat"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function write(set: string, name: string, seed: number, slide: string): Promise<void> {
  const { image, labels, types } = synthesizeSection({ width: SIZE, height: SIZE, seed });
  const classes = Uint8Array.from(labels.data, (label) => types[label]!);
  // A third of the pixels of one nucleus get another class.
  const id = labels.data.find((label) => label !== 0)!;
  const pixels = [...labels.data.keys()].filter((p) => labels.data[p] === id);
  for (const p of pixels.slice(0, Math.floor(pixels.length / 3))) classes[p] = (types[id]! % 4) + 1;
  const shape = [SIZE, SIZE];
  const mat = encodeMat5([
    ["instance_map", { kind: "numeric", class: "int32", shape, data: labels.data }],
    ["class_map", { kind: "numeric", class: "uint8", shape, data: classes }],
    ["TCGA_file_name", { kind: "char", rows: [slide] }],
  ]);
  await writePng(join(root, set, "Images", `${name}.png`), image);
  await writeFileAtomic(join(root, set, "Labels", `${name}.mat`), mat);
}

describe("checkDataset", () => {
  it("reports counts, shared slides and patients, duplicates and mixtures; none of it an error", async () => {
    const dataset = await openDataset(root);
    const split = await splitDataset(dataset, PAPER);
    const check = await checkDataset(dataset, split);
    expect(check.errors).toEqual([]);
    expect(check.stats).toMatchObject({
      total: { images: 5, slides: 4, patients: 3 },
      sharedSlides: ["TCGA-AA-0001-01Z-00-DX1"],
      sharedPatients: ["TCGA-AA-0001", "TCGA-AA-0002"],
    });
    expect(check.warnings).toContain(`${root}: 5 patches, the published dataset has 1000`);
    expect(check.warnings.some((w) => /nuclei of Grade 1, the published dataset has 45108/.test(w))).toBe(
      true,
    );
    expect(check.duplicates).toMatchObject([
      {
        images: ["Train/Images/a.png", "Test/Images/e.png"],
        sets: ["train", "test"],
        identical: true,
        overlap: 1,
        orientation: 0,
      },
    ]);
    const mixed = check.suspicions.filter((s) => s.kind === "mixed");
    expect(mixed.map((s) => s.image)).toEqual([
      "Train/Images/a.png",
      "Train/Images/b.png",
      "Valid/Images/c.png",
      "Test/Images/d.png",
      "Test/Images/e.png",
    ]);
    expect(mixed[0]!.score).toBeCloseTo(1 / 3, 1);
    expect((await checkDataset(dataset, split, { duplicates: false })).duplicates).toEqual([]);
  });

  it("tells unreadable files as errors and goes on", async () => {
    const broken = join(root, "..", `${root.split("/").at(-1)}-broken`);
    await cp(root, broken, { recursive: true });
    try {
      await writeFile(join(broken, "Train/Labels/a.mat"), "no");
      await writeFile(join(broken, "Valid/Images/c.png"), "no");
      const dataset = await openDataset(broken);
      const check = await checkDataset(dataset, await splitDataset(dataset, PAPER));
      expect(check.errors).toEqual([
        expect.stringMatching(/Train\/Labels\/a\.mat: /),
        expect.stringMatching(/Valid\/Images\/c\.png: is not an image that can be read/),
      ]);
      expect([check.stats.total.images, check.duplicates]).toEqual([3, []]);
      expect(check.warnings).toContain(`${broken}: there are no valid images`);
    } finally {
      await rm(broken, { recursive: true });
    }
  });

  it("draws numbered cells with outlines in the colour of the kind", async () => {
    const dataset = await openDataset(root);
    const { suspicions } = await checkDataset(dataset, await splitDataset(dataset, PAPER), {
      duplicates: false,
    });
    const picked = pickSuspicions(
      suspicions.filter((s) => s.kind === "mixed"),
      3,
    );
    expect(picked).toHaveLength(3);
    const sheet = await drawSuspicionSheet(dataset, picked);
    expect([sheet.width, sheet.height]).toEqual([3 * 132 + 4, 136]);
    const [r, g, b] = SUSPICION_COLORS.mixed;
    const columns = new Set<number>();
    for (let p = 0; p < sheet.width * sheet.height; p++) {
      const [red, green, blue] = sheet.data.subarray(3 * p, 3 * p + 3);
      if (red === r && green === g && blue === b) columns.add(Math.floor((p % sheet.width) / 132));
    }
    expect([...columns].sort()).toEqual([0, 1, 2]);
    expect(await drawSuspicionSheet(dataset, picked)).toEqual(sheet);
  });
});
