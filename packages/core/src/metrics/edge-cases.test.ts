import { describe, expect, it } from "vitest";
import { type ClassScheme, RCC_CLASSES } from "../class-scheme.js";
import { DataError, ShapeError, UsageError } from "../errors.js";
import { createLabelMap, type LabelMap } from "../raster.js";
import { summarize } from "./dataset-metrics.js";
import { evaluateImage } from "./image-metrics.js";
import { indexInstances, majorityTypes, type TypedLabels } from "./instances.js";
import { computeOverlap } from "./overlap.js";

function labels(width: number, ...data: number[]): LabelMap {
  return { width, height: data.length / width, data: Int32Array.from(data) };
}
const square: TypedLabels = { labels: labels(3, 0, 5, 5, 0, 5, 5, 0, 0, 0), types: new Map([[5, 2]]) };
const nothing: TypedLabels = { labels: createLabelMap(3, 3), types: new Map() };
const plain = ["dice", "dice2", "aji", "ajiPlus", "dq", "sq", "pq"] as const;

describe("edge cases (§7)", () => {
  it("truth and prediction empty: NaN, skipped in the set", () => {
    const image = evaluateImage(nothing, nothing, RCC_CLASSES);
    for (const key of plain) expect(image[key], key).toBeNaN();
    expect(image.meanClassPq).toBeNaN();
    const set = summarize([image, evaluateImage(square, square, RCC_CLASSES)], RCC_CLASSES);
    expect(set.images).toBe(2);
    expect(set.dice).toBe(1);
    expect(set.classPq[1]).toBeCloseTo(1, 5);
  });
  it("truth only: 0", () => {
    const image = evaluateImage(square, nothing, RCC_CLASSES);
    for (const key of plain) expect(image[key], key).toBe(0);
    expect(image.classes.map((c) => c.pq)).toEqual([Number.NaN, 0, Number.NaN, Number.NaN]);
  });
  it("prediction only: 0, per class NaN", () => {
    const image = evaluateImage(nothing, square, RCC_CLASSES);
    for (const key of plain) expect(image[key], key).toBe(0);
    expect(image.classes.every((c) => Number.isNaN(c.pq))).toBe(true);
    expect(summarize([image], RCC_CLASSES).pooledClassPq[1]).toBe(0);
  });
  it("no background pixel", () => {
    const full: TypedLabels = { labels: labels(2, 1, 2, 1, 2), types: new Map() };
    expect(evaluateImage(full, full, RCC_CLASSES)).toMatchObject({ dice: 1, aji: 1, ajiPlus: 1, dq: 1 });
  });
  it("all images NaN for a class: left out of aPQ with a warning", () => {
    const set = summarize([evaluateImage(square, square, RCC_CLASSES)], RCC_CLASSES);
    expect(set.apq).toBeCloseTo(1, 5);
    expect(set.warnings).toHaveLength(3);
  });
  it("no image at all: every metric NaN", () => {
    const set = summarize([], RCC_CLASSES);
    expect([set.images, set.dice, set.apq, set.detection.f1]).toEqual([
      0,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });
  it("instances without class count in the metrics that ignore classes only", () => {
    const untyped: TypedLabels = { labels: square.labels, types: new Map() };
    const image = evaluateImage(square, untyped, RCC_CLASSES);
    expect(image.dq).toBe(1);
    expect(image.classes[1]).toMatchObject({ truths: 1, predictions: 0, pq: 0 });
    expect(image.detection).toMatchObject({ tp: 1, sameType: 0 });
    expect(image.detection.classes[1]).toMatchObject({ tp: 0, fn: 1 });
  });
  it("any number of classes", () => {
    const classes = Array.from({ length: 7 }, (_, i) => ({
      name: `type ${i + 1}`,
      short: `${i}`,
      color: [i, i, i] as const,
    }));
    const scheme: ClassScheme = { ...RCC_CLASSES, classes };
    const seventh: TypedLabels = { ...square, types: new Map([[5, 7]]) };
    expect(evaluateImage(seventh, seventh, scheme).classes[6]!.pq).toBeCloseTo(1, 5);
    expect(() => evaluateImage(seventh, seventh, RCC_CLASSES)).toThrow(/instance 5 has class 7.*1 to 4/);
  });
  it("says above which size F1 is gated", () => {
    const gated = evaluateImage(square, square, RCC_CLASSES, { f1Assignment: "gated" });
    expect(summarize([gated], RCC_CLASSES).warnings.at(-1)).toMatch(/1 of 1 images .*12 px.*gated/);
    const many = labels(3001, ...Array.from({ length: 3001 }, (_, i) => i + 1));
    const image = evaluateImage(
      { labels: many, types: new Map() },
      { labels: many, types: new Map() },
      RCC_CLASSES,
    );
    expect(image.f1Assignment).toBe("gated");
    expect(image.detection.tp).toBe(3001);
  });
});

describe("errors", () => {
  it("name sizes, ids and options", () => {
    expect(() =>
      evaluateImage(square, { labels: createLabelMap(4, 3), types: new Map() }, RCC_CLASSES),
    ).toThrow(ShapeError);
    expect(() => indexInstances(labels(2, 1, -3))).toThrow(DataError);
    expect(() => indexInstances({ width: 2, height: 2, data: new Int32Array(3) })).toThrow(ShapeError);
    expect(() => evaluateImage(square, square, RCC_CLASSES, { iouThreshold: 1 })).toThrow(UsageError);
    expect(() => evaluateImage(square, square, RCC_CLASSES, { eps: Number.NaN })).toThrow(/metrics\.eps/);
  });
});

describe("indexInstances", () => {
  it("lists ids, areas and centroids", () => {
    const table = indexInstances(labels(4, 9, 9, 0, 2, 9, 9, 0, 2, 0, 0, 2_000_000_000, 0));
    expect([...table.ids]).toEqual([2, 9, 2_000_000_000]);
    expect([...table.areas]).toEqual([2, 4, 1]);
    expect([...table.centroidX]).toEqual([3, 0.5, 2]);
    expect([...table.centroidY]).toEqual([0.5, 0.5, 2]);
    expect([2, 9, 2_000_000_000, 0, 3, 7].map(table.rowOf)).toEqual([0, 1, 2, -1, -1, -1]);
  });
});

describe("majorityTypes", () => {
  it("takes the most frequent class, the lowest on a tie, and lists the mixed", () => {
    const { types, mixed } = majorityTypes(labels(5, 1, 1, 1, 2, 2, 3, 3, 3, 4, 5), {
      width: 5,
      height: 2,
      data: Uint8Array.of(3, 3, 1, 4, 2, 0, 0, 4, 0, 1),
    });
    expect([...types]).toEqual([
      [1, 3],
      [2, 2],
      [3, 4],
      [4, 0],
      [5, 1],
    ]);
    expect(mixed).toEqual([1, 2, 3]);
  });
});

describe("computeOverlap", () => {
  it("is sorted by true row, then predicted row", () => {
    const overlap = computeOverlap(labels(6, 4, 4, 4, 1, 1, 0), labels(6, 8, 8, 3, 8, 3, 3));
    expect([...overlap.rowStart]).toEqual([0, 2, 4]);
    expect([...overlap.column]).toEqual([0, 1, 0, 1]);
    expect([...overlap.intersection]).toEqual([1, 1, 1, 2]);
  });
});
