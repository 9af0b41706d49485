/**
 * From the metrics of images to those of a data set: means over images (CHR-Net, PanNuke) and pooled counts
 * (CoNIC), and the names of columns and keys (spec/metrics.md §5, §11).
 *
 * @module
 */
import { type ClassScheme, RCC_CLASSES } from "../class-scheme.js";
import { addDetectionCounts, type DetectionScores, detectionScores } from "./detection.js";
import { type ImageMetrics, nanMean } from "./image-metrics.js";
import { type MetricOptions, resolveMetricOptions } from "./options.js";
import { addPanopticCounts, type PanopticCounts, panopticScores } from "./panoptic.js";

/** Metrics of a data set; NaN where no image defines one. */
export interface DatasetMetrics {
  /** Number of images, those skipped for a metric included. */
  readonly images: number;
  readonly dice: number;
  readonly dice2: number;
  readonly aji: number;
  readonly ajiPlus: number;
  readonly dq: number;
  readonly sq: number;
  readonly pq: number;
  /** PQ of class 1…K; by `pooling` the mean over images that have the class, or from pooled counts. */
  readonly classPq: readonly number[];
  /** Mean of {@link classPq} over the defined classes. */
  readonly apq: number;
  /** Mean over images of the mean over the classes present in the image; the published notebook's "mean PQ". */
  readonly mpqImage: number;
  /** PQ of class 1…K from counts pooled over all images, false positives of absent classes included. */
  readonly pooledClassPq: readonly number[];
  /** Mean of {@link pooledClassPq} over the classes that occur anywhere. */
  readonly apqPooled: number;
  /** Images whose truth has the class, for class 1…K. */
  readonly imagesPerClass: readonly number[];
  /** From counts pooled over all images. */
  readonly detection: DetectionScores;
  /** What a reader of the numbers must know: classes left out, F1 assignment other than published. */
  readonly warnings: readonly string[];
}

const NO_COUNTS: PanopticCounts = { tp: 0, fp: 0, fn: 0, sumIou: 0 };

/**
 * Summarises images evaluated with the same scheme and options.
 *
 * @param images - results of `evaluateImage`
 * @throws {@link UsageError} for an impossible option
 */
export function summarize(
  images: readonly ImageMetrics[],
  scheme: ClassScheme,
  options: Partial<MetricOptions> = {},
): DatasetMetrics {
  const { eps, pooling, f1DistancePx } = resolveMetricOptions(options);
  const mean = (pick: (image: ImageMetrics) => number): number => nanMean(images.map(pick));
  const pooled = (pick: (image: ImageMetrics) => PanopticCounts) =>
    panopticScores(images.map(pick).reduce(addPanopticCounts, NO_COUNTS), eps, eps);
  const perClass = (value: (index: number) => number): number[] => scheme.classes.map((_, i) => value(i));

  const pooledClassPq = perClass((i) => pooled((image) => image.classes[i]!.counts).pq);
  const classPq =
    pooling === "pooled" ? pooledClassPq : perClass((i) => mean((image) => image.classes[i]!.pq));
  const all =
    pooling === "pooled"
      ? pooled((image) => image.counts)
      : { dq: mean((image) => image.dq), sq: mean((image) => image.sq), pq: mean((image) => image.pq) };

  const warnings: string[] = [];
  const where = pooling === "pooled" ? "no truth and no prediction" : "no truth";
  if (classPq.every(Number.isNaN)) {
    warnings.push(`classes occur in ${where} of the set: there is no PQ per class and no aPQ`);
  } else {
    scheme.classes.forEach((c, i) => {
      if (!Number.isNaN(classPq[i])) return;
      warnings.push(`class "${c.name}" occurs in ${where} of the set: it is left out of aPQ`);
    });
  }
  const gated = images.filter((image) => image.f1Assignment === "gated").length;
  if (gated > 0) {
    warnings.push(
      `F_d and F_c: in ${gated} of ${images.length} images only centroids within ${f1DistancePx} px were paired (gated assignment), not the full matrix`,
    );
  }
  const zero = { tp: 0, fp: 0, fn: 0, unmatchedPredictions: 0, unmatchedTruths: 0 };
  const noDetections = {
    tp: 0,
    fp: 0,
    fn: 0,
    typed: 0,
    sameType: 0,
    classes: scheme.classes.map(() => zero),
  };
  return {
    images: images.length,
    dice: mean((image) => image.dice),
    dice2: mean((image) => image.dice2),
    aji: mean((image) => image.aji),
    ajiPlus: mean((image) => image.ajiPlus),
    ...all,
    classPq,
    apq: nanMean(classPq),
    mpqImage: mean((image) => image.meanClassPq),
    pooledClassPq,
    apqPooled: nanMean(pooledClassPq),
    imagesPerClass: perClass((i) => images.filter((image) => image.classes[i]!.truths > 0).length),
    detection: detectionScores(
      images.map((image) => image.detection).reduce(addDetectionCounts, noDetections),
    ),
    warnings,
  };
}

/**
 * Suffix of each class in columns and keys: `1`, `2`, `3`, `e` for the paper's classes (`pq_1` … `pq_e`), else the
 * class name.
 */
export function classKeys(scheme: ClassScheme): string[] {
  const names = scheme.classes.map((c) => c.name);
  const paper = RCC_CLASSES.classes.map((c) => c.name);
  const isPaper = names.length === paper.length && names.every((name, i) => name === paper[i]);
  return isPaper ? ["1", "2", "3", "e"] : names;
}
