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

/** Takes back that the marker pixels of a component are contested. */
export function uncontest({ roles }: FloodField, sources: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const p = sources[i]!;
    if (roles[p] === Role.contested) roles[p] = Role.active;
  }
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

/** Components in which more labels tie are not examined by {@link FloodLists.isSettled}. */
const MAX_LABELS = 32;

/**
 * First-in-first-out lists of pixels, one per value, which give the order by value and age without a heap. Bytes only.
 */
export class FloodLists {
  readonly #next: Int32Array;
  /** First pixel of each component's list of reached pixels; 0, a position of the frame, ends a list. */
  readonly #reached: Int32Array;
  readonly #heads = new Int32Array(256);
  readonly #tails = new Int32Array(256);
  /** Pixels in the lists; no list of a value below the level has any. */
  #waiting = 0;
  #level = 255;

  /** Pixels that the flood under way has reached. */
  readonly #claimed: Int32Array;

  /**
   * @param next - scratch, one entry per framed pixel
   * @param claimed - scratch, one entry per pixel of the mask
   */
  constructor(next: Int32Array, claimed: Int32Array, components: number) {
    this.#next = next;
    this.#claimed = claimed;
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
  finish(field: FloodField, sources: Int32Array, from: number, to: number, c: number): void {
    const { relief, roles } = field;
    const next = this.#next;
    // Marker pixels have age 0: they come first.
    for (let i = from; i < to; i++) if (roles[sources[i]!] !== Role.idle) this.#append(relief, sources[i]!);
    for (let p = this.#reached[c]!; p !== 0; ) {
      const following = next[p]!;
      this.#append(relief, p);
      p = following;
    }
    this.#reached[c] = 0;
    this.#run(field);
  }

  /**
   * Whether a component, whose marker pixels are listed, is labelled the same in whatever order tied marker pixels leave.
   *
   * Of two tied pixels that leave one after the other, let the one of label a go first: a loses no pixel by that, because
   * what both reach is the same set, labelled by the first, and enters the queues with a's part before the other's, so
   * the argument repeats. So of all orders a gets most pixels, and every pixel it gets in any, when its pixels leave
   * first, and fewest when they leave last. Where both numbers agree, a's pixels are the same in every order.
   *
   * @returns false also where it would take too long to tell
   */
  isSettled(field: FloodField, sources: Int32Array, from: number, to: number): boolean {
    // For a label without contested pixels all exchanges are between others.
    const labels = new Set<number>();
    for (let i = from; i < to; i++) {
      if (field.roles[sources[i]!] === Role.contested) labels.add(field.labels[sources[i]!]!);
    }
    if (labels.size > MAX_LABELS || field.rising) return false;
    // What all others keep, the last one keeps as well.
    return [...labels]
      .slice(1)
      .every(
        (label) =>
          this.#pixelsOf(label, true, field, sources, from, to) ===
          this.#pixelsOf(label, false, field, sources, from, to),
      );
  }

  /** Pixels that `label` gets when it goes first, or last, among ties; nothing stays flooded. */
  #pixelsOf(
    label: number,
    first: boolean,
    field: FloodField,
    sources: Int32Array,
    from: number,
    to: number,
  ): number {
    const { relief, labels, roles } = field;
    for (const own of [first, !first]) {
      for (let i = from; i < to; i++) {
        const p = sources[i]!;
        if (roles[p] !== Role.idle && (labels[p] === label) === own) this.#append(relief, p);
      }
    }
    const claimed = this.#run(field);
    let n = 0;
    for (let i = 0; i < claimed; i++) {
      const p = this.#claimed[i]!;
      if (labels[p] === label) n++;
      labels[p] = 0;
    }
    return n;
  }

  /** Puts a pixel at the end of its value's list. */
  #append(relief: FloodField["relief"], p: number): void {
    const value = relief[p]!;
    this.#next[p] = 0;
    if (this.#heads[value] === 0) this.#heads[value] = p;
    else this.#next[this.#tails[value]!] = p;
    this.#tails[value] = p;
    if (value < this.#level) this.#level = value;
    this.#waiting++;
  }

  /** Works all lists off; returns how many pixels were reached. */
  #run({ relief, labels, stride, rising }: FloodField): number {
    const heads = this.#heads;
    let claimed = 0;
    while (this.#waiting > 0) {
      const level = this.#level;
      const p = heads[level]!;
      if (p === 0) {
        this.#level++;
        continue;
      }
      heads[level] = this.#next[p]!;
      this.#waiting--;
      const label = labels[p]!;
      for (let k = 0; k < 4; k++) {
        const q = k === 0 ? p - stride : k === 1 ? p - 1 : k === 2 ? p + 1 : p + stride;
        if (labels[q] !== 0) continue;
        labels[q] = label;
        this.#claimed[claimed++] = q;
        if (rising && relief[q]! < level) relief[q] = level;
        this.#append(relief, q);
      }
    }
    this.#level = 255;
    return claimed;
  }
}
