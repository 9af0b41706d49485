import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RCC_CLASSES } from "../class-scheme.js";
import { summarize } from "./dataset-metrics.js";
import type { DetectionCounts } from "./detection.js";
import { evaluateImage, type ImageMetrics } from "./image-metrics.js";
import type { TypedLabels } from "./instances.js";

/** Written by fixtures/metrics/make_metrics.py from dense matrices with NumPy and SciPy; null is NaN. */
interface Expected {
  dice: number | null;
  dice2: number | null;
  aji: number | null;
  ajiPlus: number | null;
  dq: number | null;
  sq: number | null;
  pq: number | null;
  pqAt: Record<string, number | null>;
  pqKirillov: number | null;
  counts: { tp: number; fp: number; fn: number; sumIou: number };
  classes: { truths: number; predictions: number; counts: Expected["counts"]; pq: number | null }[];
  meanClassPq: number | null;
  full: DetectionCounts;
  gated: DetectionCounts;
}
interface Case {
  width: number;
  height: number;
  truth: string;
  truthTypes: Record<string, number>;
  prediction: string;
  predictionTypes: Record<string, number>;
  expected: Expected;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../../../fixtures/metrics/metrics.json", import.meta.url), "utf8"),
) as { cases: Case[]; summary: Record<string, number | null | (number | null)[]> };

function typed(width: number, height: number, text: string, types: Record<string, number>): TypedLabels {
  return {
    labels: { width, height, data: Int32Array.from(text.split(" "), Number) },
    types: new Map(Object.entries(types).map(([id, type]) => [Number(id), type])),
  };
}

// The same doubles in another order of summation: 1e-12 is some thousand roundings.
function expectClose(actual: number, expected: number | null, what: string): void {
  if (expected === null) expect(actual, what).toBeNaN();
  else expect(actual, what).toBeCloseTo(expected, 12);
}

const pairs = fixture.cases.map((c) => ({
  truth: typed(c.width, c.height, c.truth, c.truthTypes),
  prediction: typed(c.width, c.height, c.prediction, c.predictionTypes),
  expected: c.expected,
}));
const options = { f1DistancePx: 3 };

describe("reference vectors of NumPy and SciPy", () => {
  it.each(pairs.map((pair, index) => ({ index, ...pair })))(
    "image $index",
    ({ truth, prediction, expected }) => {
      const image = evaluateImage(truth, prediction, RCC_CLASSES, { ...options, f1Assignment: "full" });
      for (const key of ["dice", "dice2", "aji", "ajiPlus", "dq", "sq", "pq", "meanClassPq"] as const) {
        expectClose(image[key], expected[key], key);
      }
      const { sumIou, ...counts } = expected.counts;
      expect(image.counts).toMatchObject(counts);
      expectClose(image.counts.sumIou, sumIou, "sumIou");
      expected.classes.forEach((c, i) => {
        const { sumIou, ...counts } = c.counts;
        expect(image.classes[i]).toMatchObject({ truths: c.truths, predictions: c.predictions, counts });
        expectClose(image.classes[i]!.counts.sumIou, sumIou, "sumIou of a class");
        expectClose(image.classes[i]!.pq, c.pq, `pq of class ${i + 1}`);
      });
      expect(image.detection).toEqual(expected.full);
      const gated = evaluateImage(truth, prediction, RCC_CLASSES, { ...options, f1Assignment: "gated" });
      expect(gated.detection).toEqual(expected.gated);
      for (const [threshold, pq] of Object.entries(expected.pqAt)) {
        const at = evaluateImage(truth, prediction, RCC_CLASSES, { iouThreshold: Number(threshold) });
        expectClose(at.pq, pq, `pq at ${threshold}`);
      }
      expectClose(
        evaluateImage(truth, prediction, RCC_CLASSES, { eps: 0 }).pq,
        expected.pqKirillov,
        "pq without epsilon",
      );
    },
  );

  it("the data set", () => {
    const images: ImageMetrics[] = pairs.map(({ truth, prediction }) =>
      evaluateImage(truth, prediction, RCC_CLASSES, { ...options, f1Assignment: "full" }),
    );
    const set = summarize(images, RCC_CLASSES, options);
    const { f1, accuracy, classF1 } = set.detection;
    const actual: Record<string, unknown> = { ...set, f1, accuracy, classF1 };
    for (const [key, expected] of Object.entries(fixture.summary)) {
      const all = [expected].flat();
      [actual[key]].flat().forEach((value, i) => {
        expectClose(value as number, all[i]!, `${key}[${i}]`);
      });
    }
  });
});
