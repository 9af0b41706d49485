/**
 * The sliding window of inference (spec/postprocessing.md §1): where windows lie, which pixels they see, and how
 * their kept centres make up the maps of the whole image.
 *
 * @module
 */
import { type NetworkMaps, type RgbImage, ShapeError, UsageError } from "@renograde/core";

/** Sizes of one window in pixels, as a model's metadata gives them. */
export interface WindowSizes {
  /** Side of the network's input, 262. */
  readonly window: number;
  /** Side of its output, 256. */
  readonly output: number;
  /** Side of the centre that is kept, and distance between windows, 200. */
  readonly kept: number;
}

/** Windows of one image. Window (i, j) fills the image block that starts at row i·kept, column j·kept. */
export interface WindowPlan extends WindowSizes {
  readonly width: number;
  readonly height: number;
  /** Windows from top to bottom and from left to right; window k is row ⌊k / columns⌋, column k mod columns. */
  readonly rows: number;
  readonly columns: number;
  /** Pixels cut from each side of the output: (output − kept) / 2 = 28. */
  readonly crop: number;
  /** Pixels seen around the kept centre: (window − kept) / 2 = 31. */
  readonly margin: number;
  /** Image row of every padded row, by reflection; `rowIndex[0]` belongs to padded row 0. */
  readonly rowIndex: Int32Array;
  /** Image column of every padded column. */
  readonly columnIndex: Int32Array;
}

/** Position inside 0 … n−1 of position i by reflection without repeating the edge, period 2(n − 1). */
function reflect(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const phase = ((i % period) + period) % period;
  return phase < n ? phase : period - phase;
}

/** Image index of padded positions 0 … margin + last + … − 1 for `count` windows. */
function reflection(length: number, count: number, sizes: WindowSizes, margin: number): Int32Array {
  const padded = (count - 1) * sizes.kept + sizes.window;
  return Int32Array.from({ length: padded }, (_, i) => reflect(i - margin, length));
}

/**
 * Plans the windows of an image: n = ceil((h − S) / S) + 1 rows, at least one, and columns likewise.
 *
 * @param step option `infer.step`: side of the kept centre instead of `sizes.kept`; a multiple of 4 up to
 *   `sizes.output`, so that maps of half resolution stay aligned
 * @throws UsageError when `step` is impossible, ShapeError when the sizes are
 */
export function planWindows(width: number, height: number, sizes: WindowSizes, step?: number): WindowPlan {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ShapeError(`an image must have at least one pixel, received ${width} x ${height}`);
  }
  const kept = step ?? sizes.kept;
  const { window, output } = sizes;
  if (step !== undefined && (!Number.isInteger(step) || step < 4 || step > output || step % 4 !== 0)) {
    throw new UsageError(`infer.step: expected a multiple of 4 from 4 to ${output}, received ${step}`);
  }
  if (
    (window - kept) % 2 !== 0 ||
    (output - kept) % 2 !== 0 ||
    kept > output ||
    output > window ||
    kept < 1
  ) {
    throw new ShapeError(
      `window ${window}, output ${output} and kept centre ${kept} do not fit; each must exceed the next by an even number`,
    );
  }
  const margin = (window - kept) / 2;
  const rows = Math.max(1, Math.ceil((height - kept) / kept) + 1);
  const columns = Math.max(1, Math.ceil((width - kept) / kept) + 1);
  return {
    width,
    height,
    window,
    output,
    kept,
    rows,
    columns,
    crop: (output - kept) / 2,
    margin,
    rowIndex: reflection(height, rows, { window, output, kept }, margin),
    columnIndex: reflection(width, columns, { window, output, kept }, margin),
  };
}

/** Mirrors a window left–right (`x`) and top–bottom (`y`). */
export interface Flip {
  readonly x: boolean;
  readonly y: boolean;
}

/** No mirroring. */
export const NO_FLIP: Flip = { x: false, y: false };

/**
 * Writes window `k` of the image as the network's input: planes R, G, B of window × window, each byte times
 * `scale`, into `out` from `offset`.
 */
export function extractWindow(
  image: RgbImage,
  plan: WindowPlan,
  k: number,
  scale: number,
  out: Float32Array,
  offset: number,
  flip: Flip = NO_FLIP,
): void {
  const { window } = plan;
  const top = Math.floor(k / plan.columns) * plan.kept;
  const left = (k % plan.columns) * plan.kept;
  const plane = window * window;
  for (let y = 0; y < window; y++) {
    const row = plan.rowIndex[top + (flip.y ? window - 1 - y : y)]! * image.width;
    let p = offset + y * window;
    for (let x = 0; x < window; x++, p++) {
      const source = (row + plan.columnIndex[left + (flip.x ? window - 1 - x : x)]!) * 3;
      out[p] = image.data[source]! * scale;
      out[p + plane] = image.data[source + 1]! * scale;
      out[p + 2 * plane] = image.data[source + 2]! * scale;
    }
  }
}

/** Creates maps of zeros for an image: every output pixel is `stride` image pixels wide. */
export function createMaps(plan: WindowPlan, channels: number, stride: number): NetworkMaps {
  const width = Math.ceil(plan.width / stride);
  const height = Math.ceil(plan.height / stride);
  return { width, height, channels, data: new Float32Array(channels * width * height) };
}

/**
 * Adds the kept centre of window `k` to its block of `maps`, cut at the image's edge. Blocks do not overlap, so
 * on maps of zeros this places them; nothing is blended.
 *
 * @param output the network's output, planes of (output/stride)² values, from `offset`
 * @param weights factor of every channel: 1, or one over the number of mirrored passes, negative where mirroring
 *   turns the channel's meaning around
 * @param flip the mirroring the window was extracted with, undone here
 */
export function stitchWindow(
  maps: NetworkMaps,
  plan: WindowPlan,
  k: number,
  stride: number,
  output: Float32Array,
  offset: number,
  weights: readonly number[] = [],
  flip: Flip = NO_FLIP,
): void {
  const side = plan.output / stride;
  const crop = plan.crop / stride;
  const kept = plan.kept / stride;
  const top = Math.floor(k / plan.columns) * kept;
  const left = (k % plan.columns) * kept;
  const height = Math.min(kept, maps.height - top);
  const width = Math.min(kept, maps.width - left);
  for (let c = 0; c < maps.channels; c++) {
    const weight = weights[c] ?? 1;
    for (let y = 0; y < height; y++) {
      const row = flip.y ? side - 1 - (crop + y) : crop + y;
      const from = offset + (c * side + row) * side;
      const to = (c * maps.height + top + y) * maps.width + left;
      for (let x = 0; x < width; x++) {
        const column = flip.x ? side - 1 - (crop + x) : crop + x;
        maps.data[to + x]! += weight * output[from + column]!;
      }
    }
  }
}
