/**
 * The network's maps as `.npy`, `[H, W, K + 2]` float32 with the channels of spec/network.md §1, and back.
 *
 * @module
 */
import { DataError, FileFormatError, type NetworkMaps } from "@renograde/core";
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
 * @param classes number of classes without background; the array must have `classes + 3` channels
 * @param path named in errors
 * @throws FileFormatError when shape or type are others
 * @throws DataError when a value is no number or lies outside 0 … 1
 */
export function parseMapsNpy(bytes: Uint8Array, classes: number, path = "<bytes>"): NetworkMaps {
  const array = parseNpy(bytes, path);
  const channels = classes + 3;
  const [height = 0, width = 0, last] = array.shape;
  const expected = `expected float32 [H, W, ${channels}] for ${classes} classes (background, classes, nucleus, distance)`;
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
      if (!(value >= -1e-3 && value <= 1.001)) {
        throw new DataError(
          `${path}: channel ${c} holds ${value} at pixel (${p % width}, ${Math.floor(p / width)}); maps must lie between 0 and 1`,
        );
      }
      data[c * plane + p] = value;
    }
  }
  return { width, height, channels, data };
}
