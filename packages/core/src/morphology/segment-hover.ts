/**
 * HoVer-Net's post-processing: nuclei from the nucleus map and the offsets from each nucleus' centre, whose slopes
 * are steep where nuclei touch (spec/postprocessing.md §7).
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { PostOptions } from "../post-options.js";
import { assertSameSize, type FloatMap } from "../raster.js";
import { fillHoles, openByEllipse } from "./binary.js";
import { dropSmall } from "./clean-labels.js";
import { type FramedLabels, labelPixels, unframeLabels } from "./framed.js";
import type { LabelledMap } from "./label-components.js";
import { filterColumns, filterRows, type PairedKernel } from "./separable.js";
import { watershed } from "./watershed.js";
import { Workspace } from "./workspace.js";

/** The options of {@link PostOptions} that the method reads. */
export type HoverSegmentOptions = Pick<PostOptions, "minArea" | "watershedTies">;

/** The three maps the method reads, all of one size. */
export interface HoverMaps {
  /** Nucleus probability. */
  readonly nucleus: FloatMap;
  /** Horizontal offset, rising from left to right inside every nucleus. */
  readonly offsetX: FloatMap;
  /** Vertical offset, rising from top to bottom. */
  readonly offsetY: FloatMap;
}

/** Probabilities from here on are nucleus (step 1). */
const NUCLEUS = 0.5;
/** Edge strength from here on separates markers (step 6). */
const EDGE = 0.4;

const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n, k - 1) * (n - k + 1)) / k);
const fromOneTo = (n: number, value: (k: number) => number): number[] =>
  Array.from({ length: n }, (_, i) => value(i + 1));

/** Sobel's smoothing of 21 taps: C(20, k). */
const SMOOTH: PairedKernel = {
  centre: binomial(20, 10),
  pairs: fromOneTo(10, (k) => binomial(20, 10 + k)),
  sign: 1,
};
/** Sobel's derivative of 21 taps: C(19, k) convolved with [−1, 1]. */
const SLOPE: PairedKernel = {
  centre: 0,
  pairs: fromOneTo(10, (k) => binomial(19, 9 + k) - (k < 10 ? binomial(19, 10 + k) : 0)),
  sign: -1,
};
/** [1 2 1]/4. */
const GAUSS: PairedKernel = { centre: 0.5, pairs: [0.25], sign: 1 };

/**
 * Finds instances, steps 1 to 7 of spec/postprocessing.md §7. Outside the image the opening sees neither foreground
 * nor background, as OpenCV's does.
 *
 * @param options - `minArea`: components of nuclear pixels and markers with fewer pixels are removed
 * @returns instances 1…count in raster order of their markers; nuclear pixels without a marker stay 0
 * @throws ShapeError when the sizes differ
 * @throws DataError when a map holds NaN or infinity
 */
export function segmentByOffsets(
  { nucleus, offsetX, offsetY }: HoverMaps,
  options: HoverSegmentOptions,
  workspace = new Workspace(),
): LabelledMap {
  assertSameSize("nucleus map", nucleus, "horizontal offsets", offsetX);
  assertSameSize("nucleus map", nucleus, "vertical offsets", offsetY);
  const { width, height } = nucleus;
  const size = width * height;
  const blob = workspace.uint8("hover.blob", size);
  for (let p = 0; p < size; p++) blob[p] = nucleus.data[p]! >= NUCLEUS ? 1 : 0;
  const blobs = labelMask(blob, width, height, options.minArea, workspace);
  blob.fill(0);
  forEachLabelled(blobs, (p) => {
    blob[p] = 1;
  });

  const strength = edgeStrength(offsetX, offsetY, workspace); // steps 2 to 4
  const relief = workspace.float64("hover.relief", size);
  const marked = workspace.uint8("hover.marked", size);
  for (let p = 0; p < size; p++) {
    const inside = blob[p] === 1;
    relief[p] = inside ? 1 - strength[p]! : 0;
    marked[p] = inside && strength[p]! < EDGE ? 1 : 0;
  }
  const blurred = strength; // the strengths are used up
  filterRows(relief, relief, width, height, GAUSS, workspace);
  filterColumns(relief, blurred, width, height, GAUSS);
  for (let p = 0; p < size; p++) blurred[p] = -blurred[p]!;

  const opened = openByEllipse(fillHoles({ width, height, data: marked }), workspace);
  const markers = labelMask(opened.data, width, height, options.minArea, workspace);
  const map = { width, height, data: blob };
  const labels = watershed(
    { width, height, data: blurred },
    unframeLabels(markers.framed),
    map,
    options.watershedTies,
    workspace,
  );
  return { ...labels, count: markers.count };
}

/** Components of a mask. */
interface LabelledMask {
  readonly framed: FramedLabels;
  readonly count: number;
}

/** Labels a mask, 4-connected, without components of fewer than `minArea` pixels. */
function labelMask(
  mask: Uint8Array,
  width: number,
  height: number,
  minArea: number,
  workspace: Workspace,
): LabelledMask {
  const stride = width + 2;
  const labels = workspace.int32("hover.labels", stride * (height + 2)).fill(0);
  const pixels = workspace.int32("hover.pixels", width * height);
  let count = 0;
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * stride + 1;
    for (const end = i + width; i < end; i++, p++) if (mask[i] !== 0) pixels[count++] = p;
  }
  const framed: FramedLabels = { width, height, stride, labels, pixels, count };
  const last = labelPixels(pixels, count, stride, 4, labels, workspace);
  return { framed, count: dropSmall(framed, last, minArea - 1, workspace) };
}

/** Calls back with the unframed position of every pixel that has a label. */
function forEachLabelled({ framed }: LabelledMask, use: (position: number) => void): void {
  const { width, stride, labels, pixels, count } = framed;
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    if (labels[p]! > 0) use((Math.floor(p / stride) - 1) * width + (p % stride) - 1);
  }
}

/** The larger of both maps' edge strengths, 0…1: 1 minus the slope, scaled over the image (steps 2 to 4). */
function edgeStrength(offsetX: FloatMap, offsetY: FloatMap, workspace: Workspace): Float64Array {
  const { width, height } = offsetX;
  const size = width * height;
  const first = workspace.float64("hover.strength", size);
  const second = workspace.float64("hover.second", size);
  const between = workspace.float64("hover.between", size);
  normalise(offsetX, "horizontal", between);
  filterRows(between, between, width, height, SLOPE, workspace);
  filterColumns(between, first, width, height, SMOOTH);
  normalise(offsetY, "vertical", second);
  filterColumns(second, between, width, height, SLOPE);
  filterRows(between, second, width, height, SMOOTH, workspace);
  stretch(first, size);
  stretch(second, size);
  for (let p = 0; p < size; p++) {
    first[p] = Math.max(1 - first[p]!, 1 - second[p]!);
  }
  return first;
}

/** Stretches a map to 0…1 in float32; a constant map becomes 0. @throws DataError when a value is not finite */
function normalise({ width, data }: FloatMap, name: string, target: Float64Array): void {
  let low = Infinity;
  let high = -Infinity;
  for (let p = 0; p < data.length; p++) {
    const value = data[p]!;
    if (!Number.isFinite(value)) {
      throw new DataError(
        `${name} offsets hold ${value} at pixel (${p % width}, ${Math.floor(p / width)}); the network or its input is broken`,
      );
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = Math.fround(high - low);
  for (let p = 0; p < data.length; p++) {
    target[p] = range > 0 ? Math.fround(Math.fround(data[p]! - low) / range) : 0;
  }
}

/** Stretches values to 0…1 in place; constant ones become 0. */
function stretch(values: Float64Array, size: number): void {
  let low = Infinity;
  let high = -Infinity;
  for (let p = 0; p < size; p++) {
    if (values[p]! < low) low = values[p]!;
    if (values[p]! > high) high = values[p]!;
  }
  const range = high - low;
  for (let p = 0; p < size; p++) values[p] = range > 0 ? (values[p]! - low) / range : 0;
}
