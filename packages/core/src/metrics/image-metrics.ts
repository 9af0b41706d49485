/**
 * All metrics of one image, with the raw counts that pooling over a data set needs (spec/metrics.md).
 *
 * @module
 */
import type { ClassScheme } from "../class-scheme.js";
import { DataError } from "../errors.js";
import { aggregatedJaccard, aggregatedJaccardPlus } from "./aji.js";
import { type DetectionCounts, matchCentroids, type TypedPoints } from "./detection.js";
import { diceCoefficient, ensembleDice } from "./dice.js";
import type { InstanceTable, TypedLabels } from "./instances.js";
import { FULL_F1_LIMIT, type MetricOptions, resolveMetricOptions } from "./options.js";
import { computeOverlap } from "./overlap.js";
import { countMatches, type PanopticCounts, panopticScores } from "./panoptic.js";

/** PQ of one class of one image. */
export interface ClassMetrics {
  /** True instances of the class. */
  readonly truths: number;
  /** Predicted instances of the class. */
  readonly predictions: number;
  /** Matches within the class, also where the truth has none of it (pooling counts those false positives). */
  readonly counts: PanopticCounts;
  /** NaN when the truth has no instance of the class: the image is skipped for it (§5). */
  readonly dq: number;
  readonly sq: number;
  readonly pq: number;
}

/** Metrics of one image; NaN where a metric is not defined and the image is skipped for it (§7). */
export interface ImageMetrics {
  readonly dice: number;
  /** The ensemble Dice, "Dice 2". */
  readonly dice2: number;
  readonly aji: number;
  readonly ajiPlus: number;
  readonly dq: number;
  readonly sq: number;
  /** Panoptic quality of all instances, whatever their class. */
  readonly pq: number;
  readonly counts: PanopticCounts;
  /** Class 1…K of the scheme. */
  readonly classes: readonly ClassMetrics[];
  /** Mean PQ over the classes present in the truth; NaN when there is none. */
  readonly meanClassPq: number;
  readonly detection: DetectionCounts;
  /** How centroids were assigned (§6). */
  readonly f1Assignment: "full" | "gated";
}

/** Class of each row of an instance table, checked against the scheme. */
function typesByRow(
  name: string,
  table: InstanceTable,
  types: ReadonlyMap<number, number>,
  scheme: ClassScheme,
): Uint8Array {
  return Uint8Array.from(table.ids, (id) => {
    const type = types.get(id) ?? 0;
    if (!Number.isInteger(type) || type < 0 || type > scheme.classes.length) {
      throw new DataError(
        `${name}: instance ${id} has class ${type}, but class scheme "${scheme.name}" has classes 1 to ${scheme.classes.length}; choose the scheme of the data`,
      );
    }
    return type;
  });
}

function countType(types: Uint8Array, type: number): number {
  let n = 0;
  for (let i = 0; i < types.length; i++) if (types[i] === type) n++;
  return n;
}

/** Mean of the values that are numbers; NaN when none is. */
export function nanMean(values: readonly number[]): number {
  const defined = values.filter((v) => !Number.isNaN(v));
  return defined.reduce((a, b) => a + b, 0) / defined.length;
}

/**
 * Computes every metric of one image.
 *
 * @param truth - label map `[H, W]` and class by id
 * @param prediction - the same of the prediction, of the same size
 * @param scheme - classes 1…K; instances of class 0 count in the metrics that ignore classes only
 * @returns 0…1 or NaN, with raw counts
 * @throws {@link ShapeError} when the maps differ in size; {@link DataError} for a negative id or a class the
 *   scheme does not have; {@link UsageError} for an impossible option
 *
 * @example
 * const image = evaluateImage(truth, prediction, RCC_CLASSES);
 * const summary = summarize([image], RCC_CLASSES);
 */
export function evaluateImage(
  truth: TypedLabels,
  prediction: TypedLabels,
  scheme: ClassScheme,
  options: Partial<MetricOptions> = {},
): ImageMetrics {
  const { eps, iouThreshold, f1Assignment, f1DistancePx } = resolveMetricOptions(options);
  const overlap = computeOverlap(truth.labels, prediction.labels);
  const truthTypes = typesByRow("truth", overlap.truth, truth.types, scheme);
  const predictionTypes = typesByRow("prediction", overlap.prediction, prediction.types, scheme);
  const counts = countMatches(overlap, iouThreshold);
  const classes = scheme.classes.map((_, index): ClassMetrics => {
    const type = index + 1;
    const counts = countMatches(overlap, iouThreshold, { truthTypes, predictionTypes, type });
    const truths = countType(truthTypes, type);
    const undefinedScores = { dq: Number.NaN, sq: Number.NaN, pq: Number.NaN };
    return {
      truths,
      predictions: countType(predictionTypes, type),
      counts,
      ...(truths === 0 ? undefinedScores : panopticScores(counts, eps)),
    };
  });
  const larger = Math.max(overlap.truth.count, overlap.prediction.count);
  const assignment = f1Assignment === "auto" ? (larger <= FULL_F1_LIMIT ? "full" : "gated") : f1Assignment;
  const points = (table: InstanceTable, types: Uint8Array): TypedPoints => ({
    x: table.centroidX,
    y: table.centroidY,
    types,
  });
  return {
    dice: diceCoefficient(overlap),
    dice2: ensembleDice(overlap),
    aji: aggregatedJaccard(overlap),
    ajiPlus: aggregatedJaccardPlus(overlap),
    ...panopticScores(counts, eps),
    counts,
    classes,
    meanClassPq: nanMean(classes.map((c) => c.pq)),
    detection: matchCentroids(
      points(overlap.truth, truthTypes),
      points(overlap.prediction, predictionTypes),
      scheme.classes.length,
      f1DistancePx,
      assignment,
    ),
    f1Assignment: assignment,
  };
}
