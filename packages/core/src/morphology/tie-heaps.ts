/**
 * The binary heap of scikit-image's watershed, step for step (spec/postprocessing.md §3.1), in two sizes. Items are
 * ordered by value, then age; on the way up an item passes its parent only when strictly smaller, on the way down the
 * left child wins ties. Internal to the flood.
 *
 * @module
 */
import type { Workspace } from "./workspace.js";

/** A heap of pixels. */
export interface TieHeap {
  /** Number of items. */
  readonly size: number;
  /** Value and age of the item popped last. */
  readonly value: number;
  readonly age: number;
  /** Empties the heap. */
  clear(): void;
  push(value: number, age: number, pixel: number): void;
  /** Removes the first item and returns its pixel; the heap must not be empty. */
  pop(): number;
}

/** Ages below this fit {@link ByteHeap}. */
export const BYTE_HEAP_AGES = 2 ** 23;

/**
 * Values 0…255 and ages below 2^23: value · 2^23 + age is a 32-bit integer, and lies beside its pixel, so that a level
 * of a large heap costs one access to memory. Item i is at 2i + 2 and 2i + 3: two children share a cache line.
 */
export class ByteHeap implements TieHeap {
  readonly #items: Int32Array;
  size = 0;
  value = 0;
  age = 0;

  constructor(capacity: number, workspace: Workspace) {
    this.#items = workspace.int32("heap.items", 2 * capacity + 2);
  }

  clear(): void {
    this.size = 0;
  }

  push(value: number, age: number, pixel: number): void {
    const items = this.#items;
    const key = value * BYTE_HEAP_AGES + age;
    // From here on a node n has the children 2n and 2n + 1, as positions of keys with a step of 2.
    let at = 2 * ++this.size;
    while (at > 2) {
      const parent = (at >> 1) & ~1;
      const parentKey = items[parent]!;
      if (key >= parentKey) break;
      items[at] = parentKey;
      items[at + 1] = items[parent + 1]!;
      at = parent;
    }
    items[at] = key;
    items[at + 1] = pixel;
  }

  /**
   * The smaller children move up from the root to the bottom, then those not smaller than the last item move back
   * down to make room for it, which ends where a search from the top would stop. The sign of a difference chooses
   * the child: the choice is unpredictable, and a branch would cost more.
   */
  pop(): number {
    const items = this.#items;
    const first = items[2]!;
    const pixel = items[3]!;
    const end = 2 * this.size--;
    const key = items[end]!;
    let hole = 2;
    for (let child = 4; child < end; child = 2 * hole) {
      if (child + 2 < end) child += ((items[child + 2]! - items[child]!) >>> 31) << 1;
      items[hole] = items[child]!;
      items[hole + 1] = items[child + 1]!;
      hole = child;
    }
    while (hole > 2) {
      const parent = (hole >> 1) & ~1;
      const parentKey = items[parent]!;
      if (parentKey < key) break;
      items[hole] = parentKey;
      items[hole + 1] = items[parent + 1]!;
      hole = parent;
    }
    items[hole] = key;
    items[hole + 1] = items[end + 1]!;
    this.value = first >> 23;
    this.age = first & (BYTE_HEAP_AGES - 1);
    return pixel;
  }
}

/** Any values but NaN, and ages below 2^31. */
export class WideHeap implements TieHeap {
  readonly #values: Float64Array;
  /** Age and pixel of item i at 2i and 2i + 1. */
  readonly #items: Int32Array;
  size = 0;
  value = 0;
  age = 0;

  constructor(capacity: number, workspace: Workspace) {
    this.#values = workspace.float64("heap.values", capacity);
    this.#items = workspace.int32("heap.items", 2 * capacity);
  }

  clear(): void {
    this.size = 0;
  }

  push(value: number, age: number, pixel: number): void {
    const values = this.#values;
    const items = this.#items;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = values[parent]!;
      if (above < value || (above === value && items[2 * parent]! <= age)) break;
      values[at] = above;
      items[2 * at] = items[2 * parent]!;
      items[2 * at + 1] = items[2 * parent + 1]!;
      at = parent;
    }
    values[at] = value;
    items[2 * at] = age;
    items[2 * at + 1] = pixel;
  }

  pop(): number {
    const values = this.#values;
    const items = this.#items;
    this.value = values[0]!;
    this.age = items[0]!;
    const pixel = items[1]!;
    const end = --this.size;
    const value = values[end]!;
    const age = items[2 * end]!;
    let hole = 0;
    for (let child = 1; child < end; child = 2 * hole + 1) {
      let least = values[child]!;
      if (child + 1 < end) {
        const right = values[child + 1]!;
        if (right < least || (right === least && items[2 * child + 2]! < items[2 * child]!)) {
          child++;
          least = right;
        }
      }
      if (least > value || (least === value && items[2 * child]! >= age)) break;
      values[hole] = least;
      items[2 * hole] = items[2 * child]!;
      items[2 * hole + 1] = items[2 * child + 1]!;
      hole = child;
    }
    values[hole] = value;
    items[2 * hole] = age;
    items[2 * hole + 1] = items[2 * end + 1]!;
    return pixel;
  }
}
