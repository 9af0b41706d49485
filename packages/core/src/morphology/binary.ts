/**
 * Binary morphology: holes, dilation by the cross, opening by the ellipse.
 *
 * @module
 */
import type { BinaryMap } from "../raster.js";
import { findRoot, joinRoots } from "./framed.js";
import { Workspace } from "./workspace.js";

/**
 * Fills holes: background components, 4-connected, that do not touch the image edge become foreground
 * (`scipy.ndimage.binary_fill_holes`). Background is joined run by run; what reaches the edge has root 0.
 */
export function fillHoles(mask: BinaryMap, workspace = new Workspace()): BinaryMap {
  const { width, height, data: source } = mask;
  const capacity = height * ((width + 1) >> 1) + 1;
  const starts = workspace.int32("holes.starts", capacity);
  const ends = workspace.int32("holes.ends", capacity);
  const parents = workspace.int32("holes.parents", capacity);
  parents[0] = 0;
  let last = 0;
  // The first run of the row above that ends behind the current one.
  let above = 1;
  for (let y = 0, p = 0; y < height; y++) {
    const rowStart = p;
    const rowEnd = p + width;
    const aboveEnd = last + 1;
    while (p < rowEnd) {
      if (source[p] !== 0) {
        p++;
        continue;
      }
      const start = p;
      do p++;
      while (p < rowEnd && source[p] === 0);
      const run = ++last;
      starts[run] = start;
      ends[run] = p;
      const outside = start === rowStart || p === rowEnd || y === 0 || y === height - 1;
      parents[run] = outside ? 0 : run;
      while (above < aboveEnd && ends[above]! + width <= start) above++;
      for (let k = above; k < aboveEnd && starts[k]! + width < p; k++) joinRoots(parents, k, run);
    }
    above = aboveEnd;
  }
  const data = new Uint8Array(width * height).fill(1);
  for (let run = 1; run <= last; run++) {
    if (findRoot(parents, run) === 0) data.fill(0, starts[run]!, ends[run]!);
  }
  return { width, height, data };
}

/**
 * Dilates a mask by the 3×3 cross, `times` times; outside the image is background
 * (`scipy.ndimage.binary_dilation`).
 */
export function dilateCross(mask: BinaryMap, times = 1): BinaryMap {
  const { width, height } = mask;
  let data: Uint8Array = Uint8Array.from(mask.data, (value) => (value === 0 ? 0 : 1));
  for (let round = 0; round < times; round++) {
    const grown = new Uint8Array(data.length);
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        if (
          data[p] !== 0 ||
          (x > 0 && data[p - 1] !== 0) ||
          (x + 1 < width && data[p + 1] !== 0) ||
          (y > 0 && data[p - width] !== 0) ||
          (y + 1 < height && data[p + width] !== 0)
        ) {
          grown[p] = 1;
        }
      }
    }
    data = grown;
  }
  return { width, height, data };
}

/**
 * Opens a mask by the 5×5 ellipse, rows 00100, 11111, 11111, 11111, 00100 (OpenCV's `MORPH_OPEN` with
 * `MORPH_ELLIPSE`): what lies outside the image neither erodes nor dilates.
 */
export function openByEllipse(mask: BinaryMap, workspace = new Workspace()): BinaryMap {
  const { width, height } = mask;
  const stride = width + 4;
  const size = stride * (height + 4);
  const padded = workspace.uint8("ellipse.padded", size).fill(1);
  const rows = workspace.uint8("ellipse.rows", size).fill(0);
  rows.fill(1, stride, 2 * stride).fill(1, (height + 2) * stride, (height + 3) * stride);
  // Middles of five foreground pixels of a row.
  const middles = workspace.int32("ellipse.middles", width * height);
  let count = 0;
  for (let y = 0; y < height; y++) {
    const start = (y + 2) * stride;
    padded.set(mask.data.subarray(y * width, (y + 1) * width), start + 2);
    let run = 0;
    for (let p = start; p < start + stride; p++) {
      run = padded[p] === 0 ? 0 : run + 1;
      if (run < 5) continue;
      rows[p - 2] = 1;
      middles[count++] = p - 2;
    }
  }
  const opened = workspace.uint8("ellipse.opened", size).fill(0);
  for (let i = 0; i < count; i++) {
    const p = middles[i]!;
    const up = p - stride;
    const down = p + stride;
    if (rows[up] === 0 || rows[down] === 0) continue;
    if (padded[up - stride] === 0 || padded[down + stride] === 0) continue;
    opened[up - stride] = 1;
    for (let x = -2; x <= 2; x++) {
      opened[up + x] = 1;
      opened[p + x] = 1;
      opened[down + x] = 1;
    }
    opened[down + stride] = 1;
  }
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + 2) * stride + 2;
    data.set(opened.subarray(start, start + width), y * width);
  }
  return { width, height, data };
}
