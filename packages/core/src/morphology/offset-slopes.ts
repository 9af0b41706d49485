/**
 * Slopes of HoVer-Net's offset maps by Sobel's operator of 21 taps (spec/postprocessing.md §7 steps 2 to 4). Internal
 * to post-processing.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { FloatMap } from "../raster.js";
import { type FramedLabels, rowOf } from "./framed.js";
import {
  type Band,
  borrowBand,
  filterColumns,
  filterRows,
  mirrored,
  type PairedKernel,
  REACH,
} from "./separable.js";
import type { Workspace } from "./workspace.js";

/** Smoothing: C(20, 10 + k). */
const SMOOTH: PairedKernel = {
  weights: [184756, 167960, 125970, 77520, 38760, 15504, 4845, 1140, 190, 20, 1],
  sign: 1,
};
/** Derivative, C(19, k) convolved with [−1, 1]: C(19, 9 + k) − C(19, 10 + k). */
const SLOPE: PairedKernel = {
  weights: [0, 16796, 25194, 23256, 15504, 7752, 2907, 798, 152, 18, 1],
  sign: -1,
};

/** Rows worked on at a time, which stay in the processor's cache; a multiple of 4. */
const ROWS = 32;

/**
 * Slope of a map along its own direction, scaled to 0…1 over the whole image, at the listed pixels.
 *
 * @param target - receives a slope per listed pixel; 0 when the slope is the same everywhere
 * @throws DataError when a value of the map is not finite
 */
export function slopesAt(
  offsets: FloatMap,
  direction: "horizontal" | "vertical",
  listed: FramedLabels,
  target: Float64Array,
  workspace: Workspace,
): void {
  const { width, height } = offsets;
  const extent = finiteExtent(offsets, direction);
  const scaled = borrowBand("slopes.scaled", width, ROWS, workspace);
  const between = borrowBand("slopes.between", width, ROWS, workspace);
  const slopes = borrowBand("slopes.result", width, ROWS, workspace);
  const isHorizontal = direction === "horizontal";
  let low = Infinity;
  let high = -Infinity;
  let next = 0;
  for (let top = 0; top < height; top += ROWS) {
    // Rows the columns' filter shares with the band before; mirrored beyond the image.
    if (top > 0) scrollUp(isHorizontal ? between : scaled);
    const from = top > 0 ? REACH : -REACH;
    scaleRows(offsets, extent, top, from, scaled);
    if (isHorizontal) {
      filterRows(scaled, between, SLOPE, from, ROWS + REACH);
      filterColumns(between, slopes, SMOOTH, 0, ROWS);
    } else {
      filterColumns(scaled, between, SLOPE, 0, ROWS);
      filterRows(between, slopes, SMOOTH, 0, ROWS);
    }
    const { stride, origin, data } = slopes;
    const end = origin + Math.min(ROWS, height - top) * stride;
    for (let start = origin; start < end; start += stride) {
      for (let p = start; p < start + width; p++) {
        const value = data[p]!;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    for (; next < listed.count; next++) {
      const p = listed.pixels[next]!;
      const y = rowOf(listed, p);
      if (y >= top + ROWS) break;
      target[next] = data[origin + (y - top) * stride + p - (y + 1) * listed.stride - 1]!;
    }
  }
  const range = high - low;
  for (let i = 0; i < listed.count; i++) target[i] = range > 0 ? (target[i]! - low) / range : 0;
}

/** Moves the last 2 · REACH rows of a band to its start. */
function scrollUp({ stride, data }: Band): void {
  data.copyWithin(0, ROWS * stride, (ROWS + 2 * REACH) * stride);
}

/** Least and greatest value. */
interface Extent {
  readonly low: number;
  readonly high: number;
}

function finiteExtent({ width, data }: FloatMap, direction: string): Extent {
  let low = Infinity;
  let high = -Infinity;
  // Not a number when a value is infinite or NaN.
  let zero = 0;
  for (let p = 0; p < data.length; p++) {
    const value = data[p]!;
    zero += value * 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (zero === 0) return { low, high };
  const p = data.findIndex((value) => !Number.isFinite(value));
  throw new DataError(
    `${direction} offsets hold ${data[p]} at pixel (${p % width}, ${Math.floor(p / width)}); the network or its input is broken`,
  );
}

/**
 * Fills the band from row `from` on with the image's rows from `top + from` on, scaled to 0…1 in float32; a constant
 * map becomes 0.
 */
function scaleRows(
  { width, height, data }: FloatMap,
  { low, high }: Extent,
  top: number,
  from: number,
  { origin, stride, data: into }: Band,
): void {
  // The share of an endless range is 0.
  const range = Math.fround(high - low) || Infinity;
  for (let row = from; row < ROWS + REACH; row++) {
    let to = origin + row * stride;
    let p = mirrored(top + row, height) * width;
    for (const end = p + width; p < end; p++, to++) {
      into[to] = Math.fround(Math.fround(data[p]! - low) / range);
    }
  }
}
