/**
 * The part of a flood that one heap orders. Internal to the flood.
 *
 * @module
 */
import type { TieHeap } from "./tie-heaps.js";

/** What a marker pixel does when its turn comes. */
export const Role = {
  /** Nothing: no neighbour is free, or its turn is over. */
  idle: 0,
  /** It reaches neighbours, and ties with its like change nothing. */
  active: 1,
  /** It ties with an active marker pixel of another label in its component. */
  contested: 2,
} as const;

/** What is flooded, framed. */
export interface FloodField {
  /** Values at the mask's pixels; replaced by the value a pixel is queued with. */
  readonly relief: Uint8Array | Float64Array;
  /** Labels of the pixels reached, 0 for those to come, −1 outside the mask. */
  readonly labels: Int32Array;
  readonly stride: number;
  /** {@link Role} of each marker pixel; undefined elsewhere. */
  readonly roles: Uint8Array;
  /** Whether a pixel is never queued below the level it is reached from, as in scikit-image 0.25.2. */
  readonly rising: boolean;
}

/**
 * Floods from the given marker pixels, which enter with age 0 in their order, until `contested` of those whose
 * {@link Role} is contested have left, or none is left.
 *
 * @param reached - receives the pixels reached, by age from 1, and 0 instead of those whose turn is over; marker
 *   pixels become idle when theirs is
 * @returns the last age
 */
export function runHeap(
  field: FloodField,
  sources: Int32Array,
  from: number,
  to: number,
  contested: number,
  heap: TieHeap,
  reached: Int32Array,
): number {
  const { relief, labels, stride, roles, rising } = field;
  heap.clear();
  // 0, a position of the frame, stands for all idle pixels, whose surroundings need no look.
  for (let i = from; i < to; i++) {
    const p = sources[i]!;
    heap.push(relief[p]!, 0, roles[p] === Role.idle ? 0 : p);
  }
  let left = contested;
  let age = 0;
  while (heap.size > 0 && left > 0) {
    const p = heap.pop();
    if (p === 0) continue;
    const level = heap.value;
    if (heap.age > 0) {
      reached[heap.age] = 0;
    } else {
      if (roles[p] === Role.contested) left--;
      roles[p] = Role.idle;
    }
    const label = labels[p]!;
    for (let k = 0; k < 4; k++) {
      const q = k === 0 ? p - stride : k === 1 ? p - 1 : k === 2 ? p + 1 : p + stride;
      if (labels[q] !== 0) continue;
      labels[q] = label;
      reached[++age] = q;
      if (rising && relief[q]! < level) relief[q] = level;
      heap.push(relief[q]!, age, q);
    }
  }
  return age;
}
