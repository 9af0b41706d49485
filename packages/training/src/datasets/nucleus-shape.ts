/**
 * What the form of one annotated nucleus tells about mistakes: parts, holes, and a neck between two lobes.
 *
 * @module
 */
import { distanceTransform, fillHoles, type LabelMap, labelComponents } from "@renograde/core";

/** Form of one nucleus. */
export interface NucleusShape {
  /** 8-connected parts. */
  readonly parts: number;
  /** Pixels outside the largest part. */
  readonly looseArea: number;
  /** Pixels enclosed by the nucleus that do not belong to it. */
  readonly holeArea: number;
  /** Some of the enclosed pixels belong to another nucleus. */
  readonly enclosesOther: boolean;
  /**
   * Width of the neck between the two lobes that are parted most clearly, relative to the width of the smaller lobe;
   * 1 when there are no two lobes. Two overlapping discs of equal size give less than 1, an ellipse gives 1.
   */
  readonly neck: number;
}

/** A lobe has at least this share of the width of the widest place. */
const LEAST_LOBE = 0.5;
/** Half a width below this many pixels is a ragged outline, not a lobe. */
const LEAST_RADIUS_PX = 3;

/**
 * Flood of the distance to the background from its peaks down: where two floods meet, the distance there over the
 * lower peak is the neck of the two lobes. The least over all meetings of lobes that are large enough.
 */
function neckOf(distance: Float32Array, width: number): number {
  const order: number[] = [];
  for (let p = 0; p < distance.length; p++) if (distance[p]! > 0) order.push(p);
  order.sort((a, b) => distance[b]! - distance[a]! || a - b);
  const highest = distance[order[0] ?? 0] ?? 0;
  const leastPeak = Math.max(LEAST_RADIUS_PX, LEAST_LOBE * highest);
  const parent = new Int32Array(distance.length).fill(-1);
  const find = (p: number): number => {
    let root = p;
    while (parent[root] !== root) root = parent[root]!;
    while (parent[p] !== root) {
      const next = parent[p]!;
      parent[p] = root;
      p = next;
    }
    return root;
  };
  let neck = 1;
  for (const p of order) {
    parent[p] = p;
    for (const offset of [-width - 1, -width, 1 - width, -1, 1, width - 1, width, width + 1]) {
      const q = p + offset;
      if (q < 0 || q >= parent.length || parent[q] === -1) continue;
      const a = find(p);
      const b = find(q);
      if (a === b) continue;
      // Roots are the peaks of their floods: the first pixel of each.
      const [low, high] =
        distance[a]! < distance[b]! || (distance[a] === distance[b] && a > b) ? [a, b] : [b, a];
      if (distance[low]! >= leastPeak) neck = Math.min(neck, distance[p]! / distance[low]!);
      parent[low] = high;
    }
  }
  return neck;
}

/**
 * Examines one nucleus.
 *
 * @param id - its label
 * @param box - rowMin, colMin, rowMax, colMax; maxima exclusive
 */
export function nucleusShape(
  labels: LabelMap,
  id: number,
  box: readonly [number, number, number, number],
): NucleusShape {
  const [top, left, bottom, right] = box;
  // One pixel of frame, so that the nucleus touches no edge of the cut.
  const width = right - left + 2;
  const height = bottom - top + 2;
  const mask = new Uint8Array(width * height);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (labels.data[y * labels.width + x] === id) mask[(y - top + 1) * width + x - left + 1] = 1;
    }
  }
  const binary = { width, height, data: mask };
  const parts = labelComponents(binary, 8);
  const areas = new Int32Array(parts.count + 1);
  for (const part of parts.data) areas[part]!++;
  areas[0] = 0;
  const total = areas.reduce((a, b) => a + b, 0);
  const filled = fillHoles(binary);
  let holeArea = 0;
  let enclosesOther = false;
  for (let p = 0; p < mask.length; p++) {
    if (filled.data[p] === mask[p]) continue;
    holeArea++;
    const x = (p % width) + left - 1;
    const y = Math.floor(p / width) + top - 1;
    if (labels.data[y * labels.width + x] !== 0) enclosesOther = true;
  }
  // Holes are mistakes of their own and would make necks of any ring.
  const distance = distanceTransform(filled);
  return {
    parts: parts.count,
    looseArea: total - Math.max(...areas),
    holeArea,
    enclosesOther,
    neck: neckOf(distance.data, width),
  };
}
