/**
 * From the network's maps to instances, by the method that fits them (spec/postprocessing.md §2 to §8).
 *
 * @module
 */
import type { ClassScheme } from "../class-scheme.js";
import { DataError, ShapeError } from "../errors.js";
import type { InstanceMethod, PostOptions } from "../post-options.js";
import type { ByteMap, FloatMap, NetworkMaps } from "../raster.js";
import { removeSmall } from "./clean-labels.js";
import type { LabelledMap } from "./label-components.js";
import { segmentByComponents } from "./segment-components.js";
import { segmentByOffsets } from "./segment-hover.js";
import { borrowScene, type FloodScene, segmentByDistance, segmentScene } from "./segment-watershed.js";
import { Workspace } from "./workspace.js";

/**
 * Finds the nuclei in the maps of one image.
 *
 * @param maps - float32 channels `[p0 … pK, nucleus, distance]`, K classes and background
 *   (spec/postprocessing.md §1); with the methods `hover-net` and `detections` those of
 *   {@link mapNames}
 * @param options - `method` chooses between §3, §4, §6, §7 and §8
 * @returns instances 1…count in raster order of their basins
 * @throws ShapeError when the number of channels is not that of scheme and method, K + 3 or K + 4
 * @throws DataError when a channel that is read holds NaN; the message names channel and pixel
 * @example
 * const maps = { width: 8, height: 8, channels: 7, data: new Float32Array(7 * 64) };
 * segmentNuclei(maps, RCC_CLASSES, DEFAULT_POST_OPTIONS).labels.count; // 0
 */
export function segmentNuclei(
  maps: NetworkMaps,
  scheme: ClassScheme,
  options: PostOptions,
  workspace = new Workspace(),
): { readonly labels: LabelledMap } {
  checkMaps(maps, scheme, options.method);
  const { width, height } = maps;
  const nucleus = scheme.classes.length + 1;
  const channel = (index: number): FloatMap => {
    rejectNaN(maps, index);
    const size = width * height;
    return { width, height, data: maps.data.subarray(index * size, (index + 1) * size) };
  };
  if (options.method === "components") {
    return { labels: segmentByComponents(channel(nucleus), options) };
  }
  if (options.method === "distance") {
    return { labels: segmentByDistance(channel(nucleus + 1), options, workspace) };
  }
  if (options.method === "detections") {
    return { labels: selectInstances(channel(nucleus), channel(nucleus + 1), options, workspace) };
  }
  if (options.method === "hover-net") {
    const maps = { nucleus: channel(nucleus), offsetX: channel(nucleus + 1), offsetY: channel(nucleus + 2) };
    return { labels: segmentByOffsets(maps, options, workspace) };
  }
  return { labels: segmentScene(frameMaps(maps, nucleus, options.threshold, workspace), options, workspace) };
}

/** Painted instances that score enough and are large enough (§8). */
function selectInstances(
  scores: FloatMap,
  instances: FloatMap,
  { threshold, minArea }: PostOptions,
  workspace: Workspace,
): LabelledMap {
  const { width, height } = instances;
  const least = (threshold + 1) / 256;
  const data = Int32Array.from(instances.data, (id, p) => (scores.data[p]! >= least ? id : 0));
  return removeSmall({ width, height, data }, minArea, workspace);
}

/**
 * Steps 1 and 2 of §3 straight from the floats: what {@link mapToBytes} of both channels would give, without
 * writing the bytes down in between.
 */
function frameMaps(maps: NetworkMaps, nucleus: number, threshold: number, workspace: Workspace): FloodScene {
  const { width, height, data } = maps;
  const size = width * height;
  const scene = borrowScene(width, height, workspace);
  const { field, relief, labels, pixels, stride } = scene;
  const nuclei = data.subarray(nucleus * size, (nucleus + 1) * size);
  const distances = data.subarray((nucleus + 1) * size, (nucleus + 2) * size);
  // A byte exceeds the threshold when the number it is truncated from reaches the next integer.
  const least = threshold >= 255 ? Infinity : threshold < 0 ? -Infinity : Math.floor(threshold) + 1;
  let count = 0;
  let broken = false;
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * stride + 1;
    for (const end = i + width; i < end; i++, p++) {
      const b = Math.fround(nuclei[i]! * 255);
      const d = Math.fround(distances[i]! * 255);
      if (Number.isNaN(b) || Number.isNaN(d)) broken = true;
      if (d >= 1) field[p] = d > 255 ? 255 : d | 0;
      if (!(b >= least)) continue;
      pixels[count++] = p;
      labels[p] = 0;
      relief[p] = 255 - field[p]!;
    }
  }
  if (broken) {
    rejectNaN(maps, nucleus);
    rejectNaN(maps, nucleus + 1);
  }
  scene.count = count;
  return scene;
}

/**
 * Converts one channel to bytes: trunc(fround(value · 255)) after clamping to [0, 1] (spec/postprocessing.md §2).
 *
 * @param target - receives the bytes; fresh memory by default
 * @throws DataError when the channel holds NaN; the message names channel and pixel
 */
export function mapToBytes(
  maps: NetworkMaps,
  channel: number,
  target: Uint8Array = new Uint8Array(maps.width * maps.height),
): ByteMap {
  const { width, height } = maps;
  const size = width * height;
  const plane = maps.data.subarray(channel * size, (channel + 1) * size);
  for (let p = 0; p < size; p++) {
    const scaled = Math.fround(plane[p]! * 255);
    if (scaled >= 0 && scaled <= 255) {
      target[p] = scaled | 0;
    } else {
      if (Number.isNaN(scaled)) rejectNaN(maps, channel);
      target[p] = scaled > 0 ? 255 : 0;
    }
  }
  return { width, height, data: target };
}

/**
 * Meaning of the channels after the classes that a method reads, in order: `nucleus` and `distance`, with `hover-net`
 * `nucleus`, `offset x` and `offset y`, with `detections` `nucleus` (the score) and `instance`.
 */
export function mapNames(method: InstanceMethod): readonly string[] {
  if (method === "hover-net") return ["nucleus", "offset x", "offset y"];
  return ["nucleus", method === "detections" ? "instance" : "distance"];
}

/** Throws {@link ShapeError} unless the maps have the method's channels and as much data as they say. */
export function checkMaps(maps: NetworkMaps, scheme: ClassScheme, method: InstanceMethod): void {
  const { width, height, channels, data } = maps;
  const names = mapNames(method);
  const wanted = scheme.classes.length + 1 + names.length;
  if (channels !== wanted) {
    throw new ShapeError(
      `maps have ${channels} channels, but class scheme "${scheme.name}" needs ${wanted} (background, ${scheme.classes.length} classes, ${names.join(", ")})`,
    );
  }
  if (data.length !== width * height * channels) {
    throw new ShapeError(
      `maps hold ${data.length} values, but ${channels} channels of ${width} x ${height} px need ${width * height * channels}`,
    );
  }
}

/** Throws {@link DataError} when the channel holds NaN. */
export function rejectNaN(maps: NetworkMaps, channel: number): void {
  const { width, height } = maps;
  const plane = maps.data.subarray(channel * width * height, (channel + 1) * width * height);
  // Not a number exactly when one of the values is infinite or NaN.
  let zero = 0;
  for (let p = 0; p < plane.length; p++) zero += plane[p]! * 0;
  if (zero === 0) return;
  const p = plane.findIndex((value) => Number.isNaN(value));
  if (p < 0) return;
  throw new DataError(
    `maps hold NaN in channel ${channel} at pixel (${p % width}, ${Math.floor(p / width)}); the network or its input is broken`,
  );
}
