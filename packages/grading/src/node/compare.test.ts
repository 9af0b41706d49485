import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { annotationWriters, draw, EXAMPLE_A, EXAMPLE_B } from "../testing/annotation-folders.js";
import { compareFolders } from "./compare.js";
import {
  compareVerdict,
  confusionTables,
  formatComparisonCsv,
  formatComparisonTable,
  summaryOfComparison,
  tellingImages,
} from "./compare-output.js";
import { comparePage } from "./compare-page.js";
import { comparePictures, tellingPlace } from "./compare-pictures.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-compare-"));
  // A is the worked examples' prediction, B the truth itself but for one class.
  const write = annotationWriters["RCCNucSeg .mat"]!;
  for (const [name, example] of Object.entries({ a: EXAMPLE_A, b: EXAMPLE_B })) {
    await write(join(root, "truth", name), example.truth, example.truthTypes);
    await write(join(root, "one", name), example.prediction, example.predictionTypes);
    await write(join(root, "two", name), example.truth, name === "a" ? [1, 2, 3, 1] : [1, 1]);
  }
});
afterEach(async () => {
  await rm(root, { recursive: true });
});
const compare = (changes: { a?: string; b?: string } = {}) =>
  compareFolders({
    truthDir: join(root, "truth"),
    a: join(root, changes.a ?? "one"),
    b: join(root, changes.b ?? "two"),
    names: ["one", "two"],
    rounds: 100,
  });

describe("compareFolders", () => {
  it("gives the worked data set beside a nearly perfect one", async () => {
    const comparison = await compare();
    const { scores, curve, found, typed, confusionA, images } = comparison;
    const of = (key: string) => scores.find((row) => row.key === key)!;
    expect([of("aji").a, of("aji").b]).toEqual([expect.closeTo((14 / 27 + 0.7) / 2, 12), 1]);
    expect(of("aji").difference.value).toBeCloseTo(1 - (14 / 27 + 0.7) / 2, 12);
    // The draws of two images: both a, both b, one each.
    expect(of("aji").difference.low).toBeCloseTo(0.3, 12);
    expect(of("aji").difference.high).toBeCloseTo(13 / 27, 12);
    expect(of("pq_1").a).toBeCloseTo(0.826388475695, 12);
    expect([of("pq_3").a, of("pq_3").difference.value]).toEqual([Number.NaN, Number.NaN]);
    expect(curve.map(({ f1 }) => f1.a).slice(0, 2)).toEqual([
      expect.closeTo((0.5 + 0.8) / 2, 12),
      (0.5 + 0.8) / 2,
    ]);
    // Above 0.75 the pair of IoU 3/4 in b is gone, above 0.7 that of 2/3 in a.
    expect(curve.map(({ f1 }) => Number(f1.a.toFixed(6)))).toEqual([
      0.65, 0.65, 0.65, 0.65, 0.525, 0.325, 0.325, 0.325, 0.2, 0.2,
    ]);
    expect(found).toEqual({ both: 4, onlyA: 0, onlyB: 2, neither: 0 });
    expect(typed).toEqual({ both: 4, onlyA: 0, onlyB: 1, neither: 1 });
    expect(confusionA.counts.map((row) => row.slice(0, 5))).toEqual([
      [0, 0, 1, 2, 0],
      [0, 4, 0, 0, 0],
      [1, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
    expect(images.map((image) => image.name)).toEqual(["a", "b"]);
    expect(tellingImages(images).different.map((image) => image.name)).toEqual(["a", "b"]);
    expect(compareVerdict(comparison)).toMatch(
      /^two is better: PQ 0\.5444 and 1\.0000, difference \+0\.4556/,
    );
  });

  it("is the same on every run, and reversed the other way round", async () => {
    const [first, again, reversed] = await Promise.all([
      compare(),
      compare(),
      compare({ a: "two", b: "one" }),
    ]);
    expect(summaryOfComparison(again)).toEqual(summaryOfComparison(first));
    for (const [i, { difference }] of first.scores.entries()) {
      const other = reversed.scores[i]!.difference;
      if (!Number.isNaN(difference.value)) expect(other.value).toBeCloseTo(-difference.value, 12);
    }
    expect(reversed.found).toEqual({ both: 4, onlyA: 2, onlyB: 0, neither: 0 });
  });

  it("counts a missing prediction as empty and says so", async () => {
    await rm(join(root, "two/b.mat"));
    const { warnings, scores } = await compare();
    expect(warnings[0]).toBe(
      "two: 1 of 2 true annotations have no prediction and COUNT AS EMPTY PREDICTIONS: b",
    );
    expect(warnings[1]).toMatch(/^only 2 images/);
    expect(scores.find(({ key }) => key === "dice")!.b).toBe(0.5);
  });

  it("takes truth without classes", async () => {
    const write = annotationWriters["HoVer-Net JSON"]!;
    for (const folder of ["t", "p", "q"]) await write(join(root, folder, "x"), EXAMPLE_B.truth, [0, 0]);
    const comparison = await compareFolders({
      truthDir: join(root, "t"),
      a: join(root, "p"),
      b: join(root, "q"),
      rounds: 10,
    });
    expect(confusionTables(comparison)[0]!.table).toEqual({
      head: ["truth", "nucleus", "missed"],
      rows: [
        { name: "nucleus", counts: [2, 0] },
        { name: "invented", counts: [0, null] },
      ],
    });
    // Scores of classes are left out of the table, and null in the JSON.
    expect(formatComparisonTable(comparison)).not.toMatch(/Grade|aPQ/);
    expect(summaryOfComparison(comparison)).toMatchObject({ scores: { apq: { a: null, difference: null } } });
  });
});

describe("outputs of a comparison", () => {
  it("are a table, a CSV per image and plain JSON", async () => {
    const comparison = await compare();
    const text = formatComparisonTable(comparison);
    expect(text).toContain(`Truth (rows) and A (columns)
truth        Grade 1  Grade 2  Grade 3  Endothelial  missed
Grade 1            4        0        0            0       0
Grade 2            0        0        0            0       1
Grade 3            0        0        0            0       0
Endothelial        0        0        0            0       1
invented           0        1        2            0`);
    expect(text).toContain("6 true nuclei found: 4 by both, 0 by A alone, 2 by B alone, 0 by neither");
    expect(text).toMatch(/\nAJI +0\.6093 +1\.0000 +\+0\.3907 +\+0\.3000 to \+0\.4815 +B better\n/);
    const csv = formatComparisonCsv(comparison)
      .split("\n")
      .map((line) => line.trim().split(","));
    expect(csv[0]!.slice(0, 6)).toEqual(["image", "true", "dice_a", "dice_b", "aji_a", "aji_b"]);
    expect(csv[1]!.slice(0, 4)).toEqual(["a", "4", expect.stringMatching(/^0\.7804878/), "1"]);
    const summary = summaryOfComparison(comparison);
    expect(summary).toMatchObject({ a: "one", images: 2, worst_a: ["a", "b"], agreement: { matched: 4 } });
    expect(JSON.stringify(summary)).not.toContain("NaN");
  });

  it("are a page that holds everything itself, and shows names as text", async () => {
    const comparison = { ...(await compare()), names: ["<b>one", "two"] as const };
    const pictures = await comparePictures(comparison, () => undefined);
    expect(pictures.map(({ name, reason }) => [name, reason])).toEqual([
      ["a", "among the most different, among the worst of A, among the worst of B"],
      ["b", "among the most different, among the worst of A, among the worst of B"],
    ]);
    const page = comparePage(comparison, pictures);
    expect(page.match(/<img /g)).toHaveLength(6);
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
    expect(page).toContain("&lt;b&gt;one");
    expect(page).not.toContain("<b>one");
    expect(page).not.toContain("NaN");
  });
});

describe("tellingPlace", () => {
  it("is where one prediction errs and the other does not", () => {
    const blank = (): Int32Array => new Int32Array(128 * 96);
    const map = (data: Int32Array) => ({ width: 128, height: 96, data });
    const a = blank();
    const b = blank();
    a.fill(1, 0, 30);
    b.fill(1, 0, 30);
    a.fill(2, 70 * 128 + 100, 70 * 128 + 110);
    expect(tellingPlace(map(blank()), map(a), map(b), 32)).toEqual({ x: 96, y: 64 });
    expect(tellingPlace(map(blank()), map(b), map(b), 32)).toEqual({ x: 0, y: 0 });
    const small = draw("0 1 0");
    expect(tellingPlace(small, small, small, 3)).toEqual({ x: 0, y: 0 });
  });
});
