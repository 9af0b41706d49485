/**
 * Instances by marker-controlled watershed: CHR-Net's post-processing (spec/postprocessing.md §3) and DIST's
 * variant of it (§4).
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { PostOptions, WatershedTies } from "../post-options.js";
import { assertSameSize, type ByteMap, type FloatMap } from "../raster.js";
import { dropSmall, openGaps, renumberByFirstPixel } from "./clean-labels.js";
import { flood } from "./flood.js";
import { type FramedLabels, frameLabels, labelPixels, unframeLabels } from "./framed.js";
import { markMaxima } from "./h-minima.js";
import { type LabelledMap, labelRegions } from "./label-components.js";
import { reconstructByErosion } from "./reconstruct.js";
import { Workspace } from "./workspace.js";

/** The options of {@link PostOptions} that the watershed reads. */
export type WatershedOptions = Pick<
  PostOptions,
  "h" | "threshold" | "minArea" | "keepUnmarked" | "backgroundIsZero" | "watershedTies"
>;

/**
 * Finds instances from the distance map and the nucleus map, steps 1 to 10 of spec/postprocessing.md §3: peaks of
 * the distance deeper than h are markers, the relief 255 − distance is flooded from them inside the mask, touching
 * instances are set apart and small ones removed.
 *
 * @param distance - distance map × 255, 0…255
 * @param nucleus - nucleus probability × 255; the mask is where it exceeds `options.threshold`
 * @returns instances 1…count; an instance may lie in several pieces
 * @throws ShapeError when the sizes differ
 * @throws UsageError when h is not an integer 0…255
 */
export function segmentByWatershed(
  distance: ByteMap,
  nucleus: ByteMap,
  options: WatershedOptions,
  workspace = new Workspace(),
): LabelledMap {
  assertSameSize("distance map", distance, "nucleus map", nucleus);
  return segment(distance, nucleus, distance, options, workspace);
}

/** Options of {@link segmentByDistance}. */
export interface DistanceSegmentOptions {
  /** λ, the depth of the h-minima in pixels of distance, integer; default 0. */
  readonly h?: number;
  /** The mask is where the truncated distance exceeds this; default 0.5. */
  readonly threshold?: number;
  readonly backgroundIsZero?: boolean;
  readonly watershedTies?: WatershedTies;
}

/**
 * DIST's own variant (spec/postprocessing.md §4): mask and relief both come from the predicted, unnormalised
 * distance; the h-minima relief itself is flooded; nothing is removed for its size.
 *
 * @param distance - predicted distance in pixels, any numbers
 * @throws DataError when a value is NaN
 */
export function segmentByDistance(
  distance: FloatMap,
  options: DistanceSegmentOptions = {},
  workspace = new Workspace(),
): LabelledMap {
  const { width, height, data } = distance;
  const bytes = new Uint8Array(width * height);
  for (let p = 0; p < bytes.length; p++) {
    const d = data[p]!;
    if (Number.isNaN(d)) {
      throw new DataError(`distance map is NaN at pixel (${p % width}, ${Math.floor(p / width)})`);
    }
    bytes[p] = Math.min(255, Math.max(0, d));
  }
  const field: ByteMap = { width, height, data: bytes };
  const h = options.h ?? 0;
  const flooded = h === 0 ? field : fillDomes(field, h, workspace);
  return segment(
    field,
    field,
    flooded,
    {
      h,
      threshold: options.threshold ?? 0.5,
      minArea: 0,
      keepUnmarked: false,
      backgroundIsZero: options.backgroundIsZero ?? true,
      watershedTies: options.watershedTies ?? "skimage-legacy",
    },
    workspace,
  );
}

/** 255 − R of step 3. */
function fillDomes(field: ByteMap, h: number, workspace: Workspace): ByteMap {
  const { width, height } = field;
  const relief: ByteMap = { width, height, data: field.data.map((d) => 255 - d) };
  const seed: ByteMap = { width, height, data: relief.data.map((i) => Math.min(255, i + h)) };
  const filled = reconstructByErosion(seed, relief, workspace);
  return { width, height, data: filled.data.map((r) => 255 - r) };
}

/** Markers from `distance`, mask from `nucleus`, flood of 255 − `flooded`. */
function segment(
  distance: ByteMap,
  nucleus: ByteMap,
  flooded: ByteMap,
  options: WatershedOptions,
  workspace: Workspace,
): LabelledMap {
  const { width, height } = distance;
  const scene = borrowScene(width, height, workspace);
  const { field, relief, labels, pixels, stride } = scene;
  const { threshold } = options;
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * stride + 1;
    field.set(distance.data.subarray(i, i + width), p);
    for (const end = i + width; i < end; i++, p++) {
      if (!(nucleus.data[i]! > threshold)) continue; // step 1
      pixels[scene.count++] = p;
      labels[p] = 0;
      relief[p] = 255 - flooded.data[i]!; // step 2
    }
  }
  return segmentScene(scene, options, workspace);
}

/** What the flood needs, framed: the listed pixels are the mask. */
export interface FloodScene extends FramedLabels {
  /** Distance bytes with a frame of zeros; consumed by the search for markers. */
  readonly field: Uint8Array;
  /** Relief to flood, valid at the listed pixels. */
  readonly relief: Uint8Array;
}

/** Borrows an empty scene: field 0, labels −1, no pixels. */
export function borrowScene(width: number, height: number, workspace: Workspace): FloodScene {
  const stride = width + 2;
  const size = stride * (height + 2);
  return {
    width,
    height,
    stride,
    field: workspace.uint8("scene.field", size).fill(0),
    relief: workspace.uint8("scene.relief", size),
    labels: workspace.int32("scene.labels", size).fill(-1),
    pixels: workspace.int32("scene.pixels", width * height),
    count: 0,
  };
}

/** Steps 3 to 10 of spec/postprocessing.md §3. */
export function segmentScene(
  scene: FloodScene,
  options: WatershedOptions,
  workspace: Workspace,
): LabelledMap {
  const { field, relief, labels, pixels, count, stride } = scene;
  const marks = markMaxima(field, stride, options.h, workspace); // steps 3 and 4
  const sources = workspace.int32("scene.sources", count);
  let sourceCount = 0;
  for (let i = 0; i < count; i++) if (marks[pixels[i]!] !== 0) sources[sourceCount++] = pixels[i]!;
  let last = labelPixels(sources, sourceCount, stride, 8, labels, workspace); // step 5
  flood(relief, labels, stride, pixels, count, sources, sourceCount, options.watershedTies, workspace); // step 6

  let framed: FramedLabels = scene;
  if (options.keepUnmarked) last = labelUnmarked(framed, last, workspace);
  const background = options.backgroundIsZero ? 0 : mostFrequentLabel(framed, last);
  if (background === 0) {
    // Step 7: marker regions are 8-connected already, so labelling equal values only renumbers them.
    last = renumberByFirstPixel(framed, last, workspace);
  } else {
    const regions = labelRegions(unframeLabels(framed), 8, background);
    last = regions.count;
    framed = frameLabels(regions, workspace);
  }
  openGaps(framed, workspace); // step 8
  const kept = dropSmall(framed, last, options.minArea, workspace); // steps 9 and 10
  return { ...unframeLabels(framed), count: kept };
}

/**
 * Gives the mask components that no flood reached ids above `last`: the flood fills every component that holds a
 * marker, so what is left are whole 4-connected components.
 */
function labelUnmarked(framed: FramedLabels, last: number, workspace: Workspace): number {
  const { stride, labels, pixels, count } = framed;
  const left = workspace.int32("unmarked.pixels", count);
  let n = 0;
  for (let i = 0; i < count; i++) if (labels[pixels[i]!] === 0) left[n++] = pixels[i]!;
  const parts = workspace.int32("unmarked.parts", labels.length).fill(0);
  const added = labelPixels(left, n, stride, 4, parts, workspace);
  for (let i = 0; i < n; i++) labels[left[i]!] = last + parts[left[i]!]!;
  return last + added;
}

/** The most frequent value of the whole image, 0 included; ties go to the smallest. */
function mostFrequentLabel(framed: FramedLabels, last: number): number {
  const { width, height, labels, pixels, count } = framed;
  const areas = new Float64Array(last + 1);
  for (let i = 0; i < count; i++) areas[labels[pixels[i]!]!]!++;
  areas[0]! += width * height - count;
  let best = 0;
  for (let label = 1; label <= last; label++) if (areas[label]! > areas[best]!) best = label;
  return best;
}
