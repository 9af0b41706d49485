/**
 * Which image is in which set: folders as given, or a seeded random split by image, slide or patient
 * (spec/training.md §10, spec/data.md §2).
 *
 * @module
 */
import { createRandom, DataError } from "@renograde/core";
import type { Dataset, SetName } from "./dataset.js";
import { SET_NAMES } from "./dataset.js";

/** How to split. */
export interface SplitOptions {
  /** With `image`, folders named train, valid and test are used as they are. */
  readonly by: "image" | "slide" | "patient";
  readonly seed: number;
  /** Shares of train, valid, test; they add up to 1. */
  readonly fractions: readonly [number, number, number];
}

/** Indices into `dataset.entries` per set, ascending. */
export interface Split extends Readonly<Record<SetName, readonly number[]>> {
  /** Where it comes from, for logs: `folders`, or `random by patient, seed 10`. */
  readonly origin: string;
}

/** What a grouped split needs to know of an image. */
export interface GroupedImage {
  readonly index: number;
  readonly group: string;
  /** Nuclei of the rarest class, for balance; grade 3 in RCCNucSeg. */
  readonly rare: number;
}

function byFolders(dataset: Dataset): Record<SetName, number[]> | null {
  if (dataset.entries.some((entry) => entry.set === null)) return null;
  const sets: Record<SetName, number[]> = { train: [], valid: [], test: [] };
  for (const [index, entry] of dataset.entries.entries()) sets[entry.set!].push(index);
  return sets.train.length === 0 ? null : sets;
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

/**
 * Distributes whole groups (slides, patients) over the sets: groups in descending order of their rare nuclei, ties
 * in seeded random order, each to the set that lacks most, measured in rare nuclei and images relative to its share.
 */
export function splitGroups(
  images: readonly GroupedImage[],
  options: Pick<SplitOptions, "seed" | "fractions">,
): Record<SetName, number[]> {
  const groups = new Map<string, { name: string; members: GroupedImage[]; rare: number }>();
  for (const image of images) {
    const group = groups.get(image.group) ?? { name: image.group, members: [], rare: 0 };
    group.members.push(image);
    group.rare += image.rare;
    groups.set(image.group, group);
  }
  const order = [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const shuffled = createRandom(options.seed, "split").shuffle(Int32Array.from(order.keys()));
  const ranked = Array.from(shuffled, (i) => order[i]!).sort((a, b) => b.rare - a.rare);
  const totals = { rare: images.reduce((sum, i) => sum + i.rare, 0), images: images.length };
  const have = SET_NAMES.map((name, i) => ({ name, share: options.fractions[i]!, rare: 0, images: 0 }));
  const sets: Record<SetName, number[]> = { train: [], valid: [], test: [] };
  for (const group of ranked) {
    let best = have[0]!;
    let bestNeed = Number.NEGATIVE_INFINITY;
    for (const set of have) {
      if (set.share === 0) continue;
      const imageNeed = 1 - set.images / (set.share * totals.images);
      const rareNeed = totals.rare === 0 ? 0 : 1 - set.rare / (set.share * totals.rare);
      const need = imageNeed + (group.rare > 0 ? rareNeed : 0);
      if (need > bestNeed) {
        best = set;
        bestNeed = need;
      }
    }
    best.rare += group.rare;
    best.images += group.members.length;
    sets[best.name].push(...group.members.map((m) => m.index));
  }
  for (const name of SET_NAMES) sets[name].sort((a, b) => a - b);
  return sets;
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

async function groupImages(dataset: Dataset, by: "slide" | "patient"): Promise<GroupedImage[]> {
  const totals = new Float64Array(dataset.classes.classes.length + 1);
  const perImage: { group: string; counts: Float64Array }[] = [];
  for (const index of dataset.entries.keys()) {
    const image = await dataset.load(index);
    const group = image[by];
    if (group === null) {
      throw new DataError(
        `${dataset.entries[index]!.labelPath}: names no ${by}, so split.by ${by} is impossible; it needs TCGA_file_name in the .mat or a TCGA barcode in the file name; use split.by image`,
      );
    }
    const counts = countNuclei(image.instances.data, image.classes.data, totals.length);
    for (let c = 0; c < totals.length; c++) totals[c]! += counts[c]!;
    perImage.push({ group, counts });
  }
  let rarest = 1;
  for (let c = 2; c < totals.length; c++) {
    if (totals[c]! > 0 && (totals[rarest] === 0 || totals[c]! < totals[rarest]!)) rarest = c;
  }
  return perImage.map(({ group, counts }, index) => ({ index, group, rare: counts[rarest]! }));
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

/**
 * Splits a dataset. Folders are used as they are when `by` is `image`; when they lack a validation folder, its share
 * is taken from the training images. Otherwise the split is random and depends on the seed and the names only.
 *
 * @throws DataError when slides or patients are wanted and an image names none, or a set would be empty of training
 */
export async function splitDataset(dataset: Dataset, options: SplitOptions): Promise<Split> {
  const folders = options.by === "image" ? byFolders(dataset) : null;
  if (folders !== null) {
    if (folders.valid.length > 0) return { ...folders, origin: "folders" };
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
  const sets =
    options.by === "image"
      ? randomByImage([...dataset.entries.keys()], options)
      : splitGroups(await groupImages(dataset, options.by), options);
  return { ...sets, origin: `random by ${options.by}, seed ${options.seed}` };
}
