/**
 * Connected components of masks and of regions of equal value, numbered in raster order of their first pixel.
 *
 * @module
 */
import type { LabelMap, Raster } from "../raster.js";
import { findRoot, joinRoots, numberRoots } from "./framed.js";

/** A label map whose ids are 1…{@link count} without gaps. */
export interface LabelledMap extends LabelMap {
  readonly count: number;
}

/** Pixels that share an edge (4) or an edge or a corner (8) are neighbours. */
export type Connectivity = 4 | 8;

/**
 * Labels the connected components of the pixels that are not 0.
 *
 * @param mask - any integer raster; every value but 0 is foreground
 * @returns ids 1… in raster order of each component's first pixel, 0 on background (`skimage.measure.label` of
 *   a binary image)
 * @example
 * labelComponents({ width: 3, height: 2, data: Uint8Array.of(1, 0, 1, 0, 1, 0) }, 4).count; // 3
 */
export function labelComponents(mask: Raster<ArrayLike<number>>, connectivity: Connectivity): LabelledMap {
  const { width, height, data } = mask;
  const binary = new Uint8Array(width * height);
  for (let i = 0; i < binary.length; i++) binary[i] = data[i] === 0 ? 0 : 1;
  return labelRegions({ width, height, data: binary }, connectivity);
}

/**
 * Labels the regions of equal value: neighbours with the same value belong together (spec/postprocessing.md §3
 * step 7, with the background value left out).
 *
 * @param map - any integer raster
 * @param background - value whose pixels become 0
 * @returns ids 1… in raster order of each region's first pixel (`skimage.measure.label`)
 */
export function labelRegions(
  map: Raster<ArrayLike<number>>,
  connectivity: Connectivity,
  background = 0,
): LabelledMap {
  const { width, height, data: values } = map;
  const data = new Int32Array(width * height);
  const diagonals = connectivity === 8;
  let parents = new Int32Array(1024);
  let last = 0;
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const value = values[p]!;
      if (value === background) continue;
      let label = 0;
      if (x > 0 && values[p - 1] === value) label = data[p - 1]!;
      if (y > 0) {
        const up = p - width;
        if (values[up] === value) label = merge(parents, label, data[up]!);
        if (diagonals && x > 0 && values[up - 1] === value) label = merge(parents, label, data[up - 1]!);
        if (diagonals && x + 1 < width && values[up + 1] === value) {
          label = merge(parents, label, data[up + 1]!);
        }
      }
      if (label === 0) {
        label = ++last;
        if (last === parents.length) {
          const grown = new Int32Array(2 * parents.length);
          grown.set(parents);
          parents = grown;
        }
        parents[label] = label;
      }
      data[p] = label;
    }
  }
  for (let label = 1; label <= last; label++) parents[label] = findRoot(parents, label);
  const count = numberRoots(parents, last);
  for (let p = 0; p < data.length; p++) data[p] = parents[data[p]!]!;
  return { width, height, data, count };
}

/** Label of a pixel that has `label` (0 = none yet) and touches `other`. */
function merge(parents: Int32Array, label: number, other: number): number {
  return label === 0 || label === other ? other : joinRoots(parents, label, other);
}
