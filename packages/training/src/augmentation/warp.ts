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
  const { window, crop, inverse, mirrorX, mirrorY, interpolation } = warp;
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
  const inset = (window - crop) / 2;
  const nearest = interpolation === "nearest";
  const { a, b, tx, c, d, ty } = inverse;
  for (let y = 0, to = 0; y < crop; y++) {
    const qy = inset + (mirrorY ? crop - 1 - y : y);
    for (let x = 0; x < crop; x++, to++) {
      const qx = inset + (mirrorX ? crop - 1 - x : x);
      const u = a * qx + b * qy + tx;
      const v = c * qx + d * qy + ty;
      const column = Math.floor(u + 0.5);
      const row = Math.floor(v + 0.5);
      const inside = column >= 0 && row >= 0 && column < window && row < window;
      if (inside) {
        const from = rows[row]! + columns[column]!;
        patch.instances[to] = image.instances[from]!;
        patch.classes[to] = image.classes[from]!;
        patch.distance[to] = image.distance[from]!;
        if (nearest) {
          patch.rgb[to * 3] = image.rgb[from * 3]!;
          patch.rgb[to * 3 + 1] = image.rgb[from * 3 + 1]!;
          patch.rgb[to * 3 + 2] = image.rgb[from * 3 + 2]!;
        }
      }
      if (!nearest) mixPixel(image.rgb, rows, columns, u, v, patch.rgb, to * 3);
    }
  }
  return patch;
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
