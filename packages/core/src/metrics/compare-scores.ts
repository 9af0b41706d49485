/**
 * Two predictions of the same images by every score, with the interval of the paired difference: both are resampled
 * with the same images, so that what makes an image hard for both cancels (Efron 1979).
 *
 * @module
 */
import type { ClassScheme } from "../class-scheme.js";
import { UsageError } from "../errors.js";
import type { Random } from "../random.js";
import { bootstrapIntervals, type Interval } from "./bootstrap.js";
import { classKeys, type DatasetMetrics, summarize } from "./dataset-metrics.js";
import { type ImageMetrics, nanMean } from "./image-metrics.js";
import type { MetricOptions } from "./options.js";
import { type PanopticCounts, panopticScores } from "./panoptic.js";

/** One score of a data set by name. */
export interface NamedScore {
  /** As in the evaluation's JSON: `dice`, `pq_1`, `F_d`, … */
  readonly key: string;
  /** For people: `Dice`, `PQ Grade 1`, … */
  readonly title: string;
  readonly value: number;
}

/** One score of two predictions. */
export interface ScoreComparison {
  readonly key: string;
  readonly title: string;
  readonly a: number;
  readonly b: number;
  /** B minus A, with the 95 % interval over resampled images. */
  readonly difference: Interval;
}

/** PQ and F1 of two predictions at one IoU threshold; means over images. */
export interface CurvePoint {
  readonly threshold: number;
  readonly pq: ScoreComparison;
  /** F1 of detection at this threshold: DQ. */
  readonly f1: ScoreComparison;
}

/** Counts of one image at each threshold, for {@link compareScores}. */
export interface ThresholdCounts {
  readonly a: readonly PanopticCounts[];
  readonly b: readonly PanopticCounts[];
}

/** Result of {@link compareScores}. */
export interface ComparedScores {
  readonly scores: readonly ScoreComparison[];
  readonly curve: readonly CurvePoint[];
}

/** Every score of a data set in the order of tables. */
export function namedScores(summary: DatasetMetrics, scheme: ClassScheme): NamedScore[] {
  const keys = classKeys(scheme);
  const { detection } = summary;
  const perClass = (prefix: string, title: string, values: readonly number[]): NamedScore[] =>
    scheme.classes.map((c, i) => ({
      key: `${prefix}_${keys[i]!}`,
      title: `${title} ${c.name}`,
      value: values[i]!,
    }));
  return [
    { key: "dice", title: "Dice", value: summary.dice },
    { key: "aji", title: "AJI", value: summary.aji },
    { key: "aji_plus", title: "AJI+", value: summary.ajiPlus },
    { key: "dq", title: "DQ", value: summary.dq },
    { key: "sq", title: "SQ", value: summary.sq },
    { key: "pq", title: "PQ", value: summary.pq },
    { key: "apq", title: "aPQ", value: summary.apq },
    ...perClass("pq", "PQ", summary.classPq),
    { key: "mPQ_image", title: "mPQ (image)", value: summary.mpqImage },
    { key: "aPQ_pooled", title: "aPQ (pooled)", value: summary.apqPooled },
    { key: "F_d", title: "F_d", value: detection.f1 },
    { key: "precision_d", title: "precision of detection", value: detection.precision },
    { key: "recall_d", title: "recall of detection", value: detection.recall },
    { key: "accuracy", title: "accuracy of classes", value: detection.accuracy },
    ...perClass("F", "F", detection.classF1),
  ];
}

/**
 * Compares two predictions of the same images.
 *
 * @param a - metrics per image of prediction A
 * @param b - the same of B, in the same order
 * @param curve - counts per image at each of `thresholds`
 * @param rounds - resampled data sets
 * @throws UsageError when the numbers of images differ or are 0
 */
export function compareScores(
  a: readonly ImageMetrics[],
  b: readonly ImageMetrics[],
  scheme: ClassScheme,
  options: MetricOptions,
  random: Random,
  thresholds: readonly number[] = [],
  curve: readonly ThresholdCounts[] = [],
  rounds = 1000,
): ComparedScores {
  if (a.length !== b.length || (thresholds.length > 0 && curve.length !== a.length)) {
    throw new UsageError(
      `comparison: expected the same images on both sides, received ${a.length} and ${b.length}`,
    );
  }
  const scoresOf = (images: readonly ImageMetrics[], draw: Int32Array): NamedScore[] =>
    namedScores(
      summarize(
        Array.from(draw, (i) => images[i]!),
        scheme,
        options,
      ),
      scheme,
    );
  const pointsOf = (side: "a" | "b"): number[][] =>
    thresholds.flatMap((_, k) => {
      const images = curve.map((counts) => panopticScores(counts[side][k]!, options.eps));
      return [images.map((image) => image.pq), images.map((image) => image.dq)];
    });
  const sides = { a: pointsOf("a"), b: pointsOf("b") };
  const valuesOf = (images: readonly ImageMetrics[], points: number[][], draw: Int32Array): number[] => [
    ...scoresOf(images, draw).map((score) => score.value),
    ...points.map((values) => nanMean(Array.from(draw, (i) => values[i]!))),
  ];
  let firstA: number[] | undefined;
  let firstB: number[] | undefined;
  const differences = bootstrapIntervals(
    a.length,
    (draw) => {
      const ofA = valuesOf(a, sides.a, draw);
      const ofB = valuesOf(b, sides.b, draw);
      firstA ??= ofA;
      firstB ??= ofB;
      return ofB.map((value, i) => value - ofA[i]!);
    },
    random,
    { rounds },
  );
  const all = Int32Array.from({ length: a.length }, (_, i) => i);
  const names = [
    ...scoresOf(a, all),
    ...thresholds.flatMap((threshold) => {
      const at = threshold.toFixed(2);
      return [
        { key: `pq@${at}`, title: `PQ at IoU ${at}` },
        { key: `f1@${at}`, title: `F1 at IoU ${at}` },
      ];
    }),
  ];
  const compared = names.map(
    ({ key, title }, i): ScoreComparison => ({
      key,
      title,
      a: firstA![i]!,
      b: firstB![i]!,
      difference: differences[i]!,
    }),
  );
  const count = compared.length - 2 * thresholds.length;
  return {
    scores: compared.slice(0, count),
    curve: thresholds.map((threshold, k) => ({
      threshold,
      pq: compared[count + 2 * k]!,
      f1: compared[count + 2 * k + 1]!,
    })),
  };
}
