/**
 * Features of regions: each is read from the pyramid level that fits its size (Lin et al. 2017, eq. 1: side 224 on P4).
 *
 * @module
 */
import type { Backend } from "../../backend.js";
import { boxSides, step } from "./box-arithmetic.js";
import { LEVELS } from "./settings.js";

/** Levels that regions are read from: P2 … P5. */
const POOLED = LEVELS.slice(0, 4);

/** Side above which a region belongs to P3, P4, P5; lowered as torchvision does, against rounding. */
const SIDES = [112, 224, 448].map((side) => side * 2 ** -1e-6);

/** Regions in the order of their levels. */
export interface SortedRegions<T> {
  /** Where each stood before, `[R]`. */
  readonly order: T;
  /** `[R_l, 5]` for P2 … P5: image and box; null where a level is known to have none. */
  readonly levels: readonly (T | null)[];
}

/** Sorts the boxes `[R, 4]` of image 0 by level, inside the network. */
export function sortByLevel<T>(F: Backend<T>, boxes: T): SortedRegions<T> {
  const sides = boxSides(F, boxes);
  const area = F.reshape(F.mul(F.slice(sides, 1, 0, 1), F.slice(sides, 1, 1)), [-1]);
  const above = SIDES.map((side) => step(F, F.affine(area, 1, -(side ** 2))));
  const inside = POOLED.map((_, l) => {
    const from = above[l - 1] ?? F.affine(area, 0, 1);
    const to = above[l];
    return to === undefined ? from : F.sub(from, to);
  });
  const order = inside.map((mask) => F.positions(mask));
  const levels = order.map((indices) => {
    const own = F.gather(boxes, indices, 0);
    return F.concat([F.affine(F.slice(own, 1, 0, 1), 0, 0), own], 1);
  });
  return { order: F.concat(order, 0), levels };
}

/** A region of a batch. */
export interface Region {
  readonly image: number;
  /** x1, y1, x2, y2. */
  readonly box: readonly [number, number, number, number];
}

/** Sorts known regions; those of one image must stand together. */
export function sortRegions<T>(
  F: Backend<T>,
  regions: readonly Region[],
): { readonly order: readonly number[]; readonly levels: readonly (T | null)[] } {
  const numbers = regions.map(({ box }) => {
    const side = Math.sqrt(Math.max(0, (box[2] - box[0]) * (box[3] - box[1])));
    return SIDES.filter((limit) => side > limit).length;
  });
  const byLevel = POOLED.map((_, l) => [...numbers.keys()].filter((i) => numbers[i] === l));
  const levels = byLevel.map((indices) => {
    if (indices.length === 0) return null;
    const values = indices.flatMap((i) => [regions[i]!.image, ...regions[i]!.box]);
    return F.constant(values, [indices.length, 5]);
  });
  return { order: byLevel.flat(), levels };
}

/**
 * Reads sorted regions from the pyramid.
 *
 * @param pyramid P2 … P6
 * @param size cells per side
 * @returns `[R, C, size, size]`, in the order of {@link SortedRegions}
 */
export function poolRegions<T>(
  F: Backend<T>,
  pyramid: readonly T[],
  levels: readonly (T | null)[],
  size: number,
): T {
  const pooled = levels.flatMap((rois, l) =>
    rois === null ? [] : [F.roiAlign(pyramid[l]!, rois, { size, scale: 1 / POOLED[l]!.stride })],
  );
  return pooled.length === 1 ? pooled[0]! : F.concat(pooled, 0);
}
