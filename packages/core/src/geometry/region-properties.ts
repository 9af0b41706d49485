/**
 * Size and shape of every instance of a label map.
 *
 * @module
 */

import { boxesOfRuns } from "../morphology/label-boxes.js";
import { type LabelRuns, labelRuns } from "../morphology/label-runs.js";
import { Workspace } from "../morphology/workspace.js";
import type { LabelMap } from "../raster.js";
import { convexPixelCount } from "./convex-hull.js";

/** Properties in pixels; every array is indexed by label, entry 0 unused, 0 for labels that do not occur. */
export interface RegionProperties {
  /** Greatest label. */
  readonly count: number;
  readonly area: Int32Array;
  /** `boxes[4 * label …]` = rowMin, colMin, rowMax, colMax; maxima exclusive. */
  readonly boxes: Int32Array;
  /** Mean pixel coordinates; the centre of the top-left pixel is (0, 0). */
  readonly centroidX: Float64Array;
  readonly centroidY: Float64Array;
  /** Axes of the ellipse with the same second moments. */
  readonly majorAxis: Float64Array;
  readonly minorAxis: Float64Array;
  /** Of that ellipse, 0 (circle) … 1 (line). */
  readonly eccentricity: Float64Array;
  readonly perimeter: Float64Array;
  /** Area over the pixels of the convex hull, 0…1. */
  readonly solidity: Float64Array;
}

/**
 * Measures every instance, in all its pieces together, with the conventions of `skimage.measure.regionprops`:
 * axes 4·√λ of the second central moments (without the 1/12 of a pixel's own extent), the 4-neighbourhood
 * perimeter of Benkrid and Crookes, and the convex hull of the pixels' edge midpoints.
 *
 * @param labels - ids may have holes
 * @throws DataError when a label is negative
 */
export function regionProperties(labels: LabelMap, workspace = new Workspace()): RegionProperties {
  const { width } = labels;
  const runs = labelRuns(labels, workspace);
  const { last } = runs;
  const boxes = boxesOfRuns(runs, width);
  const table = (): Float64Array => new Float64Array(last + 1);
  const area = new Int32Array(last + 1);
  const rows = new Int32Array(last + 2);
  for (let label = 0; label <= last; label++) {
    rows[label + 1] = rows[label]! + boxes[4 * label + 2]! - boxes[4 * label]!;
  }
  const lefts = workspace.int32("regions.lefts", rows[last + 1]!).fill(-1);
  const rights = workspace.int32("regions.rights", rows[last + 1]!);
  const sumX = table();
  const sumY = table();
  const sumXX = table();
  const sumXY = table();
  const sumYY = table();
  // Sums over a run have closed forms. Coordinates are taken from the box's corner, so all sums are exact integers.
  for (let i = 0; i < 4 * runs.count; i += 4) {
    const label = runs.table[i]!;
    const y = runs.table[i + 3]!;
    const row = y - boxes[4 * label]!;
    const a = runs.table[i + 1]! - y * width - boxes[4 * label + 1]!;
    const n = runs.table[i + 2]! - runs.table[i + 1]!;
    const b = a + n - 1;
    const sum = ((a + b) * n) / 2;
    area[label]! += n;
    sumX[label]! += sum;
    sumY[label]! += row * n;
    sumXX[label]! += (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) / 6;
    sumXY[label]! += row * sum;
    sumYY[label]! += row * row * n;
    const slot = rows[label]! + row;
    if (lefts[slot] === -1) lefts[slot] = a;
    rights[slot] = b;
  }
  const perimeter = measurePerimeters(labels, runs, workspace);
  const [centroidX, centroidY] = [table(), table()];
  const [majorAxis, minorAxis, eccentricity, solidity] = [table(), table(), table(), table()];
  for (let label = 1; label <= last; label++) {
    const n = area[label]!;
    if (n === 0) continue;
    const meanX = sumX[label]! / n;
    const meanY = sumY[label]! / n;
    centroidX[label] = boxes[4 * label + 1]! + meanX;
    centroidY[label] = boxes[4 * label]! + meanY;
    const xx = sumXX[label]! / n - meanX * meanX;
    const yy = sumYY[label]! / n - meanY * meanY;
    const xy = sumXY[label]! / n - meanX * meanY;
    const half = Math.hypot((xx - yy) / 2, xy);
    const major = (xx + yy) / 2 + half;
    const minor = Math.max(0, (xx + yy) / 2 - half);
    majorAxis[label] = 4 * Math.sqrt(major);
    minorAxis[label] = 4 * Math.sqrt(minor);
    eccentricity[label] = major === 0 ? 0 : Math.sqrt(1 - minor / major);
    const from = rows[label]!;
    const to = rows[label + 1]!;
    solidity[label] = n / convexPixelCount(lefts.subarray(from, to), rights.subarray(from, to));
  }
  return {
    count: last,
    area,
    boxes,
    centroidX,
    centroidY,
    majorAxis,
    minorAxis,
    eccentricity,
    perimeter,
    solidity,
  };
}

/** Weight of a border pixel by 1 + 2·(border pixels beside it) + 10·(border pixels at its corners). */
const PERIMETER_WEIGHTS = (() => {
  const weights = new Float64Array(50);
  for (const code of [5, 7, 15, 17, 25, 27]) weights[code] = 1;
  for (const code of [21, 33]) weights[code] = Math.SQRT2;
  for (const code of [13, 23]) weights[code] = (1 + Math.SQRT2) / 2;
  return weights;
})();

/**
 * Perimeters after Benkrid and Crookes: border pixels have a 4-neighbour outside their instance (outside the image
 * is outside), and each counts by how the border goes on around it.
 */
function measurePerimeters(labels: LabelMap, runs: LabelRuns, workspace: Workspace): Float64Array {
  const { width, height, data } = labels;
  const { last, table } = runs;
  const stride = width + 2;
  // The border pixels' labels, in a frame.
  const border = workspace.int32("regions.border", stride * (height + 2)).fill(0);
  let area = 0;
  for (let i = 0; i < 4 * runs.count; i += 4) area += table[i + 2]! - table[i + 1]!;
  const pixels = workspace.int32("regions.pixels", area);
  let count = 0;
  for (let i = 0; i < 4 * runs.count; i += 4) {
    const label = table[i]!;
    const start = table[i + 1]!;
    const end = table[i + 2]!;
    const y = table[i + 3]!;
    const inner = y > 0 && y + 1 < height;
    for (let p = start; p < end; p++) {
      // The ends of a run are border: beside them lies another label or the outside.
      if (inner && p > start && p + 1 < end && data[p - width] === label && data[p + width] === label)
        continue;
      const q = p + stride + 1 + 2 * y;
      border[q] = label;
      pixels[count++] = q;
    }
  }
  const codes = new Int32Array((last + 1) * 50);
  for (let i = 0; i < count; i++) {
    const q = pixels[i]!;
    const label = border[q]!;
    let code = 1;
    if (border[q - 1] === label) code += 2;
    if (border[q + 1] === label) code += 2;
    if (border[q - stride] === label) code += 2;
    if (border[q + stride] === label) code += 2;
    if (border[q - stride - 1] === label) code += 10;
    if (border[q - stride + 1] === label) code += 10;
    if (border[q + stride - 1] === label) code += 10;
    if (border[q + stride + 1] === label) code += 10;
    codes[label * 50 + code]!++;
  }
  const perimeters = new Float64Array(last + 1);
  for (let label = 1; label <= last; label++) {
    let sum = 0;
    for (let code = 0; code < 50; code++) sum += codes[label * 50 + code]! * PERIMETER_WEIGHTS[code]!;
    perimeters[label] = sum;
  }
  return perimeters;
}
