/**
 * Instances by marker-controlled watershed: CHR-Net's post-processing (spec/postprocessing.md §3) and DIST's
 * variant of it (§4).
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { PostOptions, WatershedTies } from "../post-options.js";
import { assertSameSize, type ByteMap, type FloatMap } from "../raster.js";
import { dropSmall, openGaps } from "./clean-labels.js";
import { flood } from "./flood.js";
import { frameLabels, labelPixels, unframeLabels } from "./framed.js";
import { markMaxima } from "./h-minima.js";
import {
  type FloodScene,
  listInOrder,
  orderByFirstPixel,
  packScene,
  type RunList,
  type SceneSource,
  unpackLabels,
} from "./islands.js";
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
  const { threshold } = options;
  const listRuns = (runs: RunList): void => {
    for (let y = 0; y < height; y++) {
      const end = (y + 1) * width;
      for (let i = y * width; i < end; i++) {
        const start = i;
        let masked = false;
        for (; i < end && (nucleus.data[i]! > threshold || distance.data[i]! > 0); i++) {
          if (nucleus.data[i]! > threshold) masked = true; // step 1
        }
        if (i > start) runs.add(start, i, y, masked);
      }
    }
  };
  const copyRun = (from: number, to: number, start: number, scene: FloodScene): void => {
    for (let i = from, p = start; i < to; i++, p++) {
      scene.field[p] = distance.data[i]!;
      if (!(nucleus.data[i]! > threshold)) continue;
      scene.pixels[scene.count++] = p;
      scene.labels[p] = 0;
      scene.relief[p] = 255 - flooded.data[i]!; // step 2
    }
  };
  return segmentScene({ width, height, listRuns, copyRun }, options, workspace);
}

/** Steps 3 to 10 of spec/postprocessing.md §3. */
export function segmentScene(
  source: SceneSource,
  options: WatershedOptions,
  workspace: Workspace,
): LabelledMap {
  const scene = packScene(source, !options.backgroundIsZero, workspace);
  const { relief, labels, pixels, count, stride } = scene;
  const sources = workspace.int32("scene.sources", count);
  const sourceCount = listMarkers(scene, options.h, sources, workspace); // steps 3 and 4
  let last = labelPixels(sources, sourceCount, stride, 8, labels, workspace); // step 5
  const inOrder = (): Int32Array => listInOrder(scene, workspace.int32("scene.inOrder", sourceCount));
  const { watershedTies } = options;
  flood(relief, labels, stride, pixels, count, sources, sourceCount, inOrder, watershedTies, workspace); // step 6

  if (options.keepUnmarked) last = labelUnmarked(scene, last, workspace);
  const background = options.backgroundIsZero ? 0 : mostFrequentLabel(scene, last);
  if (background !== 0) {
    const regions = labelRegions(
      unpackLabels(
        scene,
        Int32Array.from({ length: last + 1 }, (_, label) => label),
      ),
      8,
      background,
    );
    const framed = frameLabels(regions, workspace);
    openGaps(framed, workspace);
    const kept = dropSmall(framed, regions.count, options.minArea, workspace);
    return { ...unframeLabels(framed), count: kept };
  }
  // Step 7: marker regions are 8-connected already, so labelling equal values only renumbers them.
  const order = orderByFirstPixel(scene, last);
  openGaps(scene, workspace); // step 8
  const { numbers, kept } = numberLarge(scene, last, order, options.minArea); // steps 9 and 10
  return { ...unpackLabels(scene, numbers), count: kept };
}

/** Lists the mask's pixels that are maxima, sheet by sheet, so that the search stays in the cache. */
function listMarkers(scene: FloodScene, h: number, target: Int32Array, workspace: Workspace): number {
  const { field, stride, pixels, count, sheets } = scene;
  const marks = workspace.uint8("scene.marks", field.length);
  for (let k = 0; k < sheets.length - 1; k++) {
    const [from, to] = [sheets[k]!, sheets[k + 1]!];
    markMaxima(field.subarray(from, to), marks.subarray(from, to), stride, h, workspace);
  }
  let n = 0;
  for (let i = 0; i < count; i++) if (marks[pixels[i]!] !== 0) target[n++] = pixels[i]!;
  return n;
}

/**
 * Gives the mask components that no flood reached ids above `last`: the flood fills every component that holds a
 * marker, so what is left are whole 4-connected components.
 */
function labelUnmarked(scene: FloodScene, last: number, workspace: Workspace): number {
  const { stride, labels, pixels, count } = scene;
  const left = workspace.int32("unmarked.pixels", count);
  let n = 0;
  for (let i = 0; i < count; i++) if (labels[pixels[i]!] === 0) left[n++] = pixels[i]!;
  const parts = workspace.int32("unmarked.parts", labels.length).fill(0);
  const added = labelPixels(left, n, stride, 4, parts, workspace);
  for (let i = 0; i < n; i++) labels[left[i]!] = last + parts[left[i]!]!;
  return last + added;
}

/** The most frequent value of the whole image, 0 included; ties go to the smallest. */
function mostFrequentLabel(scene: FloodScene, last: number): number {
  const areas = areasOf(scene, last);
  areas[0]! += scene.width * scene.height - scene.count;
  let best = 0;
  for (let label = 1; label <= last; label++) if (areas[label]! > areas[best]!) best = label;
  return best;
}

/** Pixels of the mask per label 0…last. */
function areasOf({ labels, pixels, count }: FloodScene, last: number): Int32Array {
  const areas = new Int32Array(last + 1);
  for (let i = 0; i < count; i++) areas[labels[pixels[i]!]!]!++;
  return areas;
}

/** Ids 1… in `order` for the labels of more than `maxArea` pixels, 0 for the others. */
function numberLarge(
  scene: FloodScene,
  last: number,
  order: readonly number[],
  maxArea: number,
): { readonly numbers: Int32Array; readonly kept: number } {
  const areas = areasOf(scene, last);
  const numbers = new Int32Array(last + 1);
  let kept = 0;
  for (const label of order) if (areas[label]! > Math.max(0, maxArea)) numbers[label] = ++kept;
  return { numbers, kept };
}
