/**
 * Identity of a set of weights.
 *
 * @module
 */
import { Sha256 } from "./sha256.js";
import type { StateDict } from "./state.js";

/**
 * SHA-256 over names, shapes and float32 values (little-endian) of all arrays, in the order of their names. The same
 * weights give the same hash in every file format.
 *
 * @returns 64 hexadecimal digits
 */
export function parameterHash(state: StateDict): string {
  const hash = new Sha256();
  const utf8 = new TextEncoder();
  const names = [...state.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    const { shape, data } = state.get(name)!;
    hash.update(utf8.encode(`${name}\n${shape.join(",")}\n`));
    hash.update(littleEndian(data));
  }
  return hash.digest();
}

const HOST_IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndian(data: Float32Array | Float64Array): Uint8Array {
  const floats = data instanceof Float32Array ? data : Float32Array.from(data);
  if (HOST_IS_LITTLE) return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  const view = new DataView(new ArrayBuffer(floats.length * 4));
  for (let i = 0; i < floats.length; i++) view.setFloat32(4 * i, floats[i]!, true);
  return new Uint8Array(view.buffer);
}
