/**
 * Sampling points of regions for `grid_sampler_2d`: libtorch has no RoIAlign of its own.
 *
 * @module
 */
import type { RoiAlignOptions } from "@renograde/nn";

/** The regions of one image. */
export interface Grids {
  /** Its number in the batch. */
  readonly image: number;
  /** Number of regions. */
  readonly count: number;
  /** `[count · 2·size, 2·size, 2]`: x, y of every point, −1…1 from the centre of the first to that of the last pixel. */
  readonly grid: Float64Array;
  /** `[count · 2·size, 2·size]`: 0 for points a pixel or more outside of the map, else 1; null when all are 1. */
  readonly inside: Float64Array | null;
}

/**
 * Points of every run of regions of one image; see `Backend.roiAlign`.
 *
 * @param rois `[R, 5]`: image, x1, y1, x2, y2
 */
export function roiGrids(
  rois: Float64Array,
  map: { readonly height: number; readonly width: number },
  { size, scale }: RoiAlignOptions,
): Grids[] {
  const points = 2 * size;
  const parts: Grids[] = [];
  const total = rois.length / 5;
  for (let start = 0; start < total; ) {
    const image = rois[5 * start]!;
    let end = start;
    while (end < total && rois[5 * end] === image) end++;
    const count = end - start;
    const grid = new Float64Array(count * points * points * 2);
    const inside = new Float64Array(count * points * points).fill(1);
    for (let r = 0; r < count; r++) {
      const at = 5 * (start + r);
      for (const [axis, length] of [map.width, map.height].entries()) {
        const from = rois[at + 1 + axis]! * scale;
        const side = Math.max(rois[at + 3 + axis]! * scale - from, 1);
        for (let k = 0; k < points; k++) {
          const where = from + ((k + 0.5) * side) / points;
          const unit = length === 1 ? 0 : (2 * where) / (length - 1) - 1;
          for (let other = 0; other < points; other++) {
            const p = r * points * points + (axis === 0 ? other * points + k : k * points + other);
            grid[2 * p + axis] = unit;
            if (where < -1 || where > length) inside[p] = 0;
          }
        }
      }
    }
    parts.push({ image, count, grid, inside: inside.every((v) => v === 1) ? null : inside });
    start = end;
  }
  return parts;
}
