/**
 * The results of an evaluation as CSV per image, summary JSON and a table for the terminal (spec/metrics.md §11).
 *
 * @module
 */
import { classKeys, type ImageMetrics } from "@renograde/core";
import { type CsvValue, csvChunks } from "@renograde/formats";
import type { FolderEvaluation } from "./evaluate.js";

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

function byClass<T>(keys: readonly string[], values: readonly T[]): Record<string, T> {
  return Object.fromEntries(keys.map((key, i) => [key, values[i]!]));
}

/**
 * One row per image: `image, dice, aji, aji_plus, dq, sq, pq, pq_<class>…`, then counts of all nuclei and per class:
 * `true, predicted, tp, fp, fn`. A metric that is not defined for the image is an empty cell. With `pq_<class>` empty
 * the counts of the class still say what was predicted.
 */
export function formatEvaluationCsv(evaluation: FolderEvaluation): string {
  const keys = classKeys(evaluation.scheme);
  const counted = ["true", "predicted", "tp", "fp", "fn"];
  const header = [
    ...["image", "prediction_missing", "dice", "aji", "aji_plus", "dq", "sq", "pq"],
    ...keys.map((key) => `pq_${key}`),
    ...counted,
    ...keys.flatMap((key) => counted.map((what) => `${what}_${key}`)),
  ];
  const rows = evaluation.images.map(({ name, predictionPath, metrics: m }): CsvValue[] => {
    const { tp, fp, fn } = m.counts;
    return [
      name,
      predictionPath === null ? 1 : 0,
      ...[m.dice, m.aji, m.ajiPlus, m.dq, m.sq, m.pq, ...m.classes.map((c) => c.pq)].map(orNull),
      ...[tp + fn, tp + fp, tp, fp, fn],
      ...m.classes.flatMap((c) => [c.truths, c.predictions, c.counts.tp, c.counts.fp, c.counts.fn]),
    ];
  });
  return [...csvChunks(header, rows, { digits: 12 })].join("");
}

/**
 * The summary as a plain object for JSON: the table columns `dice, aji, pq, apq, pq_1, pq_2, pq_3, pq_e` (other
 * classes: `pq_<class name>`), then `dq, sq, aji_plus, mPQ_image, aPQ_pooled, F_d, F_c` and what they rest on.
 * A value that is not defined is null.
 */
export function summaryOfEvaluation(evaluation: FolderEvaluation): Record<string, unknown> {
  const { summary: s, scheme, options, images, missing, extra, warnings } = evaluation;
  const keys = classKeys(scheme);
  return {
    dice: orNull(s.dice),
    aji: orNull(s.aji),
    pq: orNull(s.pq),
    apq: orNull(s.apq),
    ...Object.fromEntries(keys.map((key, i) => [`pq_${key}`, orNull(s.classPq[i]!)])),
    dq: orNull(s.dq),
    sq: orNull(s.sq),
    aji_plus: orNull(s.ajiPlus),
    mPQ_image: orNull(s.mpqImage),
    aPQ_pooled: orNull(s.apqPooled),
    F_d: orNull(s.detection.f1),
    F_c: byClass(keys, s.detection.classF1.map(orNull)),
    accuracy: orNull(s.detection.accuracy),
    precision_d: orNull(s.detection.precision),
    recall_d: orNull(s.detection.recall),
    dice_2: orNull(s.dice2),
    pq_pooled: byClass(keys, s.pooledClassPq.map(orNull)),
    images: images.length,
    images_per_class: byClass(keys, s.imagesPerClass),
    class_names: byClass(
      keys,
      scheme.classes.map((c) => c.name),
    ),
    options,
    missing_predictions: missing,
    extra_predictions: extra,
    warnings,
  };
}

/** {@link summaryOfEvaluation} as text, the same bytes for the same results. */
export function formatEvaluationJson(evaluation: FolderEvaluation): string {
  return `${JSON.stringify(summaryOfEvaluation(evaluation), null, 2)}\n`;
}

const four = (value: number): string => (Number.isNaN(value) ? "-" : value.toFixed(4));

/** Columns as wide as their widest cell, the first left-aligned, the others right-aligned. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** The summary for a terminal: warnings first, then all nuclei, then one line per class, with four decimals. */
export function formatEvaluationTable(evaluation: FolderEvaluation): string {
  const { summary: s, scheme, images, warnings } = evaluation;
  const total = (count: (metrics: ImageMetrics) => number): number =>
    images.reduce((sum, image) => sum + count(image.metrics), 0);
  const integer = (value: number): string => value.toLocaleString("en-US");
  const truths = total((m) => m.counts.tp + m.counts.fn);
  const predictions = total((m) => m.counts.tp + m.counts.fp);
  const overall: [string, number][] = [
    ["Dice", s.dice],
    ["AJI", s.aji],
    ["AJI+", s.ajiPlus],
    ["DQ", s.dq],
    ["SQ", s.sq],
    ["PQ", s.pq],
    ["aPQ", s.apq],
    ["mPQ (image)", s.mpqImage],
    ["aPQ (pooled)", s.apqPooled],
    ["F_d", s.detection.f1],
    ["accuracy", s.detection.accuracy],
  ];
  const classRows = scheme.classes.map((c, i) => [
    c.name,
    integer(s.imagesPerClass[i]!),
    integer(total((m) => m.classes[i]!.truths)),
    integer(total((m) => m.classes[i]!.predictions)),
    four(s.classPq[i]!),
    four(s.pooledClassPq[i]!),
    four(s.detection.classF1[i]!),
  ]);
  const header = ["class", "images", "true", "predicted", "PQ", "PQ (pooled)", "F_c"];
  // Nuclei without any class, as from outlines alone, have nothing to say per class.
  const unclassed = truths + predictions > 0 && classRows.every((row) => row[2] === "0" && row[3] === "0");
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(warnings.length > 0 ? [""] : []),
    `${integer(images.length)} images, ${integer(truths)} true nuclei, ${integer(predictions)} predicted; ${
      evaluation.options.pooling === "image"
        ? "PQ and aPQ are means over images"
        : "DQ, SQ, PQ and aPQ are from pooled counts"
    }`,
    "",
    ...align([overall.map(([name]) => name), overall.map(([, value]) => four(value))]),
    "",
    ...(unclassed ? [] : [...align([header, ...classRows]), ""]),
  ].join("\n");
}
