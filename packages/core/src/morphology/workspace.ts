/**
 * Scratch memory that outlives a call, so that post-processing one image after another allocates nothing but its
 * results.
 *
 * @module
 */

/** Kinds of buffers a workspace lends. */
interface BufferKinds {
  readonly uint8: Map<string, Uint8Array>;
  readonly int32: Map<string, Int32Array>;
  readonly float64: Map<string, Float64Array>;
}

/**
 * Named typed arrays that grow as needed and are lent again on the next call. Contents are whatever the last
 * borrower left. One workspace serves one call at a time: give each worker its own.
 */
export class Workspace {
  readonly #buffers: BufferKinds = { uint8: new Map(), int32: new Map(), float64: new Map() };

  /** Lends the byte buffer `name`, `length` long, contents undefined. */
  uint8(name: string, length: number): Uint8Array {
    const known = this.#buffers.uint8.get(name);
    if (known !== undefined && known.length >= length) return known.subarray(0, length);
    const fresh = new Uint8Array(length);
    this.#buffers.uint8.set(name, fresh);
    return fresh;
  }

  /** Lends the 32-bit integer buffer `name`, `length` long, contents undefined. */
  int32(name: string, length: number): Int32Array {
    const known = this.#buffers.int32.get(name);
    if (known !== undefined && known.length >= length) return known.subarray(0, length);
    const fresh = new Int32Array(length);
    this.#buffers.int32.set(name, fresh);
    return fresh;
  }

  /** Lends the float64 buffer `name`, `length` long, contents undefined. */
  float64(name: string, length: number): Float64Array {
    const known = this.#buffers.float64.get(name);
    if (known !== undefined && known.length >= length) return known.subarray(0, length);
    const fresh = new Float64Array(length);
    this.#buffers.float64.set(name, fresh);
    return fresh;
  }
}
