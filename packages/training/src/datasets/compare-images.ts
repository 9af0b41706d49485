/**
 * Verifies that two images show the same tissue, by laying one over the other.
 *
 * @module
 */
import type { RgbImage } from "@renograde/core";
import { boxSums } from "./landmarks.js";
import { ORIENTATIONS } from "./orientations.js";

const LEAST_CORRELATION = 0.9;
const LEAST_OVERLAP_PX = 48;
/** The displacement is searched around the landmarks' mean. */
const SEARCH_PX = 3;

/** Two images of the same tissue: point p of `first` lies at `orientation · p + offset` of `second`. */
export interface DuplicatePair {
  readonly first: number;
  readonly second: number;
  /** Index into `ORIENTATIONS`. */
  readonly orientation: number;
  readonly offset: readonly [x: number, y: number];
  /** Overlap over the area of the smaller image, 0…1. */
  readonly overlap: number;
  /** Every pixel of the overlap is the same in both. */
  readonly identical: boolean;
  /** Correlation of the overlap; 1 for identical pixels. */
  readonly correlation: number;
}

/** What landmarks suggest: displacements are summed over the votes. */
export interface Candidate {
  readonly first: number;
  readonly second: number;
  readonly orientation: number;
  /** 0 = nothing is known but that both may be whole copies. */
  votes: number;
  sumX: number;
  sumY: number;
}

/** Red, green and blue summed over 3 × 3 px; 0 in the outermost pixel. */
function smooth(image: RgbImage): Int32Array {
  const grey = new Int32Array(image.width * image.height);
  for (let p = 0, i = 0; p < grey.length; p++, i += 3) {
    grey[p] = image.data[i]! + image.data[i + 1]! + image.data[i + 2]!;
  }
  return boxSums(grey, image.width, image.height, 1);
}

/** Rectangle of `second` that `first` covers. */
function overlapOf(
  o: { a: number; b: number; c: number; d: number },
  x: number,
  y: number,
  first: RgbImage,
  second: RgbImage,
): { left: number; top: number; right: number; bottom: number } {
  const cornerX = o.a * (first.width - 1) + o.b * (first.height - 1);
  const cornerY = o.c * (first.width - 1) + o.d * (first.height - 1);
  return {
    left: Math.max(0, x + Math.min(0, cornerX)),
    top: Math.max(0, y + Math.min(0, cornerY)),
    right: Math.min(second.width, x + Math.max(0, cornerX) + 1),
    bottom: Math.min(second.height, y + Math.max(0, cornerY) + 1),
  };
}

/**
 * Lays `first` over `second` as the candidate says, searched a few pixels around.
 *
 * @returns null when they do not show the same
 */
export function compareImages(candidate: Candidate, first: RgbImage, second: RgbImage): DuplicatePair | null {
  const o = ORIENTATIONS[candidate.orientation]!;
  const whole = candidate.votes === 0;
  const turned = o.a === 0;
  const [width, height] = turned ? [first.height, first.width] : [first.width, first.height];
  if (whole && (width !== second.width || height !== second.height)) return null;
  const centreX = whole
    ? o.a + o.b < 0
      ? second.width - 1
      : 0
    : Math.round(candidate.sumX / candidate.votes);
  const centreY = whole
    ? o.c + o.d < 0
      ? second.height - 1
      : 0
    : Math.round(candidate.sumY / candidate.votes);
  const one = smooth(first);
  const two = smooth(second);
  const correlationAt = (x: number, y: number, step: number): number => {
    const { left, top, right, bottom } = overlapOf(o, x, y, first, second);
    let [n, s1, s2, s11, s22, s12] = [0, 0, 0, 0, 0, 0];
    for (let v = top + 1; v < bottom - 1; v += step) {
      for (let u = left + 1; u < right - 1; u += step) {
        const p = o.a * (u - x) + o.c * (v - y);
        const q = o.b * (u - x) + o.d * (v - y);
        const value1 = one[q * first.width + p]!;
        const value2 = two[v * second.width + u]!;
        n++;
        s1 += value1;
        s2 += value2;
        s11 += value1 * value1;
        s22 += value2 * value2;
        s12 += value1 * value2;
      }
    }
    const spread = (s11 - (s1 * s1) / n) * (s22 - (s2 * s2) / n);
    return spread > 0 ? (s12 - (s1 * s2) / n) / Math.sqrt(spread) : 0;
  };
  let best = { x: centreX, y: centreY, value: Number.NEGATIVE_INFINITY };
  const reach = whole ? 0 : SEARCH_PX;
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const value = correlationAt(centreX + dx, centreY + dy, 4);
      if (value > best.value) best = { x: centreX + dx, y: centreY + dy, value };
    }
  }
  const { x, y } = best;
  const { left, top, right, bottom } = overlapOf(o, x, y, first, second);
  if (!whole && Math.min(right - left, bottom - top) < LEAST_OVERLAP_PX) return null;
  let identical = true;
  for (let v = top; v < bottom && identical; v++) {
    for (let u = left; u < right; u++) {
      const i = 3 * ((o.b * (u - x) + o.d * (v - y)) * first.width + o.a * (u - x) + o.c * (v - y));
      const j = 3 * (v * second.width + u);
      if (
        first.data[i] !== second.data[j] ||
        first.data[i + 1] !== second.data[j + 1] ||
        first.data[i + 2] !== second.data[j + 2]
      ) {
        identical = false;
        break;
      }
    }
  }
  const correlation = identical ? 1 : correlationAt(x, y, 1);
  if (correlation < LEAST_CORRELATION) return null;
  const smaller = Math.min(first.width * first.height, second.width * second.height);
  return {
    first: candidate.first,
    second: candidate.second,
    orientation: candidate.orientation,
    offset: [x, y],
    overlap: ((right - left) * (bottom - top)) / smaller,
    identical,
    correlation,
  };
}
