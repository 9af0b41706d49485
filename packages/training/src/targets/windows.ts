/**
 * Where the training patches of an image lie and how they are cut (spec/training.md §5): the image is padded by
 * reflection so that the central parts of the windows tile it.
 *
 * @module
 */
import { ShapeError } from "@renograde/core";

/** A window's top-left corner in image pixels; negative = in the padding. */
export interface PatchWindow {
  readonly top: number;
  readonly left: number;
}

/**
 * Index of `i` in a line of `length` pixels continued by reflection without repeating the edge pixel, period
 * 2(length − 1), as NumPy's `reflect`. A line of one pixel repeats it.
 */
export function reflectIndex(i: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const m = ((i % period) + period) % period;
  return m < length ? m : period - m;
}

function starts(length: number, window: number, step: number): { grid: number[]; flush: number | null } {
  const pad = Math.floor((window - step) / 2);
  const free = length + (window - step) - window;
  if (free < 0) return { grid: [Math.floor((length - window) / 2)], flush: null };
  const grid: number[] = [];
  for (let at = 0; at <= free; at += step) grid.push(at - pad);
  return { grid, flush: free % step === 0 ? null : free - pad };
}

/**
 * The windows of one image in the published order: row-major on the grid of `step`, then, where `step` does not
 * divide the side, windows flush with the bottom edge, with the right edge, and in the corner (spec/data.md §3).
 * An image side shorter than `step` gets one centred window.
 */
export function planWindows(width: number, height: number, window: number, step: number): PatchWindow[] {
  if (step < 1 || window < step) {
    throw new ShapeError(
      `patch windows: expected 1 <= step <= window, received step ${step}, window ${window}`,
    );
  }
  const rows = starts(height, window, step);
  const columns = starts(width, window, step);
  const result: PatchWindow[] = [];
  for (const top of rows.grid) for (const left of columns.grid) result.push({ top, left });
  if (rows.flush !== null) for (const left of columns.grid) result.push({ top: rows.flush, left });
  if (columns.flush !== null) for (const top of rows.grid) result.push({ top, left: columns.flush });
  if (rows.flush !== null && columns.flush !== null) result.push({ top: rows.flush, left: columns.flush });
  return result;
}

/** Pixels and labels of a training image, with its distance map. */
export interface PreparedImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** RGB, interleaved. */
  readonly rgb: Uint8Array;
  readonly instances: Int32Array;
  readonly classes: Uint8Array;
  /** trunc(255 · distance), 0…255 (spec/training.md §3). */
  readonly distance: Uint8Array;
}

/** A square piece of a {@link PreparedImage}. */
export interface Patch {
  readonly size: number;
  /** RGB, interleaved. */
  readonly rgb: Uint8Array;
  readonly instances: Int32Array;
  readonly classes: Uint8Array;
  readonly distance: Uint8Array;
}

/** Cuts the square of `size` px whose top-left corner is at (`top`, `left`), continued by reflection. */
export function cutPatch(image: PreparedImage, top: number, left: number, size: number): Patch {
  const columns = new Int32Array(size);
  for (let x = 0; x < size; x++) columns[x] = reflectIndex(left + x, image.width);
  const rgb = new Uint8Array(size * size * 3);
  const instances = new Int32Array(size * size);
  const classes = new Uint8Array(size * size);
  const distance = new Uint8Array(size * size);
  let to = 0;
  for (let y = 0; y < size; y++) {
    const row = reflectIndex(top + y, image.height) * image.width;
    for (let x = 0; x < size; x++, to++) {
      const from = row + columns[x]!;
      rgb[to * 3] = image.rgb[from * 3]!;
      rgb[to * 3 + 1] = image.rgb[from * 3 + 1]!;
      rgb[to * 3 + 2] = image.rgb[from * 3 + 2]!;
      instances[to] = image.instances[from]!;
      classes[to] = image.classes[from]!;
      distance[to] = image.distance[from]!;
    }
  }
  return { size, rgb, instances, classes, distance };
}
