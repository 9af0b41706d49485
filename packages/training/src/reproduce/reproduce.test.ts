import { evaluateImage, type ImageMetrics, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { rowConfig } from "./protocol.js";
import { TABLES } from "./published.js";
import type { RunResult } from "./result-file.js";
import type { ReproducedTable } from "./run-table.js";
import { joinFolds, trainingSeconds } from "./run-table.js";
import { summariseRow } from "./summarise.js";
import { difference, scoreWithInterval, tableColumns } from "./table-cells.js";
import { tableMarkdown } from "./write-table.js";

describe("published tables", () => {
  it("have an aPQ that is the mean of the class columns, in every row (spec/baselines.md §1)", () => {
    for (const { rows } of Object.values(TABLES)) {
      for (const { published } of rows) {
        const mean = published.classPq.reduce((a, b) => a + b, 0) / 4;
        expect(Math.abs(mean - published.apq)).toBeLessThan(1e-4);
      }
    }
  });
  it("give CHR-Net's differences as the text does, in points of aPQ", () => {
    const [unet, mask, micro, hover, ours] = TABLES.table1.rows.map((row) => row.published.apq);
    const points = [unet, mask, micro, hover].map((theirs) => Math.round((ours! - theirs!) * 1e4) / 100);
    expect(points).toEqual([6.82, 7.09, 3.51, 3.9]);
  });
});

/** A truth of four nuclei of class 1, of which the prediction finds the first `found` exactly. */
function image(found: number): ImageMetrics {
  const data = Int32Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 0 : Math.floor(i / 4) + 1));
  const types = new Map([1, 2, 3, 4].map((id) => [id, 1]));
  const predicted = data.map((id) => (id <= found ? id : 0));
  const of = (labels: Int32Array) => ({ labels: { width: 4, height: 4, data: labels }, types });
  return evaluateImage(of(data), of(predicted), RCC_CLASSES);
}

describe("summariseRow", () => {
  it("is the mean over seeds, with an interval over images and seeds", () => {
    const one = summariseRow([[image(4), image(2)]], RCC_CLASSES, 1);
    // PQ of two of four: 2 / (2 + 2/2) = 0.667.
    expect(one.pq.value).toBeCloseTo((1 + 2 / 3) / 2, 5);
    expect([one.pq.low, one.pq.high]).toEqual([expect.closeTo(2 / 3, 5), expect.closeTo(1, 5)]);
    const two = summariseRow(
      [
        [image(4), image(4)],
        [image(2), image(2)],
      ],
      RCC_CLASSES,
      1,
    );
    expect(two.pq.value).toBeCloseTo(one.pq.value, 12);
    expect([two.pq.low, two.pq.high]).toEqual([expect.closeTo(2 / 3, 5), expect.closeTo(1, 5)]);
    expect(one.classPq[1]!.value).toBeNaN();
    expect(one.pqPooled.value).toBeCloseTo(6 / (6 + 2 / 2), 5);
  });
});

describe("tableColumns", () => {
  const table = (name: string): ReproducedTable => ({
    table: "table1",
    rows: [
      {
        row: TABLES.table1.rows[4]!,
        runs: [],
        scores: summariseRow([[image(4)]], RCC_CLASSES, 1),
      },
    ],
    dataset: {
      name,
      synthetic: false,
      classes: name === "kidney" ? RCC_CLASSES : { ...RCC_CLASSES, classes: RCC_CLASSES.classes.slice(0, 1) },
      origin: "folders",
      train: 1,
      valid: 1,
      test: 1,
    },
    protocol: { config: "", source: "", set: [], seeds: 1 },
    pictures: [],
    failures: [],
    elsewhere: [],
  });

  it("names both published values of PQ2 and takes the difference to the table", () => {
    const cell = tableColumns(table("kidney")).paper.find((c) => c.key === "pq_2")!.cells[0]!;
    expect(cell.published).toEqual([0.4027, 0.3927]);
    expect(difference({ ...cell, ours: { value: 0.3927, low: 0, high: 1 } })).toBe("−0.0100");
    expect(scoreWithInterval({ value: 0.51234, low: 0.5, high: 0.6 })).toBe("0.5123 (0.5000–0.6000)");
  });

  it("publishes nothing for other classes than the paper's", () => {
    expect(tableColumns(table("other")).paper.every((c) => c.cells[0]!.published.length === 0)).toBe(true);
    const sections = (name: string) => tableMarkdown(table(name)).match(/^## .*/gm);
    const compared = ["## Published", "## Difference, ours minus published"];
    expect(sections("kidney")).toEqual(["## Ours", ...compared, "## Further definitions, ours", "## Cost"]);
    expect(sections("other")).toEqual(["## Ours", "## Further definitions, ours", "## Cost"]);
  });
});

describe("rowConfig", () => {
  it("differs between rows only in what belongs to the network", () => {
    const protocol = { config: "train: {batch: 4}", source: "x", set: [], epochs: 7, seeds: 2, width: 0.5 };
    const [a, b] = ["shr", "chr-net"].map((network) => rowConfig(protocol, network, 1));
    expect(a!.train).toEqual(b!.train);
    expect(a!.train.seed).toBe(11);
    expect(a!.train.phases.map((p) => [p.epochs, p.lrDropAfter])).toEqual([
      [7, 4],
      [7, 4],
    ]);
    expect([a!.net.network, b!.net.network, a!.net.width]).toEqual(["shr", "chr-net", 0.5]);
  });
});

describe("folds", () => {
  it("are part of a row's configuration, and joined to one result", () => {
    const protocol = { config: "", source: "x", set: [], seeds: 1, folds: 3 };
    const { split } = rowConfig(protocol, "shr", 0, 2);
    expect([split.folds, split.fold]).toEqual([3, 2]);
    const part = (name: string, trainSeconds: number, gradeMs: number): RunResult => ({
      format: 1,
      network: "shr",
      seed: 10,
      protocol: "",
      width: 1,
      parameters: 1,
      macs: 1,
      epochs: 1,
      steps: 12,
      trainSeconds,
      gradeMs,
      images: [{ name, metrics: image(4) }],
    });
    const joined = joinFolds([part("b", 10, 30), part("a", 20, 50)]);
    expect(joined.images.map(({ name }) => name)).toEqual(["a", "b"]);
    expect([joined.steps, joined.trainSeconds, joined.gradeMs]).toEqual([24, 30, 40]);
  });
});

describe("trainingSeconds", () => {
  it("leaves out the gap before a run was resumed", () => {
    const at = (seconds: number) => new Date(seconds * 1000).toISOString();
    const line = (kind: "start" | "steps" | "resume" | "end", seconds: number) => ({
      kind,
      step: 0,
      epoch: 0,
      time: at(seconds),
    });
    expect(
      trainingSeconds([line("start", 10), line("steps", 14), line("resume", 100), line("end", 105)]),
    ).toBe(9);
  });
});
