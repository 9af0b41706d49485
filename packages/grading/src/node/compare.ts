/**
 * Sets two folders of predictions of the same images side by side: every score with the interval of the paired
 * difference, nucleus by nucleus, and over IoU thresholds (`renograde compare`).
 *
 * @module
 */
import {
  addConfusions,
  addPairedCounts,
  type ClassScheme,
  type ComparedScores,
  type Confusion,
  comparePredictions,
  compareScores,
  createRandom,
  evaluateImage,
  type ImageMetrics,
  listSome,
  type MetricOptions,
  type PairedCounts,
  type PredictionComparison,
  RCC_CLASSES,
  resolveMetricOptions,
  throwIfAborted,
  validateClassScheme,
} from "@renograde/core";
import { type AnnotationFile, findAnnotations, pairAnnotations } from "./evaluate-find.js";
import { readImageAnnotations, schemeOfClassFiles } from "./evaluate-read.js";

/** IoU thresholds of the curves. */
export const CURVE_THRESHOLDS: readonly number[] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];

/** What {@link compareFolders} compares, and how. */
export interface CompareFoldersOptions {
  readonly truthDir: string;
  /** Prediction folders of A and B. */
  readonly a: string;
  readonly b: string;
  /** What they are called in tables; default their folders. */
  readonly names?: readonly [a: string, b: string];
  /** Classes; when absent those that the truth's class files name, else grades 1 to 3 and endothelial. */
  readonly scheme?: ClassScheme;
  readonly options?: Partial<MetricOptions>;
  /** Resampled data sets of the intervals, default 1000. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
  /** Called after each image. */
  readonly onProgress?: (progress: { done: number; total: number; name: string }) => void;
}

/** One image of both. */
export interface ComparedImage {
  readonly name: string;
  readonly truth: AnnotationFile;
  /** null when there is no prediction: an empty one counted. */
  readonly predictionA: AnnotationFile | null;
  readonly predictionB: AnnotationFile | null;
  readonly a: ImageMetrics;
  readonly b: ImageMetrics;
}

/** Result of {@link compareFolders}. */
export interface FolderComparison extends ComparedScores {
  readonly names: readonly [a: string, b: string];
  readonly scheme: ClassScheme;
  readonly options: MetricOptions;
  /** In the order of their names. */
  readonly images: readonly ComparedImage[];
  /** Sums over images: rows truth, columns prediction. */
  readonly confusionA: Confusion;
  readonly confusionB: Confusion;
  /** Rows A, columns B. */
  readonly agreement: Confusion;
  readonly found: PairedCounts;
  readonly typed: PairedCounts;
  /** Everything a reader of the numbers must know, the weightiest first. */
  readonly warnings: readonly string[];
}

/**
 * Compares two prediction folders against one truth. Files are read and paired as `evaluateFolders` does; a missing
 * prediction counts as empty. One image is in memory at a time.
 *
 * @throws FileAccessError, FileFormatError, DataError or ShapeError naming the files; UsageError for an impossible
 *   option; InterruptedError when `signal` is aborted
 */
export async function compareFolders(request: CompareFoldersOptions): Promise<FolderComparison> {
  const { truthDir, signal, onProgress } = request;
  const options = resolveMetricOptions(request.options);
  const truthFiles = await findAnnotations(truthDir);
  const [ofA, ofB] = await Promise.all(
    [request.a, request.b].map(async (folder) => pairAnnotations(truthFiles, await findAnnotations(folder))),
  );
  const named = request.scheme === undefined ? await schemeOfClassFiles(truthFiles) : undefined;
  const scheme = validateClassScheme(request.scheme ?? named ?? RCC_CLASSES);
  const unique = new Set(truthFiles.map((file) => file.name)).size === truthFiles.length;
  const images: ComparedImage[] = [];
  const comparisons: PredictionComparison[] = [];
  const fileWarnings: string[] = [];
  let untyped = 0;
  for (const [i, truth] of truthFiles.entries()) {
    throwIfAborted(signal);
    const predictionA = ofA!.pairs[i]!.prediction;
    const predictionB = ofB!.pairs[i]!.prediction;
    const read = await readImageAnnotations(truth, [predictionA, predictionB], scheme);
    const [a, b] = read.predictions;
    fileWarnings.push(...read.warnings);
    if (!read.truthHasClasses) untyped++;
    comparisons.push(
      comparePredictions(read.truth, a!, b!, scheme.classes.length, options.iouThreshold, CURVE_THRESHOLDS),
    );
    const name = unique ? truth.name : truth.key;
    images.push({
      name,
      truth,
      predictionA,
      predictionB,
      a: evaluateImage(read.truth, a!, scheme, options),
      b: evaluateImage(read.truth, b!, scheme, options),
    });
    onProgress?.({ done: images.length, total: truthFiles.length, name });
  }
  throwIfAborted(signal);
  const compared = compareScores(
    images.map((image) => image.a),
    images.map((image) => image.b),
    scheme,
    options,
    createRandom("compare"),
    CURVE_THRESHOLDS,
    comparisons.map(({ countsA, countsB }) => ({ a: countsA, b: countsB })),
    request.rounds,
  );
  const names = request.names ?? [request.a, request.b];
  return {
    ...compared,
    names,
    scheme,
    options,
    images,
    confusionA: comparisons.map(({ a }) => a).reduce(addConfusions),
    confusionB: comparisons.map(({ b }) => b).reduce(addConfusions),
    agreement: comparisons.map(({ agreement }) => agreement).reduce(addConfusions),
    found: comparisons.map(({ found }) => found).reduce(addPairedCounts),
    typed: comparisons.map(({ typed }) => typed).reduce(addPairedCounts),
    warnings: [
      ...(["predictionA", "predictionB"] as const).flatMap((side, i) => {
        const missing = images.filter((image) => image[side] === null).map((image) => image.name);
        return missing.length === 0
          ? []
          : [
              `${names[i]}: ${missing.length} of ${images.length} true annotations have no prediction and COUNT AS EMPTY PREDICTIONS: ${listSome(missing, 5)}`,
            ];
      }),
      ...[ofA!, ofB!].flatMap(({ extra }, i) =>
        extra.length === 0
          ? []
          : [
              `${names[i]}: ${extra.length} predictions have no true annotation and do not count: ${listSome(
                extra.map((file) => file.key),
                5,
              )}`,
            ],
      ),
      ...(untyped > 0
        ? [
            `${untyped} of ${images.length} true annotations have no classes: these images count for the metrics without classes only`,
          ]
        : []),
      ...(images.length < FEW_IMAGES
        ? [`only ${images.length} images: intervals over so few are rough, and mostly too narrow`]
        : []),
      ...fileWarnings,
    ],
  };
}

/** Below this many images a warning says that there are few. */
const FEW_IMAGES = 10;
