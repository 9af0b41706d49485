import { describe, expect, it } from "vitest";
import { RCC_CLASSES } from "../class-scheme.js";
import type { LabelMap } from "../raster.js";
import { classKeys, summarize } from "./dataset-metrics.js";
import { detectionScores, matchCentroids } from "./detection.js";
import { evaluateImage } from "./image-metrics.js";
import type { TypedLabels } from "./instances.js";

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

// Numbers of spec/metrics.md §8–§10, printed there with the digits compared here
// (the last one cut off in places, hence one digit less for A's PQ and the last SQ).
const A = evaluateImage(
  typed(
    `1 1 1 0 0 0 0 0
     1 1 1 0 2 2 0 0
     1 1 1 0 2 2 0 0
     0 0 0 0 2 2 0 3
     0 0 0 0 0 0 0 3
     4 4 0 0 0 0 0 3`,
    ...[1, 2, 4, 1],
  ),
  typed(
    `1 1 0 0 0 0 0 0
     1 1 1 0 2 2 2 0
     1 1 1 0 2 2 2 0
     0 0 0 0 3 3 0 0
     0 0 0 0 3 3 0 0
     4 4 4 0 0 0 0 0`,
    ...[1, 3, 2, 1],
  ),
  RCC_CLASSES,
);
const B = evaluateImage(
  typed(
    `1 1 0 0 2 2
     1 1 0 0 2 2
     0 0 0 0 0 0`,
    ...[1, 1],
  ),
  typed(
    `1 1 0 0 2 2
     1 1 0 0 0 2
     0 0 3 3 0 0`,
    ...[1, 1, 3],
  ),
  RCC_CLASSES,
);

describe("worked example A (§8)", () => {
  it("gives the published pixel metrics", () => {
    expect(A.dice).toBeCloseTo(0.780488, 6);
    expect(A.dice2).toBeCloseTo(0.727273, 6);
    expect(A.aji).toBeCloseTo(0.518519, 6);
    expect(A.aji).toBeCloseTo(14 / 27, 12);
    expect(A.ajiPlus).toBeCloseTo(0.518519, 6);
  });
  it("gives DQ, SQ and PQ; an IoU of exactly 0.5 does not match", () => {
    expect(A.counts).toMatchObject({ tp: 2, fp: 2, fn: 2 });
    expect(A.dq).toBe(0.5);
    expect(A.sq).toBeCloseTo(0.777777388889, 12);
    expect(A.pq).toBeCloseTo(0.388888694444, 11);
  });
  it("gives PQ per class, NaN for the grade that the truth does not have", () => {
    expect(A.classes[0]!.pq).toBeCloseTo(0.777777388889, 12);
    expect(A.classes[0]!.counts).toMatchObject({ tp: 2, fp: 0, fn: 0 });
    expect(A.classes.slice(1).map((c) => c.pq)).toEqual([0, Number.NaN, 0]);
    expect(A.meanClassPq).toBeCloseTo(0.25925912963, 11);
  });
});

describe("worked example B and the data set (§9)", () => {
  it("gives the metrics of B", () => {
    expect(B.dice).toBeCloseTo(0.823529411765, 12);
    expect(B.aji).toBeCloseTo(0.7, 12);
    expect(B.dq).toBe(0.8);
    expect(B.sq).toBeCloseTo(0.8749995625, 10);
    expect(B.pq).toBeCloseTo(0.69999965, 10);
    expect(B.classes[0]!.pq).toBeCloseTo(0.8749995625, 10);
    expect(B.classes.slice(1).every((c) => Number.isNaN(c.pq))).toBe(true);
  });
  it("averages over images and pools counts", () => {
    const set = summarize([A, B], RCC_CLASSES);
    expect(set.classPq[0]).toBeCloseTo(0.826388475695, 12);
    expect(set.classPq.slice(1)).toEqual([0, Number.NaN, 0]);
    expect(set.apq).toBeCloseTo(0.275462825232, 12);
    expect(set.mpqImage).toBeCloseTo(0.567129346065, 12);
    expect(set.pooledClassPq[0]).toBeCloseTo(0.8263884757, 10);
    expect(set.pooledClassPq.slice(1)).toEqual([0, 0, 0]);
    expect(set.apqPooled).toBeCloseTo(0.2065971189, 10);
    expect(set.imagesPerClass).toEqual([2, 1, 0, 1]);
    expect(set.warnings).toEqual(['class "Grade 3" occurs in no truth of the set: it is left out of aPQ']);
  });
  it("makes the pooled definition the main one on request", () => {
    const set = summarize([A, B], RCC_CLASSES, { pooling: "pooled" });
    expect(set.apq).toBeCloseTo(0.2065971189, 10);
    expect(set.warnings).toEqual([]);
    // All instances: TP 2 + 2, FP 2 + 1, FN 2 + 0.
    expect(set.dq).toBeCloseTo(4 / (4 + 1.5 + 1), 6);
    expect(set.sq).toBeCloseTo((8 / 9 + 2 / 3 + 1 + 0.75) / 4, 6);
  });
  it("averages dice over images whatever the pooling", () => {
    expect(summarize([A, B], RCC_CLASSES, { pooling: "pooled" }).dice).toBeCloseTo((A.dice + B.dice) / 2, 12);
  });
});

describe("more check values (§10)", () => {
  it("lets AJI, and not AJI+, use a prediction twice", () => {
    const image = evaluateImage(typed("1 1 2 2 0\n1 1 2 2 0"), typed("1 1 1 1 0\n1 1 1 0 0"), RCC_CLASSES);
    expect(image.aji).toBeCloseTo(7 / 15, 12);
    expect(image.ajiPlus).toBeCloseTo(4 / 11, 12);
    expect(image.dq).toBeCloseTo(0.666666667, 9);
    expect(image.sq).toBeCloseTo(0.571428, 11);
    expect(image.pq).toBeCloseTo(0.380952, 12);
  });
  it.each(["full", "gated"] as const)("gives the detection scores (%s assignment)", (assignment) => {
    const scores = detectionScores(
      matchCentroids(
        { x: [5, 20, 40, 60], y: [5, 5, 5, 30], types: [1, 2, 1, 4] },
        { x: [6, 21, 52, 61, 90], y: [5, 8, 5, 30, 90], types: [1, 3, 1, 4, 1] },
        4,
        12,
        assignment,
      ),
    );
    expect(scores.f1).toBeCloseTo(8 / 9, 12);
    expect(scores.accuracy).toBe(0.75);
    expect(scores.classF1).toEqual([0.8, 0, 0, 1]);
  });
});

describe("columns", () => {
  it("are the paper's for its classes and class names for others", () => {
    expect(classKeys(RCC_CLASSES)).toEqual(["1", "2", "3", "e"]);
    const classes = [{ name: "tumour", short: "T", color: [1, 2, 3] as const }];
    expect(classKeys({ ...RCC_CLASSES, classes })).toEqual(["tumour"]);
  });
});
