/**
 * Everything `dataset check` looks at: files that cannot be read, counts against the published ones, slides,
 * patients and images shared between the sets, suspicious nuclei (spec/data.md §1, §2).
 *
 * @module
 */
import { isRenogradeError, throwIfAborted } from "@renograde/core";
import type { DuplicatePair } from "./compare-images.js";
import { type Dataset, SET_NAMES, type SetName } from "./dataset.js";
import { DuplicateFinder } from "./duplicates.js";
import type { Split } from "./split.js";
import { imageKey } from "./split-file.js";
import { collectStats, type DatasetStats } from "./stats.js";
import { findSuspicious, type Suspicion } from "./suspicious.js";

/** A suspicious nucleus and where it is. */
export interface PlacedSuspicion extends Suspicion {
  /** Index of the image in the dataset. */
  readonly index: number;
  /** Path of the image below the dataset's folder. */
  readonly image: string;
}

/** Two images of the same tissue. */
export interface PlacedDuplicate extends DuplicatePair {
  readonly images: readonly [first: string, second: string];
  readonly sets: readonly [SetName, SetName];
}

/** Result of {@link checkDataset}. */
export interface DatasetCheck {
  readonly stats: DatasetStats;
  /** What makes training impossible or wrong: unreadable or contradictory files, no training images. */
  readonly errors: readonly string[];
  /** What training copes with, but a person should know. */
  readonly warnings: readonly string[];
  readonly duplicates: readonly PlacedDuplicate[];
  readonly suspicions: readonly PlacedSuspicion[];
}

/** Options of {@link checkDataset}. */
export interface CheckOptions {
  /** Look for images of the same tissue; default true. */
  readonly duplicates?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: "images" | "pairs", done: number, total: number) => void;
}

function emptiness(stats: DatasetStats, dataset: Dataset): { errors: string[]; warnings: string[] } {
  const { sets, total, classNames } = stats;
  const errors: string[] = [];
  const warnings: string[] = [];
  if (sets.train.images === 0) errors.push(`${dataset.root}: there are no training images`);
  else if (sets.train.nuclei === 0) errors.push(`${dataset.root}: the training images have no nuclei`);
  for (const name of ["valid", "test"] as const) {
    if (sets[name].images === 0) warnings.push(`${dataset.root}: there are no ${name} images`);
  }
  for (const [i, name] of classNames.entries()) {
    if (total.perClass[i] === 0) warnings.push(`${dataset.root}: no nucleus has the class "${name}"`);
    else if (sets.train.perClass[i] === 0 && sets.train.images > 0) {
      warnings.push(`${dataset.root}: no training nucleus has the class "${name}"`);
    }
  }
  return { errors, warnings };
}

/**
 * Checks a dataset; reads every image once, and pairs that may show the same tissue again.
 *
 * @throws InterruptedError when `signal` is aborted. What is wrong with single files is told in the result
 */
export async function checkDataset(
  dataset: Dataset,
  split: Split,
  options: CheckOptions = {},
): Promise<DatasetCheck> {
  const stats = collectStats(dataset);
  const finder = options.duplicates === false ? null : new DuplicateFinder();
  const errors: string[] = [];
  const suspicions: PlacedSuspicion[] = [];
  const added: { index: number; set: SetName }[] = [];
  const order = SET_NAMES.flatMap((set) => split[set].map((index) => ({ set, index })));
  let empty = 0;
  for (const [done, { set, index }] of order.entries()) {
    throwIfAborted(options.signal);
    options.onProgress?.("images", done, order.length);
    try {
      const image = await dataset.load(index);
      stats.add(set, image);
      finder?.add(image.image);
      added.push({ index, set });
      if (!image.instances.data.some((id) => id !== 0)) empty++;
      const name = imageKey(dataset, index);
      for (const suspicion of findSuspicious(image)) suspicions.push({ ...suspicion, index, image: name });
    } catch (error) {
      if (!isRenogradeError(error) || error.tag === "InterruptedError") throw error;
      errors.push(error.message);
    }
  }
  options.onProgress?.("images", order.length, order.length);
  const pairs = await (finder?.verify(
    async (i) => {
      throwIfAborted(options.signal);
      return (await dataset.load(added[i]!.index)).image;
    },
    (done, total) => options.onProgress?.("pairs", done, total),
  ) ?? []);
  const counted = stats.finish();
  const missing = emptiness(counted, dataset);
  return {
    stats: counted,
    errors: [...errors, ...missing.errors],
    warnings: [
      ...counted.warnings,
      ...missing.warnings,
      ...(empty === 0 ? [] : [`${dataset.root}: ${empty} images have no nucleus`]),
    ],
    duplicates: pairs.map((pair) => {
      const [first, second] = [added[pair.first]!, added[pair.second]!];
      return {
        ...pair,
        images: [imageKey(dataset, first.index), imageKey(dataset, second.index)],
        sets: [first.set, second.set],
      };
    }),
    suspicions,
  };
}
