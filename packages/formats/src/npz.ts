/**
 * NumPy's `.npz`: a zip archive of `.npy` files, stored (`numpy.savez`) or deflated (`numpy.savez_compressed`).
 * Checksums are verified; sizes are believed only within what the archive's bytes can hold.
 *
 * @module
 */
import { encodeNpy, type NpyArray, parseNpy } from "./npy.js";
import { encodeZip, parseZip } from "./zip.js";

/**
 * Parses every array of an archive, by name (without `.npy`), in the archive's order.
 *
 * @throws FileFormatError when the archive or one of its arrays is damaged
 */
export function parseNpz(bytes: Uint8Array, path = "<bytes>"): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [name, read] of parseZip(bytes, path)) {
    if (name.endsWith(".npy")) arrays.set(name.slice(0, -4), parseNpy(read(), `${path}:${name}`));
  }
  return arrays;
}

/** Writes arrays by name, in the given order; `compress` deflates them. Same arrays, same bytes. */
export function encodeNpz(
  arrays: Iterable<readonly [name: string, array: NpyArray]>,
  options: { readonly compress?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const entries = Array.from(arrays, ([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  return encodeZip(entries, options);
}
