/**
 * Evaluates a folder of predictions against a folder of true annotations: every metric of spec/metrics.md, per image
 * and of the set.
 *
 * A truth without prediction counts as an empty prediction (PQ 0), as MoNuSAC's script has it, and is named in the
 * warnings; a prediction without truth is named and does not count.
 *
 * @module
 */
import {
  type ClassScheme,
  type DatasetMetrics,
  evaluateImage,
  type ImageMetrics,
  listSome,
  type MetricOptions,
  RCC_CLASSES,
  resolveMetricOptions,
  summarize,
  throwIfAborted,
  validateClassScheme,
} from "@renograde/core";
import { type AnnotationFile, findAnnotations, pairAnnotations } from "./evaluate-find.js";
import { eraseRegions, findRegions } from "./evaluate-ignore.js";
import { readImageAnnotations, schemeOfClassFiles } from "./evaluate-read.js";

/** What {@link evaluateFolders} compares, and how. */
export interface EvaluateFoldersOptions {
  readonly truthDir: string;
  readonly predictionDir: string;
  /** Folder of regions in which predictions are erased, as label maps; default none. */
  readonly ignoreDir?: string;
  /** Classes; when absent those that the truth's class files name, else grades 1 to 3 and endothelial. */
  readonly scheme?: ClassScheme;
  readonly options?: Partial<MetricOptions>;
  readonly signal?: AbortSignal;
  /** Called after each image. */
  readonly onProgress?: (progress: { done: number; total: number; name: string }) => void;
}

/** One image of the set. */
export interface EvaluatedImage {
  /** Base name, with its folders where base names are not unique. */
  readonly name: string;
  readonly truthPath: string;
  /** null when there is no prediction: an empty one counted. */
  readonly predictionPath: string | null;
  readonly metrics: ImageMetrics;
}

/** Result of {@link evaluateFolders}. */
export interface FolderEvaluation {
  readonly scheme: ClassScheme;
  readonly options: MetricOptions;
  /** In the order of their names. */
  readonly images: readonly EvaluatedImage[];
  readonly summary: DatasetMetrics;
  /** Names of truths without prediction. */
  readonly missing: readonly string[];
  /** Names of predictions without truth. */
  readonly extra: readonly string[];
  /** Everything a reader of the numbers must know, the weightiest first. */
  readonly warnings: readonly string[];
}

/**
 * Pairs the annotations of two folders by base name and computes every metric. Formats and their order of preference:
 * {@link findAnnotations}. One pair of images is in memory at a time.
 *
 * @throws FileAccessError, FileFormatError, DataError or ShapeError naming the files; UsageError for an impossible
 *   option; InterruptedError when `signal` is aborted
 *
 * @example
 * const result = await evaluateFolders({ truthDir: "test/labels", predictionDir: "results" });
 * console.log(formatEvaluationTable(result));
 */
export async function evaluateFolders(request: EvaluateFoldersOptions): Promise<FolderEvaluation> {
  const { truthDir, predictionDir, signal, onProgress } = request;
  const options = resolveMetricOptions(request.options);
  const truthFiles = await findAnnotations(truthDir);
  const { pairs, extra } = pairAnnotations(truthFiles, await findAnnotations(predictionDir));
  const named = request.scheme === undefined ? await schemeOfClassFiles(truthFiles) : undefined;
  const scheme = validateClassScheme(request.scheme ?? named ?? RCC_CLASSES);
  const schemeIsAssumed = request.scheme === undefined && named === undefined;

  const ignored = request.ignoreDir === undefined ? null : await findRegions(request.ignoreDir);
  const unique = new Set(truthFiles.map((file) => file.name)).size === truthFiles.length;
  const nameOf = (file: AnnotationFile): string => (unique ? file.name : file.key);
  const images: EvaluatedImage[] = [];
  const fileWarnings: string[] = [];
  let erasedIn = 0;
  let untyped = 0;
  let bareNumbers = 0;
  for (const pair of pairs) {
    throwIfAborted(signal);
    const read = await readImageAnnotations(pair.truth, [pair.prediction], scheme);
    const { warnings, truthHasClasses, truthHasBareNumbers } = read;
    const regions = ignored?.get(pair.truth.name);
    const found = read.predictions[0]!;
    const prediction = regions === undefined ? found : await eraseRegions(found, regions);
    if (regions !== undefined) erasedIn++;
    const metrics = evaluateImage(read.truth, prediction, scheme, options);
    fileWarnings.push(...warnings);
    if (!truthHasClasses) untyped++;
    if (truthHasBareNumbers) bareNumbers++;
    const name = nameOf(pair.truth);
    images.push({ name, truthPath: pair.truth.path, predictionPath: pair.prediction?.path ?? null, metrics });
    onProgress?.({ done: images.length, total: pairs.length, name });
  }
  const missing = images.filter((image) => image.predictionPath === null).map((image) => image.name);
  const extraNames = extra.map((file) => file.key);
  const summary = summarize(
    images.map((image) => image.metrics),
    scheme,
    options,
  );
  const warnings: string[] = [];
  if (missing.length > 0) {
    warnings.push(
      `${missing.length} of ${images.length} true annotations have no prediction and COUNT AS EMPTY PREDICTIONS (Dice, AJI and PQ 0): ${listSome(missing, 5)}`,
    );
  }
  if (extraNames.length > 0) {
    warnings.push(
      `${extraNames.length} predictions have no true annotation and do not count: ${listSome(extraNames, 5)}`,
    );
  }
  if (ignored !== null && erasedIn < ignored.size) {
    warnings.push(
      `${request.ignoreDir}: ${ignored.size - erasedIn} of its files belong to no true annotation`,
    );
  }
  if (untyped > 0) {
    warnings.push(
      `${untyped} of ${images.length} true annotations have no classes: these images count for the metrics without classes only`,
    );
  }
  if (schemeIsAssumed && bareNumbers > 0) {
    warnings.push(
      `${bareNumbers} true annotations number their classes without naming them: taken as ${scheme.classes.map((c, i) => `${i + 1} ${c.name}`).join(", ")}`,
    );
  }
  warnings.push(...summary.warnings, ...fileWarnings);
  return { scheme, options, images, summary, missing, extra: extraNames, warnings };
}
