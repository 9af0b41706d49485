/**
 * The test images of one trained model: graded through its exported file and compared with the truth.
 *
 * @module
 */
import {
  evaluateImage,
  type ImageMetrics,
  type LabelMap,
  majorityTypes,
  type RgbImage,
  throwIfAborted,
} from "@renograde/core";
import type { Dataset } from "../datasets/dataset.js";

/** Nuclei of one image as a model found them. */
export interface GradedNuclei {
  readonly labels: LabelMap;
  /** Class by instance id, 1…K. */
  readonly types: ReadonlyMap<number, number>;
}

/** A model opened for grading; the caller brings the engine (ONNX Runtime in the command). */
export interface ImageGrader {
  /** @param mpp - µm per pixel of the image */
  grade(image: RgbImage, mpp: number): Promise<GradedNuclei>;
  /** The image with nuclei outlined in the colours of their classes. */
  draw(image: RgbImage, nuclei: GradedNuclei, mpp: number): RgbImage;
  close(): Promise<void>;
}

/** Metrics of the test images and how long grading took. */
export interface Measured {
  readonly images: readonly { readonly name: string; readonly metrics: ImageMetrics }[];
  /** Milliseconds per test image, engine and post-processing, median. */
  readonly gradeMs: number;
}

/** Options of {@link measureModel}. */
export interface MeasureOptions {
  readonly mpp: number;
  /** Images of which {@link MeasureOptions.onPicture} gets a drawing. */
  readonly pictures: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onPicture: (name: string, picture: RgbImage) => Promise<void>;
}

/** Truth of one image: its instances, each with the majority class of its pixels (spec/metrics.md §5). */
export async function readTruth(
  dataset: Dataset,
  index: number,
): Promise<{ readonly image: RgbImage; readonly truth: GradedNuclei }> {
  const { image, instances, classes } = await dataset.load(index);
  return { image, truth: { labels: instances, types: majorityTypes(instances, classes).types } };
}

/**
 * Grades the images `indices` of a dataset and measures them.
 *
 * @throws InterruptedError when `signal` is aborted
 */
export async function measureModel(
  grader: ImageGrader,
  dataset: Dataset,
  indices: readonly number[],
  options: MeasureOptions,
): Promise<Measured> {
  const images: { name: string; metrics: ImageMetrics }[] = [];
  const times: number[] = [];
  for (const [done, index] of indices.entries()) {
    throwIfAborted(options.signal);
    const { name } = dataset.entries[index]!;
    const { image, truth } = await readTruth(dataset, index);
    const started = performance.now();
    const nuclei = await grader.grade(image, options.mpp);
    times.push(performance.now() - started);
    images.push({ name, metrics: evaluateImage(truth, nuclei, dataset.classes) });
    if (done < options.pictures) await options.onPicture(name, grader.draw(image, nuclei, options.mpp));
    options.onProgress?.(done + 1, indices.length);
  }
  const sorted = times.sort((a, b) => a - b);
  return { images, gradeMs: sorted[sorted.length >> 1] ?? Number.NaN };
}
