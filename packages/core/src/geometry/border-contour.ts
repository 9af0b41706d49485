/**
 * Contours through pixel centres as OpenCV and HoVer-Net write them, and the way back to pixels
 * (spec/postprocessing.md §10).
 *
 * @module
 */
import { frameParts } from "../morphology/framed-parts.js";
import { Workspace } from "../morphology/workspace.js";
import type { LabelMap } from "../raster.js";
import { forEachSpan, type PointList } from "./rasterize.js";

/** Contour points `x0, y0, x1, y1, …`, not closed. */
export type Contour = Int32Array;

/**
 * Follows the outer border of the largest 8-connected component of every instance (the first in raster order
 * among equals) and keeps the points where it turns: OpenCV's `findContours` with `RETR_EXTERNAL` and
 * `CHAIN_APPROX_SIMPLE`, point for point. Holes are not part of it.
 *
 * @returns contours by label, in raster order of each label's first pixel; a single pixel gives one point
 */
export function borderContours(labels: LabelMap, workspace = new Workspace()): Map<number, Contour> {
  const parts = frameParts(labels, 8, workspace);
  const { runs, map, stride } = parts;
  const areas = new Int32Array(parts.count + 1);
  const starts = new Int32Array(parts.count + 1);
  const owners = new Int32Array(parts.count + 1);
  for (let run = 0; run < runs.count; run++) {
    const part = parts.ofRun[run]!;
    const start = runs.table[4 * run + 1]!;
    if (areas[part] === 0) {
      starts[part] = start + stride + 1 + 2 * runs.table[4 * run + 3]!;
      owners[part] = runs.table[4 * run]!;
    }
    areas[part]! += runs.table[4 * run + 2]! - start;
  }
  const largest = new Map<number, number>();
  for (let part = 1; part <= parts.count; part++) {
    const known = largest.get(owners[part]!);
    if (known === undefined || areas[part]! > areas[known]!) largest.set(owners[part]!, part);
  }
  const contours = new Map<number, Contour>();
  for (const [label, part] of largest) contours.set(label, followBorder(map, stride, starts[part]!));
  return contours;
}

/**
 * Border following of Suzuki and Abe (1985) from the first pixel of a part in raster order. Directions are numbered
 * counter-clockwise on screen from east.
 */
function followBorder(parts: Int32Array, stride: number, start: number): Contour {
  const part = parts[start]!;
  const offsets = [1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1];
  const points: number[] = [];
  const add = (p: number): void => {
    points.push((p % stride) - 1, Math.floor(p / stride) - 1);
  };
  // The last pixel of the border: the first met clockwise from west.
  let back = 4;
  do back = (back - 1) & 7;
  while (back !== 4 && parts[start + offsets[back]!] !== part);
  if (back === 4) {
    add(start);
    return Int32Array.from(points);
  }
  const last = start + offsets[back]!;
  let p = start;
  let previous = back ^ 4;
  for (;;) {
    do back = (back + 1) & 7;
    while (parts[p + offsets[back]!] !== part);
    if (back !== previous) {
      add(p);
      previous = back;
    }
    const next = p + offsets[back]!;
    if (next === start && p === last) return Int32Array.from(points);
    p = next;
    back = (back + 4) & 7;
  }
}

/**
 * Paints a contour into a label map in place: everything inside and the contour's own pixels, which gives back the
 * component it was traced from with its holes filled.
 *
 * @param contour - pixel coordinates of the corners; segments between them are drawn as straight lines
 */
export function fillContour(labels: LabelMap, contour: PointList, label: number): void {
  const { width, height, data } = labels;
  forEachSpan([contour], width, height, "lattice", (y, from, to) => {
    data.fill(label, y * width + from, y * width + to);
  });
  const n = contour.length;
  for (let i = 0; i + 1 < n; i += 2) {
    const j = i + 2 < n ? i + 2 : 0;
    const x0 = contour[i]!;
    const y0 = contour[i + 1]!;
    const dx = contour[j]! - x0;
    const dy = contour[j + 1]! - y0;
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy))));
    for (let s = 0; s <= steps; s++) {
      const x = Math.round(x0 + (dx * s) / steps);
      const y = Math.round(y0 + (dy * s) / steps);
      if (x >= 0 && y >= 0 && x < width && y < height) data[y * width + x] = label;
    }
  }
}
