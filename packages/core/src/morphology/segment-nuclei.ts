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
import type { FloodScene, RunList, SceneSource } from "./islands.js";
import type { LabelledMap } from "./label-components.js";
import { segmentByComponents } from "./segment-components.js";
import { segmentByOffsets } from "./segment-hover.js";
import { segmentByDistance, segmentScene } from "./segment-watershed.js";
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
  return { labels: segmentScene(mapSource(maps, nucleus, options.threshold), options, workspace) };
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
function mapSource(maps: NetworkMaps, nucleus: number, threshold: number): SceneSource {
  const { width, height, data } = maps;
  const size = width * height;
  const nuclei = data.subarray(nucleus * size, (nucleus + 1) * size);
  const distances = data.subarray((nucleus + 1) * size, (nucleus + 2) * size);
  // A byte exceeds the threshold when the number it is truncated from reaches the next integer.
  const least = threshold >= 255 ? Infinity : threshold < 0 ? -Infinity : Math.floor(threshold) + 1;
  const inMask = leastReaching(least);
  const above0 = leastReaching(1);
  // Positive floats ascend with their bits, which compare faster; all others end up in a run and are looked at there.
  const nucleusBits = new Int32Array(data.buffer, nuclei.byteOffset, size);
  const distanceBits = new Int32Array(data.buffer, distances.byteOffset, size);
  const nucleusLimit = inMask > 0 ? bitsOf(inMask) : 0;
  const distanceLimit = bitsOf(above0);
  const listRuns = (runs: RunList): void => {
    for (let y = 0; y < height; y++) {
      const end = (y + 1) * width;
      for (let i = y * width; ; ) {
        i = skipEmpty(nucleusBits, distanceBits, nucleusLimit, distanceLimit, i, end);
        if (i === end) break;
        const start = i;
        let masked = false;
        let zero = 0;
        for (; i < end; i++) {
          const b = nuclei[i]!;
          const d = distances[i]!;
          // NaN is less than nothing.
          if (!(b < inMask)) masked = true;
          else if (d < above0) break;
          zero += (b + d) * 0;
        }
        // Not a number when a value is infinite or NaN.
        if (zero !== 0) {
          rejectNaN(maps, nucleus);
          rejectNaN(maps, nucleus + 1);
        }
        if (i === start) i++;
        else runs.add(start, i, y, masked);
      }
    }
  };
  const copyRun = (from: number, to: number, start: number, scene: FloodScene): void => {
    const { field, relief, labels, pixels } = scene;
    for (let i = from, p = start; i < to; i++, p++) {
      const d = Math.fround(distances[i]! * 255);
      const byte = d >= 1 ? (d > 255 ? 255 : d | 0) : 0;
      field[p] = byte;
      if (!(nuclei[i]! >= inMask)) continue;
      pixels[scene.count++] = p;
      labels[p] = 0;
      relief[p] = 255 - byte;
    }
  };
  return { width, height, listRuns, copyRun };
}

/** The first position from `i` on, or `end`, whose bits are not below both limits. */
function skipEmpty(
  a: Int32Array,
  b: Int32Array,
  limitA: number,
  limitB: number,
  i: number,
  end: number,
): number {
  // A negative difference: below the limit, or a negative number, which is greater without sign.
  while (i < end && a[i]! >= 0 && a[i]! < limitA && b[i]! >= 0 && b[i]! < limitB) i++;
  return i;
}

/** The least float32 whose 255-fold, rounded to float32, reaches `value`. */
function leastReaching(value: number): number {
  if (!Number.isFinite(value)) return value;
  let bits = bitsOf(value / 255);
  while (Math.fround(floatOf(bits) * 255) >= value) bits--;
  while (Math.fround(floatOf(bits) * 255) < value) bits++;
  return floatOf(bits);
}

/** Bits of the float32 nearest to `value`. */
function bitsOf(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}

/** The float32 of these bits. */
function floatOf(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0]!;
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
