/**
 * The part of a flood that belongs to one component of the mask: which ties matter in it, and how it ends. Internal to
 * the flood.
 *
 * @module
 */
import { type FloodField, Role } from "./flood-heap.js";

/** Whether a marker pixel has no neighbour to reach. */
function isEnclosed(labels: Int32Array, stride: number, p: number): boolean {
  return labels[p - stride] !== 0 && labels[p - 1] !== 0 && labels[p + 1] !== 0 && labels[p + stride] !== 0;
}

/** Whether two marker pixels with neighbours to reach tie, of one value and different labels. */
export function hasTies(
  { labels, stride }: FloodField,
  relief: Float64Array,
  sources: Int32Array,
  from: number,
  to: number,
): boolean {
  const seen = new Map<number, number>();
  for (let i = from; i < to; i++) {
    const p = sources[i]!;
    if (isEnclosed(labels, stride, p)) continue;
    const label = seen.get(relief[p]!);
    if (label === undefined) seen.set(relief[p]!, labels[p]!);
    else if (label !== labels[p]) return true;
  }
  return false;
}

/** Moves the marker pixels with neighbours to reach to the front, keeping their order; returns where they end. */
export function dropEnclosed(
  { labels, stride }: FloodField,
  sources: Int32Array,
  from: number,
  to: number,
): number {
  let end = from;
  for (let i = from; i < to; i++) {
    const p = sources[i]!;
    if (!isEnclosed(labels, stride, p)) sources[end++] = p;
  }
  return end;
}

/** Assigns roles; remembers the labels seen per value. Bytes only. */
export class RoleTable {
  readonly #labels = new Int32Array(256);
  /** Number of the call in which a value was last seen, and was last seen with a second label. */
  readonly #seen = new Int32Array(256);
  readonly #tied = new Int32Array(256);
  #call = 0;

  /**
   * Sets the roles of the marker pixels of one component.
   *
   * @returns how many are contested
   */
  assign(
    { labels, stride, roles }: FloodField,
    relief: Uint8Array,
    sources: Int32Array,
    from: number,
    to: number,
  ): number {
    const call = ++this.#call;
    let tied = false;
    for (let i = from; i < to; i++) {
      const p = sources[i]!;
      if (isEnclosed(labels, stride, p)) {
        roles[p] = Role.idle;
        continue;
      }
      roles[p] = Role.active;
      const value = relief[p]!;
      if (this.#seen[value] !== call) {
        this.#seen[value] = call;
        this.#labels[value] = labels[p]!;
      } else if (this.#labels[value] !== labels[p]) {
        this.#tied[value] = call;
        tied = true;
      }
    }
    if (!tied) return 0;
    let contested = 0;
    for (let i = from; i < to; i++) {
      const p = sources[i]!;
      if (roles[p] === Role.idle || this.#tied[relief[p]!] !== call) continue;
      roles[p] = Role.contested;
      contested++;
    }
    return contested;
  }
}

/**
 * First-in-first-out lists of pixels, one per value, which give the order by value and age without a heap. Bytes only.
 */
export class FloodLists {
  readonly #next: Int32Array;
  /** First pixel of each component's list of reached pixels; 0, a position of the frame, ends a list. */
  readonly #reached: Int32Array;
  readonly #heads = new Int32Array(256);
  readonly #tails = new Int32Array(256);

  /** @param next - scratch, one entry per framed pixel */
  constructor(next: Int32Array, components: number) {
    this.#next = next;
    this.#reached = new Int32Array(components + 1);
  }

  /** Sorts the waiting pixels among `reached[1…age]`, those not 0, by component, each in the order of their ages. */
  group(reached: Int32Array, age: number, components: Int32Array): void {
    for (let k = age; k > 0; k--) {
      const p = reached[k]!;
      if (p === 0) continue;
      const c = components[p]!;
      this.#next[p] = this.#reached[c]!;
      this.#reached[c] = p;
    }
  }

  /** Floods what is left of component `c`, whose marker pixels are listed, in any order. */
  finish(
    { relief, labels, stride, roles, rising }: FloodField,
    sources: Int32Array,
    from: number,
    to: number,
    c: number,
  ): void {
    const next = this.#next;
    const heads = this.#heads;
    let waiting = 0;
    let level = 255;
    const append = (p: number): void => {
      const value = relief[p]!;
      next[p] = 0;
      if (heads[value] === 0) heads[value] = p;
      else next[this.#tails[value]!] = p;
      this.#tails[value] = p;
      if (value < level) level = value;
      waiting++;
    };
    // Marker pixels have age 0: they come first.
    for (let i = from; i < to; i++) if (roles[sources[i]!] !== Role.idle) append(sources[i]!);
    for (let p = this.#reached[c]!; p !== 0; ) {
      const following = next[p]!;
      append(p);
      p = following;
    }
    this.#reached[c] = 0;
    while (waiting > 0) {
      const p = heads[level]!;
      if (p === 0) {
        level++;
        continue;
      }
      heads[level] = next[p]!;
      waiting--;
      const current = level;
      const label = labels[p]!;
      for (let k = 0; k < 4; k++) {
        const q = k === 0 ? p - stride : k === 1 ? p - 1 : k === 2 ? p + 1 : p + stride;
        if (labels[q] !== 0) continue;
        labels[q] = label;
        if (rising && relief[q]! < current) relief[q] = current;
        append(q);
      }
    }
  }
}
