/**
 * Distributes whole groups of images (slides, patients, or single images) over the sets so that the sets keep their
 * shares of images and of every class (spec/data.md §2).
 *
 * Groups go, the largest first and those of equal size in seeded random order, to the set that lacks most images.
 * Then groups move or change places with groups of other sets as long as that brings the class counts nearer to
 * their shares. The best of several such starts is kept. Everything follows from the seed and the order of the images.
 *
 * @module
 */
import { createRandom, DataError } from "@renograde/core";
import type { SetName } from "./dataset.js";

/** What is known of an image. */
export interface GroupedImage {
  readonly index: number;
  /** Images of one group stay in one set. */
  readonly group: string;
  /** Nuclei by class id; entry 0 is not used. */
  readonly counts: ArrayLike<number>;
}

/** Seed and shares of train, valid and test. */
export interface BalanceOptions {
  readonly seed: number;
  readonly fractions: readonly [number, number, number];
}

interface Group {
  readonly members: number[];
  /** Images, then nuclei per class, each relative to the whole data set. */
  readonly shares: Float64Array;
  set: number;
}

/** Weight of the number of images beside one class. */
const IMAGE_WEIGHT = 4;
const MOST_PASSES = 12;
/** Random orders to start from, of which the best result is kept; two where groups are many and nearly any fits. */
const STARTS = 16;
const MANY_GROUPS = 300;
/** Improvements smaller than this are rounding. */
const LEAST_GAIN = 1e-12;

function makeGroups(images: readonly GroupedImage[]): Group[] {
  const classes = Math.max(1, ...images.map((image) => image.counts.length)) - 1;
  const totals = new Float64Array(classes + 1);
  const groups = new Map<string, Group>();
  for (const { group: name, index, counts } of images) {
    const group = groups.get(name) ?? { members: [], shares: new Float64Array(classes + 1), set: -1 };
    groups.set(name, group);
    group.members.push(index);
    group.shares[0]! += 1;
    totals[0]! += 1;
    for (let c = 1; c <= classes; c++) {
      group.shares[c]! += counts[c] ?? 0;
      totals[c]! += counts[c] ?? 0;
    }
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  for (const { shares } of sorted) for (let c = 0; c <= classes; c++) shares[c]! /= totals[c] || 1;
  return sorted;
}

/** How far a set is from its share: squared errors relative to it. */
function costOf(have: Float64Array, share: number, plus?: Float64Array, minus?: Float64Array): number {
  let cost = 0;
  for (let c = 0; c < have.length; c++) {
    const error = have[c]! + (plus?.[c] ?? 0) - (minus?.[c] ?? 0) - share;
    cost += (c === 0 ? IMAGE_WEIGHT : 1) * error * error;
  }
  return cost / share;
}

/** One pass over all groups, each to the best move or exchange; returns whether anything changed. */
function improve(
  groups: readonly Group[],
  have: readonly Float64Array[],
  fractions: readonly number[],
): boolean {
  const sizes = fractions.map((_, s) => groups.filter((group) => group.set === s).length);
  // Groups of one size already fill the sets as their shares say: only exchanges keep that.
  const movable = groups.some((group) => group.members.length !== groups[0]!.members.length);
  let changed = false;
  const apply = (group: Group, to: number): void => {
    for (let c = 0; c < group.shares.length; c++) {
      have[group.set]![c]! -= group.shares[c]!;
      have[to]![c]! += group.shares[c]!;
    }
    sizes[group.set]!--;
    sizes[to]!++;
    group.set = to;
  };
  for (const group of groups) {
    const from = group.set;
    let bestGain = LEAST_GAIN;
    let best: { to: number; other: Group | null } | null = null;
    const before = fractions.map((share, s) => (share > 0 ? costOf(have[s]!, share) : 0));
    const consider = (to: number, other: Group | null): void => {
      const gain =
        before[from]! +
        before[to]! -
        costOf(have[from]!, fractions[from]!, other?.shares, group.shares) -
        costOf(have[to]!, fractions[to]!, group.shares, other?.shares);
      if (gain > bestGain) {
        bestGain = gain;
        best = { to, other };
      }
    };
    for (const other of groups) {
      if (other.set !== from) consider(other.set, other);
    }
    if (movable && sizes[from]! > 1) {
      for (const [to, share] of fractions.entries()) if (to !== from && share > 0) consider(to, null);
    }
    // The assignments happen in a function, which the compiler does not follow.
    const chosen = best as { to: number; other: Group | null } | null;
    if (chosen === null) continue;
    apply(group, chosen.to);
    if (chosen.other !== null) apply(chosen.other, from);
    changed = true;
  }
  return changed;
}

/** Sets every group's set from one random order; returns what the sets lack. */
function distribute(groups: readonly Group[], order: Int32Array, fractions: readonly number[]): number {
  const have = fractions.map(() => new Float64Array(groups[0]!.shares.length));
  const ranked = Array.from(order, (i) => groups[i]!).sort((a, b) => b.members.length - a.members.length);
  for (const group of ranked) {
    let most = Number.NEGATIVE_INFINITY;
    for (const [s, share] of fractions.entries()) {
      const need = share === 0 ? Number.NEGATIVE_INFINITY : 1 - have[s]![0]! / share;
      if (need > most) {
        most = need;
        group.set = s;
      }
    }
    for (let c = 0; c < group.shares.length; c++) have[group.set]![c]! += group.shares[c]!;
  }
  for (let pass = 0; pass < MOST_PASSES; pass++) if (!improve(ranked, have, fractions)) break;
  return fractions.reduce((sum, share, s) => sum + (share > 0 ? costOf(have[s]!, share) : 0), 0);
}

/**
 * Distributes images over as many parts as there are shares. Groups of one size, such as single images, give parts
 * of the sizes their shares say, rounded.
 *
 * @param fractions - shares of the parts; they add up to 1
 * @returns indices per part, ascending; no part with a share is empty as long as there are groups for it
 * @throws DataError when there are no images
 */
export function balancedParts(
  images: readonly GroupedImage[],
  fractions: readonly number[],
  seed: number,
): number[][] {
  if (images.length === 0) throw new DataError("there are no images to split");
  const groups = makeGroups(images);
  const random = createRandom(seed, "split");
  let best: readonly number[] = [];
  let bestCost = Number.POSITIVE_INFINITY;
  for (let start = 0; start < (groups.length > MANY_GROUPS ? 2 : STARTS); start++) {
    const cost = distribute(groups, random.shuffle(Int32Array.from(groups.keys())), fractions);
    if (cost >= bestCost) continue;
    bestCost = cost;
    best = groups.map((group) => group.set);
  }
  const membersOf = (s: number): number[] =>
    groups
      .filter((_, g) => best[g] === s)
      .flatMap((group) => group.members)
      .sort((a, b) => a - b);
  return fractions.map((_, s) => membersOf(s));
}

/** {@link balancedParts} as the three sets. @throws DataError when there are no images */
export function balancedSplit(
  images: readonly GroupedImage[],
  options: BalanceOptions,
): Record<SetName, number[]> {
  const [train, valid, test] = balancedParts(images, options.fractions, options.seed);
  return { train: train!, valid: valid!, test: test! };
}
