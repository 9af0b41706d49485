/**
 * Landmarks of an image: places its content chooses, each with a fingerprint of its surroundings that flips and
 * quarter turns only permute. Two images of the same tissue have many in common, however they were cut out.
 *
 * Places are the extrema of the brightness after a box blur, in windows of 25 × 25 px. The fingerprint (a perceptual
 * hash) has one bit for each of 8 × 8 points around: brighter than their median or not. All sums are whole
 * numbers, so a mirrored image has exactly the mirrored landmarks.
 *
 * @module
 */
import type { RgbImage } from "@renograde/core";
import { ORIENTATIONS } from "./orientations.js";

/** Landmarks of one image; entry i of every array belongs to landmark i. */
export interface Landmarks {
  readonly count: number;
  readonly x: Uint16Array;
  readonly y: Uint16Array;
  /** 64 bits as two words. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Radius of the blur before extrema are looked for. */
const COARSE_RADIUS = 5;
/** Radius of the blur the fingerprint reads. */
const FINE_RADIUS = 2;
/** Half the window an extremum rules. */
const WINDOW = 12;
/** The fingerprint's points lie at these offsets along both axes; symmetric, so turns permute them. */
const OFFSETS = [-21, -15, -9, -3, 3, 9, 15, 21];
const MARGIN = 21 + 2 * Math.max(FINE_RADIUS, COARSE_RADIUS);
/** Least spread of the 64 values in grey levels: empty glass has no landmarks. */
const LEAST_SPREAD = 12;
const MOST_LANDMARKS = 600;

/** Red, green and blue summed. */
function brightness(image: RgbImage): Int32Array {
  const grey = new Int32Array(image.width * image.height);
  for (let p = 0, i = 0; p < grey.length; p++, i += 3) {
    grey[p] = image.data[i]! + image.data[i + 1]! + image.data[i + 2]!;
  }
  return grey;
}

/** Sums over windows of 2r + 1 along both axes; whole numbers, 0 where the window leaves the image. */
export function boxSums(source: Int32Array, width: number, height: number, radius: number): Int32Array {
  const rows = new Int32Array(source.length);
  const side = 2 * radius + 1;
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) {
      sum += source[y * width + x]!;
      if (x >= side) sum -= source[y * width + x - side]!;
      if (x >= side - 1) rows[y * width + x - radius] = sum;
    }
  }
  const out = new Int32Array(source.length);
  for (let x = 0; x < width; x++) {
    let sum = 0;
    for (let y = 0; y < height; y++) {
      sum += rows[y * width + x]!;
      if (y >= side) sum -= rows[(y - side) * width + x]!;
      if (y >= side - 1) out[(y - radius) * width + x] = sum;
    }
  }
  return out;
}

/** Extrema by rows of blocks: the one pixel above, or below, all others within {@link WINDOW}. */
function findExtrema(map: Int32Array, width: number, height: number, sign: 1 | -1): number[] {
  const found: number[] = [];
  const side = WINDOW + 1;
  // Every window of this size holds at least one whole block, so an extremum is the extremum of its block.
  for (let blockY = MARGIN; blockY < height - MARGIN; blockY += side) {
    for (let blockX = MARGIN; blockX < width - MARGIN; blockX += side) {
      let best = -1;
      let most = Number.NEGATIVE_INFINITY;
      for (let y = blockY; y < Math.min(blockY + side, height - MARGIN); y++) {
        for (let x = blockX; x < Math.min(blockX + side, width - MARGIN); x++) {
          const value = sign * map[y * width + x]!;
          if (value > most) {
            most = value;
            best = y * width + x;
          }
        }
      }
      if (best >= 0 && isExtremum(map, width, best, sign)) found.push(best);
    }
  }
  return found;
}

function isExtremum(map: Int32Array, width: number, at: number, sign: 1 | -1): boolean {
  const value = sign * map[at]!;
  for (let dy = -WINDOW; dy <= WINDOW; dy++) {
    for (let dx = -WINDOW; dx <= WINDOW; dx++) {
      const other = at + dy * width + dx;
      if (other !== at && sign * map[other]! >= value) return false;
    }
  }
  return true;
}

/** Finds the landmarks of an image; none in images below about 65 px or without structure. */
export function findLandmarks(image: RgbImage): Landmarks {
  const { width, height } = image;
  const grey = brightness(image);
  // Sums of sums stay below 2^31: 765 · 11^4.
  const coarse = boxSums(boxSums(grey, width, height, COARSE_RADIUS), width, height, COARSE_RADIUS);
  const fine = boxSums(boxSums(grey, width, height, FINE_RADIUS), width, height, FINE_RADIUS);
  const unit = 3 * (2 * FINE_RADIUS + 1) ** 4;
  const found: { p: number; low: number; high: number; spread: number }[] = [];
  const values = new Int32Array(64);
  for (const sign of [1, -1] as const) {
    for (const p of findExtrema(coarse, width, height, sign)) {
      OFFSETS.forEach((dy, r) => {
        OFFSETS.forEach((dx, c) => {
          values[8 * r + c] = fine[p + dy * width + dx]!;
        });
      });
      const sorted = values.slice().sort();
      const spread = (sorted[57]! - sorted[6]!) / unit;
      if (spread < LEAST_SPREAD) continue;
      const median = sorted[31]!;
      let low = 0;
      let high = 0;
      for (let bit = 0; bit < 32; bit++) {
        if (values[bit]! > median) low |= 1 << bit;
        if (values[bit + 32]! > median) high |= 1 << bit;
      }
      found.push({ p, low: low >>> 0, high: high >>> 0, spread });
    }
  }
  found.sort((a, b) => b.spread - a.spread || a.p - b.p).splice(MOST_LANDMARKS);
  return {
    count: found.length,
    x: Uint16Array.from(found, ({ p }) => p % width),
    y: Uint16Array.from(found, ({ p }) => Math.floor(p / width)),
    low: Uint32Array.from(found, ({ low }) => low),
    high: Uint32Array.from(found, ({ high }) => high),
  };
}

/** Bit of the turned fingerprint by bit of the fingerprint, for every orientation. */
const PERMUTATIONS = ORIENTATIONS.map(({ a, b, c, d }) =>
  Uint8Array.from({ length: 64 }, (_, bit) => {
    const x = OFFSETS[bit % 8]!;
    const y = OFFSETS[bit >> 3]!;
    return 8 * OFFSETS.indexOf(c * x + d * y) + OFFSETS.indexOf(a * x + b * y);
  }),
);

/** A fingerprint as the turned or mirrored image has it: its two words. */
export function turnFingerprint(low: number, high: number, orientation: number): [low: number, high: number] {
  const permutation = PERMUTATIONS[orientation]!;
  let newLow = 0;
  let newHigh = 0;
  for (let bit = 0; bit < 64; bit++) {
    if (((bit < 32 ? low >>> bit : high >>> (bit - 32)) & 1) === 0) continue;
    const to = permutation[bit]!;
    if (to < 32) newLow |= 1 << to;
    else newHigh |= 1 << (to - 32);
  }
  return [newLow >>> 0, newHigh >>> 0];
}
