/**
 * The network's maps as `.npy`, `[H, W, K + 2]` float32 with the channels of spec/network.md §1 (`[H, W, K + 3]` with
 * HoVer-Net's offsets), and back.
 *
 * @module
 */
import { DataError, FileFormatError, type InstanceMethod, mapNames, type NetworkMaps } from "@renograde/core";
import { encodeNpy, parseNpy } from "@renograde/formats";

/** Writes maps; channels move to the last axis. */
export function encodeMapsNpy(maps: NetworkMaps): Uint8Array {
  const { width, height, channels } = maps;
  const plane = width * height;
  const data = new Float32Array(plane * channels);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) data[p * channels + c] = maps.data[c * plane + p]!;
  }
  return encodeNpy({ dtype: "f4", shape: [height, width, channels], data });
}

/**
 * Reads maps written by {@link encodeMapsNpy} or by NumPy (float16, float32 or float64).
 *
 * @param classes number of classes without background
 * @param path named in errors
 * @param method what follows the classes: `mapNames` of this method
 * @throws FileFormatError when shape or type are others
 * @throws DataError when a value is no number, or a probability or distance lies outside 0 … 1
 */
export function parseMapsNpy(
  bytes: Uint8Array,
  classes: number,
  path = "<bytes>",
  method: InstanceMethod = "watershed",
): NetworkMaps {
  const array = parseNpy(bytes, path);
  const names = mapNames(method);
  const channels = classes + 1 + names.length;
  // Offsets, distances in pixels and numbers of instances know no bounds.
  const unbounded = method === "hover-net" || method === "distance" || method === "detections";
  const bounded = classes + (unbounded ? 2 : 3);
  const [height = 0, width = 0, last] = array.shape;
  const expected = `expected float32 [H, W, ${channels}] for ${classes} classes (background, classes, ${names.join(", ")})`;
  if (array.shape.length !== 3 || last !== channels || height < 1 || width < 1) {
    throw new FileFormatError(path, "npy", `the array has shape [${array.shape.join(", ")}]; ${expected}`);
  }
  const source = array.data;
  if (!(source instanceof Float32Array || source instanceof Float64Array)) {
    throw new FileFormatError(path, "npy", `the array has type ${array.dtype}; ${expected}`);
  }
  const plane = width * height;
  const data = new Float32Array(plane * channels);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < channels; c++) {
      const value = source[p * channels + c]!;
      // A little more than 1 is rounding of a sum of probabilities; 255 is another scale.
      if (!(c < bounded ? value >= -1e-3 && value <= 1.001 : Number.isFinite(value))) {
        throw new DataError(
          `${path}: channel ${c} holds ${value} at pixel (${p % width}, ${Math.floor(p / width)}); ${c < bounded ? "maps must lie between 0 and 1" : "it must be a number"}`,
        );
      }
      data[c * plane + p] = value;
    }
  }
  return { width, height, channels, data };
}
