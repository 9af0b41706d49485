import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCsv } from "@renograde/formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeExamples } from "../testing/annotation-folders.js";
import { evaluateFolders } from "./evaluate.js";
import { formatEvaluationCsv, formatEvaluationJson, formatEvaluationTable } from "./evaluate-output.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-evaluate-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});
const folders = () => ({ truthDir: join(root, "truth"), predictionDir: join(root, "prediction") });
const examples = (truth: string, prediction: string): Promise<void> =>
  writeExamples(folders().truthDir, truth, folders().predictionDir, prediction);

describe("outputs", () => {
  it("are the CSV, JSON and table of the worked data set", async () => {
    await examples("RCCNucSeg .mat", "HoVer-Net .mat");
    const result = await evaluateFolders(folders());
    const [header, a, b] = parseCsv(new TextEncoder().encode(formatEvaluationCsv(result)));
    const row = (cells: string[]) => Object.fromEntries(header!.map((name, i) => [name, cells[i]]));
    expect(header!.slice(0, 12)).toEqual([
      "image",
      "prediction_missing",
      "dice",
      "aji",
      "aji_plus",
      "dq",
      "sq",
      "pq",
      "pq_1",
      "pq_2",
      "pq_3",
      "pq_e",
    ]);
    expect(row(a!)).toMatchObject({
      image: "a",
      dice: "0.780487804878",
      pq_3: "",
      pq_e: "0",
      predicted_3: "1",
    });
    expect(row(b!)).toMatchObject({ true_1: "2", tp_1: "2", fp_3: "1", true: "2", predicted: "3", fn: "0" });

    const json = JSON.parse(formatEvaluationJson(result)) as Record<string, unknown>;
    expect(Object.keys(json).slice(0, 8)).toEqual([
      "dice",
      "aji",
      "pq",
      "apq",
      "pq_1",
      "pq_2",
      "pq_3",
      "pq_e",
    ]);
    for (const key of ["dq", "sq", "aji_plus", "mPQ_image", "aPQ_pooled", "F_d", "F_c"]) {
      expect(json).toHaveProperty(key);
    }
    expect(json).toMatchObject({ pq_3: null, images: 2, images_per_class: { 1: 2, 2: 1, 3: 0, e: 1 } });

    expect(formatEvaluationTable(result)).toMatchInlineSnapshot(`
      "warning: class "Grade 3" occurs in no truth of the set: it is left out of aPQ

      2 images, 6 true nuclei, 7 predicted; PQ and aPQ are means over images

      Dice       AJI    AJI+      DQ      SQ      PQ     aPQ  mPQ (image)  aPQ (pooled)     F_d  accuracy
      0.8020  0.6093  0.6093  0.6500  0.8264  0.5444  0.2755       0.5671        0.2066  0.9231    0.6667

      class        images  true  predicted      PQ  PQ (pooled)     F_c
      Grade 1           2     4          4  0.8264       0.8264  1.0000
      Grade 2           1     1          1  0.0000       0.0000  0.0000
      Grade 3           0     0          2       -       0.0000  0.0000
      Endothelial       1     1          0  0.0000       0.0000  0.0000
      "
    `);
  });

  it("are the same bytes on every run", async () => {
    await examples("GeoJSON", "HoVer-Net JSON");
    const first = await evaluateFolders(folders());
    const second = await evaluateFolders(folders());
    expect(formatEvaluationJson(second)).toBe(formatEvaluationJson(first));
    expect(formatEvaluationCsv(second)).toBe(formatEvaluationCsv(first));
  });
});
