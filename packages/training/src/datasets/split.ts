/**
 * Which image is in which set: folders as given, a seeded random split by image, slide or patient, or a fold of a
 * cross-validation (spec/training.md §10, spec/data.md §2).
 *
 * @module
 */
import { createRandom, DataError, throwIfAborted } from "@renograde/core";
import type { Dataset, SetName } from "./dataset.js";
import { balancedParts, balancedSplit, type GroupedImage } from "./split-balanced.js";
import { readSplitFile } from "./split-file.js";

/** How to split. */
export interface SplitOptions {
  /** With `image`, folders named train, valid and test are used as they are. */
  readonly by: "image" | "slide" | "patient";
  readonly seed: number;
  /** Shares of train, valid, test; they add up to 1. */
  readonly fractions: readonly [number, number, number];
  /** A split file, which decides alone; see split-file.ts. */
  readonly file?: string | null;
  /** Number of folds of a cross-validation, from 2; null or absent: none. */
  readonly folds?: number | null;
  /** Fold whose images are the test set, from 1. Default 1. */
  readonly fold?: number;
}

/** Indices into `dataset.entries` per set, ascending. */
export interface Split extends Readonly<Record<SetName, readonly number[]>> {
  /** Where it comes from, for logs: `folders`, or `random by patient, seed 10`. */
  readonly origin: string;
}

/** The sets that folders give, even an empty one; null where no folder is named after a set. */
function byFolders(dataset: Dataset): Record<SetName, number[]> | null {
  const outside = dataset.entries.filter((entry) => entry.set === null);
  if (outside.length === dataset.entries.length) return null;
  if (outside.length > 0) {
    throw new DataError(
      `${outside[0]!.imagePath}: lies in no folder named train, valid or test, as other images of ${dataset.root} do; move it into one, or give a split file (split.file)`,
    );
  }
  const sets: Record<SetName, number[]> = { train: [], valid: [], test: [] };
  for (const [index, entry] of dataset.entries.entries()) sets[entry.set!].push(index);
  return sets;
}

/** Sizes of the sets for `count` items: rounded shares, but no empty set while there are items for it. */
export function setSizes(
  count: number,
  fractions: readonly [number, number, number],
): [train: number, valid: number, test: number] {
  let valid = Math.round(count * fractions[1]);
  let test = Math.round(count * fractions[2]);
  if (fractions[1] > 0 && count >= 2) valid = Math.max(1, valid);
  if (fractions[2] > 0 && count >= 3) test = Math.max(1, test);
  while (valid + test >= count && test > 0) test--;
  while (valid + test >= count && valid > 0) valid--;
  return [count - valid - test, valid, test];
}

function randomByImage(indices: readonly number[], options: SplitOptions): Record<SetName, number[]> {
  const order = createRandom(options.seed, "split").shuffle([...indices]);
  const [train, valid] = setSizes(order.length, options.fractions);
  const sorted = (list: number[]) => list.sort((a, b) => a - b);
  return {
    train: sorted(order.slice(0, train)),
    valid: sorted(order.slice(train, train + valid)),
    test: sorted(order.slice(train + valid)),
  };
}

/** Reads every image once for its group and its nuclei per class. */
async function groupImages(
  dataset: Dataset,
  by: SplitOptions["by"],
  hooks: StratifyHooks,
): Promise<GroupedImage[]> {
  const classes = dataset.classes.classes.length;
  const images: GroupedImage[] = [];
  for (const [index, entry] of dataset.entries.entries()) {
    throwIfAborted(hooks.signal);
    const image = await dataset.load(index);
    const group = by === "image" ? entry.imagePath : image[by];
    if (group === null) {
      throw new DataError(
        `${entry.labelPath}: names no ${by}, so split.by ${by} is impossible; it needs TCGA_file_name in the .mat, a TCGA barcode in the file name, or for patients data.patientPattern (--patient-pattern); or use split.by image`,
      );
    }
    images.push({ index, group, counts: countNuclei(image.instances.data, image.classes.data, classes + 1) });
    hooks.onProgress?.(index + 1, dataset.entries.length);
  }
  return images;
}

/** Nuclei per class id of one annotation; `length` is the number of classes plus one. */
export function countNuclei(instances: Int32Array, classes: Uint8Array, length: number): Float64Array {
  const counts = new Float64Array(length);
  const seen = new Set<number>();
  for (let i = 0; i < instances.length; i++) {
    const id = instances[i]!;
    if (id === 0 || seen.has(id)) continue;
    seen.add(id);
    counts[classes[i]!]!++;
  }
  return counts;
}

/** Interruption and progress of {@link stratifiedSplit}, which reads every image. */
export interface StratifyHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Splits anew by image, slide or patient, whatever the folders say, so that every set gets its share of images and
 * of every class ({@link balancedSplit}). Depends on the seed and the data only.
 *
 * @throws DataError when slides or patients are wanted and an image names none
 */
export async function stratifiedSplit(
  dataset: Dataset,
  options: SplitOptions,
  hooks: StratifyHooks = {},
): Promise<Split> {
  const sets = balancedSplit(await groupImages(dataset, options.by, hooks), options);
  return { ...sets, origin: `random by ${options.by}, classes balanced, seed ${options.seed}` };
}

/**
 * A fold of a cross-validation: all images, whatever the folders say, in `folds` parts with balanced classes. Part
 * `fold` is the test set; of the rest the validation share is taken, whole groups again.
 *
 * @throws DataError with fewer groups than folds, or a fold that does not exist
 */
async function splitFold(dataset: Dataset, folds: number, options: SplitOptions): Promise<Split> {
  const { by, seed, fold = 1 } = options;
  if (fold > folds) throw new DataError(`split.fold: there are ${folds} folds, received ${fold}`);
  const images = await groupImages(dataset, by, {});
  const groups = new Set(images.map((image) => image.group)).size;
  if (groups < folds) {
    throw new DataError(`split.folds: ${folds} folds need as many ${by}s, and the dataset has ${groups}`);
  }
  const parts = balancedParts(images, new Array<number>(folds).fill(1 / folds), seed);
  const test = parts[fold - 1]!;
  const rest = images.filter((image) => !test.includes(image.index));
  const [train, valid] = options.fractions;
  const share = train + valid === 0 ? 0 : valid / (train + valid);
  const sets = balancedSplit(rest, { seed, fractions: [1 - share, share, 0] });
  const origin = `fold ${fold} of ${folds} by ${by}, classes balanced, seed ${seed}`;
  return { train: sets.train, valid: sets.valid, test, origin };
}

/**
 * Splits a dataset: by a split file where one is given, else into folds where they are asked for. Folders are used as
 * they are when `by` is `image`; when they lack a validation folder, its share is taken from the training images.
 * Otherwise the split is random, by slide and patient with balanced classes ({@link stratifiedSplit}), and depends on
 * the seed and the data only.
 *
 * @throws DataError when slides or patients are wanted and an image names none, the split file does not fit, or some
 * images lie in folders of sets and others do not
 */
export async function splitDataset(dataset: Dataset, options: SplitOptions): Promise<Split> {
  if (options.file !== undefined && options.file !== null) return await readSplitFile(options.file, dataset);
  if (options.folds !== undefined && options.folds !== null) {
    return await splitFold(dataset, options.folds, options);
  }
  if (options.by !== "image") return await stratifiedSplit(dataset, options);
  const folders = byFolders(dataset);
  if (folders === null) {
    const sets = randomByImage([...dataset.entries.keys()], options);
    return { ...sets, origin: `random by image, seed ${options.seed}` };
  }
  if (folders.valid.length > 0 || folders.train.length === 0) return { ...folders, origin: "folders" };
  const [train, valid] = options.fractions;
  const share = train + valid === 0 ? 0 : valid / (train + valid);
  const parts = randomByImage(folders.train, { ...options, fractions: [1 - share, share, 0] });
  return {
    train: parts.train,
    valid: parts.valid,
    test: folders.test,
    origin: `folders, validation images taken from train at random, seed ${options.seed}`,
  };
}
