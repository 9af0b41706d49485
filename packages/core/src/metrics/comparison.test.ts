import { describe, expect, it } from "vitest";
import { RCC_CLASSES } from "../class-scheme.js";
import { createRandom } from "../random.js";
import type { LabelMap } from "../raster.js";
import { compareScores, namedScores } from "./compare-scores.js";
import { addConfusions, addPairedCounts, agreementOf, comparePredictions } from "./confusion.js";
import { summarize } from "./dataset-metrics.js";
import { evaluateImage } from "./image-metrics.js";
import type { TypedLabels } from "./instances.js";
import { DEFAULT_METRIC_OPTIONS } from "./options.js";
import { computeOverlap } from "./overlap.js";
import { matchInstances } from "./panoptic.js";

function draw(text: string): LabelMap {
  const rows = text
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  return { width: rows[0]!.length, height: rows.length, data: Int32Array.from(rows.flat()) };
}

function typed(text: string, ...types: number[]): TypedLabels {
  return { labels: draw(text), types: new Map(types.map((type, i) => [i + 1, type])) };
}

// Worked example A of spec/metrics.md §8: IoU of the pairs 8/9, 1/2, 1/4 and 2/3.
const TRUTH = typed(
  `1 1 1 0 0 0 0 0
   1 1 1 0 2 2 0 0
   1 1 1 0 2 2 0 0
   0 0 0 0 2 2 0 3
   0 0 0 0 0 0 0 3
   4 4 0 0 0 0 0 3`,
  ...[1, 2, 4, 1],
);
const A = typed(
  `1 1 0 0 0 0 0 0
   1 1 1 0 2 2 2 0
   1 1 1 0 2 2 2 0
   0 0 0 0 3 3 0 0
   0 0 0 0 3 3 0 0
   4 4 4 0 0 0 0 0`,
  ...[1, 3, 2, 1],
);
// The truth without its second nucleus; the first has another class, the fourth none.
const B: TypedLabels = {
  labels: draw(`1 1 1 0 0 0 0 0
                1 1 1 0 0 0 0 0
                1 1 1 0 0 0 0 0
                0 0 0 0 0 0 0 3
                0 0 0 0 0 0 0 3
                4 4 0 0 0 0 0 3`),
  types: new Map([
    [1, 3],
    [3, 4],
  ]),
};

describe("comparePredictions", () => {
  const { a, b, agreement, found, typed, countsA, countsB } = comparePredictions(
    TRUTH,
    A,
    B,
    4,
    0.5,
    [0.5, 0.7],
  );

  it("counts matched nuclei by class, missed ones in column 0 and invented ones in row 0", () => {
    // Rows and columns: nothing, 1, 2, 3, Endothelial, without class.
    expect(a.counts).toEqual([
      [0, 0, 1, 1, 0, 0],
      [0, 2, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
    expect(b.counts).toEqual([
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 1, 0, 1],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 1, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
  });

  it("sets the predictions against each other", () => {
    expect(agreement.counts).toEqual([
      [0, 0, 0, 0, 1, 0],
      [0, 0, 0, 1, 0, 1],
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
    expect(agreementOf(agreement)).toEqual({ f1: 4 / 7, matched: 2, sameClass: 0 });
    expect(agreementOf(a)).toEqual({ f1: 4 / 8, matched: 2, sameClass: 1 });
    expect(found).toEqual({ both: 2, onlyA: 0, onlyB: 1, neither: 1 });
    expect(typed).toEqual({ both: 0, onlyA: 2, onlyB: 1, neither: 1 });
  });

  it("counts matches at every threshold", () => {
    expect(countsA.map(({ tp, fp, fn }) => [tp, fp, fn])).toEqual([
      [2, 2, 2],
      [1, 3, 3],
    ]);
    expect(countsB.map(({ tp, fp, fn }) => [tp, fp, fn])).toEqual([
      [3, 0, 1],
      [3, 0, 1],
    ]);
  });

  it("adds up over images", () => {
    expect(addConfusions(a, a).counts[1]).toEqual([0, 4, 0, 0, 0, 0]);
    expect(addPairedCounts(found, typed)).toEqual({ both: 2, onlyA: 2, onlyB: 2, neither: 2 });
  });
});

describe("matchInstances", () => {
  it("gives each true row its partner, strictly above the threshold and optimal below 0.5", () => {
    const overlap = computeOverlap(TRUTH.labels, A.labels);
    expect([...matchInstances(overlap, 0.5).partner]).toEqual([0, -1, -1, 3]);
    expect([...matchInstances(overlap, 0.5).iou]).toEqual([8 / 9, 0, 0, 2 / 3]);
    expect([...matchInstances(overlap, 0.49).partner]).toEqual([0, 1, -1, 3]);
  });
});

describe("compareScores", () => {
  const metrics = (prediction: TypedLabels) =>
    evaluateImage(TRUTH, prediction, RCC_CLASSES, DEFAULT_METRIC_OPTIONS);
  const compare = (a: TypedLabels[], b: TypedLabels[], rounds = 200) =>
    compareScores(
      a.map(metrics),
      b.map(metrics),
      RCC_CLASSES,
      DEFAULT_METRIC_OPTIONS,
      createRandom(1),
      [0.5, 0.7],
      a.map((_, i) => {
        const { countsA, countsB } = comparePredictions(TRUTH, a[i]!, b[i]!, 4, 0.5, [0.5, 0.7]);
        return { a: countsA, b: countsB };
      }),
      rounds,
    );

  it("names every score of the set, with the difference B − A", () => {
    const { scores, curve } = compare([A, A], [B, TRUTH]);
    const summary = summarize([A, A].map(metrics), RCC_CLASSES);
    expect(scores.map(({ key, a }) => [key, a])).toEqual(
      namedScores(summary, RCC_CLASSES).map(({ key, value }) => [key, value]),
    );
    const dq = scores.find(({ key }) => key === "dq")!;
    expect([dq.a, dq.b]).toEqual([0.5, (3 / 3.5 + 1) / 2]);
    expect(dq.difference.value).toBeCloseTo(dq.b - 0.5, 15);
    // Both images of one draw may be the first, or the second.
    expect([dq.difference.low, dq.difference.high]).toEqual([
      expect.closeTo(3 / 3.5 - 0.5, 12),
      expect.closeTo(0.5, 12),
    ]);
    expect(curve.map(({ threshold, f1 }) => [threshold, f1.a, f1.b])).toEqual([
      [0.5, 0.5, dq.b],
      [0.7, 0.25, dq.b],
    ]);
  });

  it("has intervals of width 0 where both are always equally far apart, however much images vary", () => {
    const { scores } = compare([A, B, TRUTH], [A, B, TRUTH]);
    for (const { difference } of scores) {
      if (!Number.isNaN(difference.value)) expect(difference).toEqual({ value: 0, low: 0, high: 0 });
    }
  });

  it("refuses different images", () => {
    expect(() => compare([A], [])).toThrow();
    expect(() =>
      compareScores([metrics(A)], [], RCC_CLASSES, DEFAULT_METRIC_OPTIONS, createRandom(1)),
    ).toThrow("expected the same images on both sides, received 1 and 0");
  });
});
