/**
 * The geometric half of the augmentation in one pass: an affine map of the window, mirroring, central crop
 * (spec/training.md §6 steps 1 to 4). Only pixels of the crop are computed, straight from the image.
 *
 * @module
 */
import { type Patch, type PatchWindow, type PreparedImage, reflectIndex } from "../targets/windows.js";
import type { AffineMatrix } from "./affine.js";

/** How the pixels of the image are taken; labels are always those of the nearest pixel. */
export type Interpolation = "nearest" | "bilinear";

/** What {@link warpCrop} does. */
export interface Warp {
  /** Side of the window the map acts on, and of the crop from its centre; the difference is even. */
  readonly window: number;
  readonly crop: number;
  /** From output to input pixels of the window. */
  readonly inverse: AffineMatrix;
  /** Reverse the columns, the rows, after the map. */
  readonly mirrorX: boolean;
  readonly mirrorY: boolean;
  readonly interpolation: Interpolation;
}

/** Image index (times `stride`) of every row or column of a window that starts at `from`. */
function windowIndices(from: number, window: number, length: number, stride: number): Int32Array {
  return Int32Array.from({ length: window }, (_, i) => reflectIndex(from + i, length) * stride);
}

/**
 * Cuts the window at `at` out of an image (continued by reflection), maps it, mirrors it and returns the central
 * crop. What the map takes from outside the window is 0. Nearest pixels are floor(x + 0.5).
 */
export function warpCrop(image: PreparedImage, at: PatchWindow, warp: Warp): Patch {
  const { window, crop } = warp;
  const columns = windowIndices(at.left, window, image.width, 1);
  const rows = windowIndices(at.top, window, image.height, image.width);
  const pixels = crop * crop;
  const patch = {
    size: crop,
    rgb: new Uint8Array(pixels * 3),
    instances: new Int32Array(pixels),
    classes: new Uint8Array(pixels),
    distance: new Uint8Array(pixels),
  };
  moveNearest(image, rows, columns, warp, patch);
  if (warp.interpolation === "bilinear") mixImage(image.rgb, rows, columns, warp, patch.rgb);
  return patch;
}

/** First row or column of the window that the crop shows, and the step to the next. */
function progress({ window, crop }: Warp, mirror: boolean): { first: number; step: number } {
  const inset = (window - crop) / 2;
  return mirror ? { first: inset + crop - 1, step: -1 } : { first: inset, step: 1 };
}

/** Fills a patch of zeros with the nearest pixels. */
function moveNearest(
  { rgb, instances, classes, distance }: PreparedImage,
  rows: Int32Array,
  columns: Int32Array,
  warp: Warp,
  patch: Patch,
): void {
  const { window, crop } = warp;
  const { a, b, tx, c, d, ty } = warp.inverse;
  const across = progress(warp, warp.mirrorX);
  const down = progress(warp, warp.mirrorY);
  const { rgb: toRgb, instances: toInstances, classes: toClasses, distance: toDistance } = patch;
  for (let y = 0, to = 0; y < crop; y++) {
    const qy = down.first + y * down.step;
    const bqy = b * qy;
    const dqy = d * qy;
    for (let x = 0; x < crop; x++, to++) {
      const qx = across.first + x * across.step;
      const u = a * qx + bqy + tx + 0.5;
      const v = c * qx + dqy + ty + 0.5;
      const column = u | 0;
      const row = v | 0;
      if (!(u >= 0 && v >= 0 && column < window && row < window)) continue;
      const from = rows[row]! + columns[column]!;
      toInstances[to] = instances[from]!;
      toClasses[to] = classes[from]!;
      toDistance[to] = distance[from]!;
      toRgb[to * 3] = rgb[from * 3]!;
      toRgb[to * 3 + 1] = rgb[from * 3 + 1]!;
      toRgb[to * 3 + 2] = rgb[from * 3 + 2]!;
    }
  }
}

/** Replaces the image of a patch by bilinear means. */
function mixImage(
  rgb: Uint8Array,
  rows: Int32Array,
  columns: Int32Array,
  warp: Warp,
  result: Uint8Array,
): void {
  const { a, b, tx, c, d, ty } = warp.inverse;
  const across = progress(warp, warp.mirrorX);
  const down = progress(warp, warp.mirrorY);
  for (let y = 0, to = 0; y < warp.crop; y++) {
    const qy = down.first + y * down.step;
    for (let x = 0; x < warp.crop; x++, to += 3) {
      const qx = across.first + x * across.step;
      mixPixel(rgb, rows, columns, a * qx + b * qy + tx, c * qx + d * qy + ty, result, to);
    }
  }
}

/** Bilinear mean of the four pixels around (u, v), 0 beyond the window, rounded. */
function mixPixel(
  rgb: Uint8Array,
  rows: Int32Array,
  columns: Int32Array,
  u: number,
  v: number,
  result: Uint8Array,
  to: number,
): void {
  const left = Math.floor(u);
  const top = Math.floor(v);
  const fx = u - left;
  const fy = v - top;
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let j = 0; j < 2; j++) {
    const y = top + j;
    if (y < 0 || y >= rows.length) continue;
    for (let i = 0; i < 2; i++) {
      const x = left + i;
      if (x < 0 || x >= columns.length) continue;
      const weight = (j === 0 ? 1 - fy : fy) * (i === 0 ? 1 - fx : fx);
      const from = (rows[y]! + columns[x]!) * 3;
      red += weight * rgb[from]!;
      green += weight * rgb[from + 1]!;
      blue += weight * rgb[from + 2]!;
    }
  }
  result[to] = Math.floor(red + 0.5);
  result[to + 1] = Math.floor(green + 0.5);
  result[to + 2] = Math.floor(blue + 0.5);
}
