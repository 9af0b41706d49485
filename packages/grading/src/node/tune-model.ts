/**
 * Finds the post-processing constants of a model on images with known truth, and writes them into its file
 * (`renograde tune`).
 *
 * @module
 */
import { availableParallelism } from "node:os";
import {
  type ClassScheme,
  DataError,
  DEFAULT_POST_OPTIONS,
  InterruptedError,
  type Interval,
  type PostOptions,
  type RgbImage,
  type TypedLabels,
  throwIfAborted,
  UsageError,
} from "@renograde/core";
import {
  encodeModelMetadata,
  type ModelMetadata,
  type ModelTuning,
  mapChannels,
  replaceOnnxMetadata,
} from "@renograde/formats";
import type { PixelSize } from "@renograde/slides";
import { readFileBytes, startWorker, type WorkerHandle, writeFileAtomic } from "@renograde/slides/node";
import { orderMaps } from "../assemble-nuclei.js";
import { runNetwork } from "../grade-image.js";
import { tunedOptions } from "../tune/candidates.js";
import { scoreColumns, type TuneScore } from "../tune/score-candidates.js";
import { type ScoreRows, searchConstants } from "../tune/search.js";
import { type OnnxOptions, openOnnxModel } from "./onnx-lanes.js";
import { openSampleStore, type SampleStore } from "./tune-maps.js";
import type { TuneCalls } from "./tune-worker.js";

/** An image with its truth; nothing is read before `load`. */
export interface TuneImage {
  readonly name: string;
  load(): Promise<{
    readonly image: RgbImage;
    readonly truth: TypedLabels;
    /** Without it the model's is taken. */
    readonly pixelSize?: PixelSize;
  }>;
}

/** Options of {@link tuneModel}. */
export interface TuneModelOptions extends OnnxOptions {
  readonly modelPath: string;
  readonly images: readonly TuneImage[];
  /** One sentence on the images, for the model's metadata. */
  readonly data: string;
  /** Classes of the truth; needed for aPQ, where they must be the model's. */
  readonly classes?: ClassScheme;
  /** Default `pq`. */
  readonly score?: TuneScore;
  /** Where the tuned model goes; without it nothing is written. May be `modelPath`. */
  readonly outPath?: string;
  /** Maps kept in memory; more go to a temporary folder. Default 1024. */
  readonly memoryMiB?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: {
    readonly stage: "network" | "search";
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** What {@link tuneModel} found. */
export interface TuneSummary {
  readonly score: TuneScore;
  /** Constants of the model, and the best found. */
  readonly before: PostOptions;
  readonly after: PostOptions;
  readonly scoreBefore: number;
  readonly scoreAfter: number;
  /** scoreAfter − scoreBefore, 95 % interval over resampled images. */
  readonly gain: Interval;
  /** The gain on images that had no part in the choice; null for one image. */
  readonly heldOutGain: Interval | null;
  /** Constants tried. */
  readonly candidates: number;
  readonly images: readonly { readonly name: string; readonly before: number; readonly after: number }[];
  /** What a reader of the numbers must know. */
  readonly warnings: readonly string[];
  /** Metadata of the tuned model. */
  readonly metadata: ModelMetadata;
  readonly outPath?: string;
}

/** Below this many images a warning says that the set is small. */
const FEW_IMAGES = 10;
/** Candidates of one call of a worker. */
const CHUNK = 48;

/**
 * Runs the network once per image, keeps its maps, and tries constants on them: a coarse grid of all combinations,
 * then three rounds of halved steps around the best. The model's own constants and the published ones are always among
 * the candidates; of equal scores the constants nearest to the model's win. Same model and images, same result, whatever
 * the number of threads.
 *
 * @throws UsageError for no images or classes that are not the model's; ModelError, FileAccessError, FileFormatError,
 *   DataError, EngineError naming file or image; InterruptedError when `signal` is aborted. Nothing is written then.
 */
export async function tuneModel(options: TuneModelOptions): Promise<TuneSummary> {
  const { modelPath, images, score = "pq", signal, outPath } = options;
  if (images.length === 0) throw new UsageError("tune: expected at least one image, received none");
  const memory = options.memoryMiB ?? 1024;
  if (!(memory >= 0)) throw new UsageError(`memory: expected MiB of 0 or more, received ${memory}`);
  throwIfAborted(signal);
  const store = openSampleStore(memory * 2 ** 20);
  try {
    const metadata = await collectMaps(options, store, score);
    const { post } = metadata;
    const published: PostOptions = { ...DEFAULT_POST_OPTIONS, method: post.method };
    const others =
      post.method === "watershed" ? [{ ...post, ...pick(published, tunedOptions("watershed")) }] : [];
    const result = await withWorkers(options, store, metadata.classes, score, (evaluate) =>
      searchConstants(post, others, evaluate),
    );
    const tuned = tunedMetadata(metadata, result.best, {
      data: options.data,
      images: images.length,
      score,
      before: result.before,
      after: result.after,
      low: result.gain.low,
      high: result.gain.high,
    });
    if (outPath !== undefined) {
      const bytes = await readFileBytes(modelPath);
      throwIfAborted(signal);
      await writeFileAtomic(outPath, replaceOnnxMetadata(bytes, encodeModelMetadata(tuned), modelPath));
    }
    return {
      score,
      before: post,
      after: result.best,
      scoreBefore: result.before,
      scoreAfter: result.after,
      gain: result.gain,
      heldOutGain: result.heldOut,
      candidates: result.candidates,
      images: result.images.map((scores, i) => ({ name: images[i]!.name, ...scores })),
      warnings: warningsOf(images.length, result.gain, result.heldOut),
      metadata: tuned,
      ...(outPath !== undefined && { outPath }),
    };
  } finally {
    await store.close();
  }
}

function pick(post: PostOptions, names: readonly (keyof PostOptions)[]): Partial<PostOptions> {
  return Object.fromEntries(names.map((name) => [name, post[name]]));
}

function sameClasses(a: ClassScheme, b: ClassScheme): boolean {
  const names = (scheme: ClassScheme): string => scheme.classes.map((c) => c.name.toLowerCase()).join("\n");
  return names(a) === names(b);
}

/** The first half: the network on every image. */
async function collectMaps(
  options: TuneModelOptions,
  store: SampleStore,
  score: TuneScore,
): Promise<ModelMetadata> {
  const { modelPath, images, classes, signal } = options;
  const { session, metadata } = await openOnnxModel(modelPath, options);
  try {
    const matched = classes !== undefined && sameClasses(classes, metadata.classes);
    if (score === "aPQ" && !matched) {
      const list = (scheme: ClassScheme | undefined): string =>
        scheme?.classes.map((c) => c.name).join(", ") ?? "no classes";
      throw new UsageError(
        `--score aPQ needs the model's classes in the data: ${modelPath} has ${list(metadata.classes)}, the data have ${list(classes)}; choose --score pq, or give a mapping with --classes`,
      );
    }
    const channels = mapChannels(metadata.outputs);
    if (!channels) throw new DataError(`${modelPath}: lists no output that nuclei can be found in`);
    let nuclei = 0;
    for (const [done, { load }] of images.entries()) {
      throwIfAborted(signal);
      options.onProgress?.({ stage: "network", done, total: images.length });
      const { image, truth, pixelSize } = await load();
      const { maps } = await runNetwork(image, session, metadata, {
        ...(pixelSize && { pixelSize }),
        ...(signal && { signal }),
      });
      const types = matched ? truth.types : new Map<number, number>();
      nuclei += score === "aPQ" ? types.size : truth.labels.data.reduce((n, id) => n + (id > 0 ? 1 : 0), 0);
      await store.add({
        maps: orderMaps(maps, channels, metadata.classes, metadata.post.method),
        truth: { labels: truth.labels, types },
      });
    }
    options.onProgress?.({ stage: "network", done: images.length, total: images.length });
    if (nuclei === 0) {
      throw new DataError(
        `none of the ${images.length} images has a true nucleus, so ${score} says nothing; choose annotated images`,
      );
    }
    return metadata;
  } finally {
    await session.close();
  }
}

/** Runs `search` with worker threads that score candidates; they end with it. */
async function withWorkers<Result>(
  { threads, signal, onProgress }: TuneModelOptions,
  { samples }: SampleStore,
  classes: ClassScheme,
  score: TuneScore,
  search: (evaluate: (candidates: readonly PostOptions[]) => Promise<ScoreRows>) => Promise<Result>,
): Promise<Result> {
  const workers: WorkerHandle<TuneCalls>[] = [];
  const columns = scoreColumns(score, classes);
  const most = threads ?? availableParallelism();
  const stop = (): void => {
    for (const worker of workers) void worker.terminate();
  };
  signal?.addEventListener("abort", stop);
  let done = 0;
  let total = 0;
  const evaluate = async (candidates: readonly PostOptions[]): Promise<ScoreRows> => {
    const chunks = Array.from({ length: Math.ceil(candidates.length / CHUNK) }, (_, i) => i * CHUNK);
    const tasks = samples.flatMap((sample, image) => chunks.map((from) => ({ sample, image, from })));
    total += candidates.length * samples.length;
    const rows = candidates.map(() => new Array<Float64Array>(samples.length));
    let next = 0;
    const work = async (worker: WorkerHandle<TuneCalls>): Promise<void> => {
      while (next < tasks.length) {
        throwIfAborted(signal);
        const { sample, image, from } = tasks[next++]!;
        const part = candidates.slice(from, from + CHUNK);
        const values = await worker.call("score", { sample, classes, score, candidates: part });
        for (const i of part.keys()) rows[from + i]![image] = values.slice(i * columns, (i + 1) * columns);
        done += part.length;
        onProgress?.({ stage: "search", done, total });
      }
    };
    while (workers.length < Math.min(most, tasks.length)) {
      workers.push(startWorker<TuneCalls>(new URL("./tune-worker.js", import.meta.url), "post-processing"));
    }
    await Promise.all(workers.map(work));
    return rows;
  };
  try {
    return await search(evaluate);
  } catch (error) {
    if (signal?.aborted) throw new InterruptedError("interrupted; nothing was written", { cause: error });
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function tunedMetadata(
  metadata: ModelMetadata,
  post: PostOptions,
  tuning: Omit<ModelTuning, "replaced">,
): ModelMetadata {
  const changed = tunedOptions(post.method).filter((name) => metadata.post[name] !== post[name]);
  const { training } = metadata;
  return {
    ...metadata,
    post,
    tuning: { ...tuning, replaced: Object.fromEntries(changed.map((name) => [name, metadata.post[name]])) },
    training: {
      ...training,
      scoresOn:
        changed.length === 0 || training.scoresOn === ""
          ? training.scoresOn
          : `${training.scoresOn}; measured before the constants of post-processing were tuned`,
    },
  };
}

function warningsOf(images: number, gain: Interval, heldOut: Interval | null): string[] {
  const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  const warnings: string[] = [];
  if (images < FEW_IMAGES) {
    warnings.push(
      `the set has only ${images} ${images === 1 ? "image" : "images"}: constants found on so few fit them better than others; use ${FEW_IMAGES} or more`,
    );
  }
  if (gain.value === 0) {
    warnings.push("no constants are better than the model's own on this set");
  } else if (!(gain.low > 0)) {
    warnings.push(
      `the gain is within noise: its 95 % interval, ${signed(gain.low)} to ${signed(gain.high)}, holds 0`,
    );
  }
  if (gain.value > 0 && heldOut !== null && !(heldOut.value > 0)) {
    warnings.push(
      `images left out of the choice gain nothing (${signed(heldOut.value)}): these constants fit the set, not the tissue`,
    );
  }
  return warnings;
}
