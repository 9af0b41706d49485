/**
 * Images that show the same tissue: exact copies, overlapping cuts, also flipped and turned.
 *
 * Candidates come from landmarks ({@link findLandmarks}): a pair is one when at least two landmarks of both agree in
 * their fingerprints (at most 8 of 64 bits differ) and in the displacement and orientation they imply. A candidate
 * is then verified by laying one image over the other: correlation of the blurred brightness over the whole overlap
 * of at least 0.9. Copies at another magnification are not found. Images without landmarks (glass) are compared by
 * a checksum that all eight orientations share.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RgbImage } from "@renograde/core";
import { type Candidate, compareImages, type DuplicatePair } from "./compare-images.js";
import { findLandmarks, type Landmarks, turnFingerprint } from "./landmarks.js";
import { ORIENTATIONS } from "./orientations.js";

const MOST_BITS = 8;
const LEAST_VOTES = 2;
/** Displacements of one candidate agree within this many pixels. */
const CELL_PX = 8;
/** Images with fewer landmarks are compared by checksum as well. */
const FEW_LANDMARKS = 8;
const BANDS = 4;

function bitsOf(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Every fourth bit of both words, from `band`: points spread over the whole neighbourhood. */
function bandOf(low: number, high: number, band: number): number {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    // Columns shift from row to row, so that a band is no set of columns.
    const bit = 4 * i + ((band + (i >> 1)) & 3);
    value |= ((low >>> bit) & 1) << i;
    value |= ((high >>> bit) & 1) << (i + 8);
  }
  return value;
}

/** The least SHA-256 of the eight orientations. */
function sharedChecksum(image: RgbImage): string {
  const { width, height } = image;
  let least = "";
  for (const { a, b, c, d } of ORIENTATIONS) {
    const turned = a === 0;
    const [w, h] = turned ? [height, width] : [width, height];
    const data = new Uint8Array(image.data.length);
    const shiftX = a + b < 0 ? w - 1 : 0;
    const shiftY = c + d < 0 ? h - 1 : 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const to = 3 * ((c * x + d * y + shiftY) * w + a * x + b * y + shiftX);
        const from = 3 * (y * width + x);
        data[to] = image.data[from]!;
        data[to + 1] = image.data[from + 1]!;
        data[to + 2] = image.data[from + 2]!;
      }
    }
    const digest = createHash("sha256").update(`${w}x${h}:`).update(data).digest("hex");
    if (least === "" || digest < least) least = digest;
  }
  return least;
}

/** Collects images one by one and finds those that show the same tissue. */
export class DuplicateFinder {
  private readonly images: Landmarks[] = [];
  private readonly candidates: Candidate[] = [];
  private readonly checksums = new Map<string, number>();
  /** Landmarks by band value: chains of (image, landmark) numbers. */
  private readonly heads = new Int32Array(BANDS * 65_536).fill(-1);
  private nexts = new Int32Array(BANDS * 4096);
  private owners = new Int32Array(4096);
  private places = new Int32Array(4096);
  private count = 0;

  /** Adds the next image; its number is how many were added before. */
  add(image: RgbImage): void {
    const landmarks = findLandmarks(image);
    const number = this.images.push(landmarks) - 1;
    this.vote(number, landmarks);
    this.index(number, landmarks);
    if (landmarks.count >= FEW_LANDMARKS) return;
    const checksum = sharedChecksum(image);
    const first = this.checksums.get(checksum);
    if (first === undefined) {
      this.checksums.set(checksum, number);
      return;
    }
    for (let orientation = 0; orientation < ORIENTATIONS.length; orientation++) {
      // Which orientation it is, and where, verification finds out.
      this.candidates.push({ first, second: number, orientation, votes: 0, sumX: 0, sumY: 0 });
    }
  }

  private index(number: number, landmarks: Landmarks): void {
    for (let i = 0; i < landmarks.count; i++) {
      const entry = this.count++;
      if (entry === this.owners.length) {
        this.nexts = grow(this.nexts);
        this.owners = grow(this.owners);
        this.places = grow(this.places);
      }
      this.owners[entry] = number;
      this.places[entry] = i;
      for (let band = 0; band < BANDS; band++) {
        const head = band * 65_536 + bandOf(landmarks.low[i]!, landmarks.high[i]!, band);
        this.nexts[BANDS * entry + band] = this.heads[head]!;
        this.heads[head] = entry;
      }
    }
  }

  /** Compares every landmark in every orientation with those of earlier images. */
  private vote(number: number, landmarks: Landmarks): void {
    const votes = new Map<number, Candidate>();
    const seen = new Set<number>();
    for (let i = 0; i < landmarks.count; i++) {
      for (const [o, { a, b, c, d }] of ORIENTATIONS.entries()) {
        const [low, high] = turnFingerprint(landmarks.low[i]!, landmarks.high[i]!, o);
        seen.clear();
        for (let band = 0; band < BANDS; band++) {
          let entry = this.heads[band * 65_536 + bandOf(low, high, band)]!;
          for (; entry >= 0; entry = this.nexts[BANDS * entry + band]!) {
            const other = this.images[this.owners[entry]!]!;
            const j = this.places[entry]!;
            const bits = bitsOf(low ^ other.low[j]!) + bitsOf(high ^ other.high[j]!);
            if (bits > MOST_BITS || seen.has(entry)) continue;
            seen.add(entry);
            const x = other.x[j]! - (a * landmarks.x[i]! + b * landmarks.y[i]!);
            const y = other.y[j]! - (c * landmarks.x[i]! + d * landmarks.y[i]!);
            const cell = (Math.round(x / CELL_PX) + 0x4000) * 0x8000 + Math.round(y / CELL_PX) + 0x4000;
            const key = (this.owners[entry]! * 8 + o) * 0x4000_0000 + cell;
            const vote = votes.get(key) ?? {
              first: number,
              second: this.owners[entry]!,
              orientation: o,
              votes: 0,
              sumX: 0,
              sumY: 0,
            };
            vote.votes++;
            vote.sumX += x;
            vote.sumY += y;
            votes.set(key, vote);
          }
        }
      }
    }
    // The best of every pair of images: several overlaps of one pair are not told apart.
    const best = new Map<number, Candidate>();
    for (const vote of votes.values()) {
      if (vote.votes < LEAST_VOTES) continue;
      if (vote.votes > (best.get(vote.second)?.votes ?? 0)) best.set(vote.second, vote);
    }
    this.candidates.push(...best.values());
  }

  /**
   * Verifies all candidates.
   *
   * @param load - pixels of an image by its number
   * @param onProgress - called after every candidate
   * @returns pairs with `first` < `second`, in order
   */
  async verify(
    load: (number: number) => Promise<RgbImage>,
    onProgress?: (done: number, total: number) => void,
  ): Promise<DuplicatePair[]> {
    const pairs = new Map<string, DuplicatePair>();
    const ordered = this.candidates.toSorted((p, q) => p.first - q.first || p.second - q.second);
    let held = -1;
    let first: RgbImage = { width: 0, height: 0, data: new Uint8Array(0) };
    for (const [i, candidate] of ordered.entries()) {
      if (held !== candidate.first) {
        held = candidate.first;
        first = await load(held);
      }
      const pair = compareImages(candidate, first, await load(candidate.second));
      const key = `${candidate.first} ${candidate.second}`;
      if (pair !== null && pair.overlap > (pairs.get(key)?.overlap ?? 0)) pairs.set(key, pair);
      onProgress?.(i + 1, ordered.length);
    }
    return [...pairs.values()].map(forward).sort((p, q) => p.first - q.first || p.second - q.second);
  }
}

function grow(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}

/** The same pair told from the earlier image. */
function forward(pair: DuplicatePair): DuplicatePair {
  if (pair.first < pair.second) return pair;
  const { a, b, c, d } = ORIENTATIONS[pair.orientation]!;
  // The inverse of an orthogonal matrix is its transpose.
  const orientation = ORIENTATIONS.findIndex((o) => o.a === a && o.b === c && o.c === b && o.d === d);
  const [x, y] = pair.offset;
  const offset = [0 - (a * x + c * y), 0 - (b * x + d * y)] as const;
  return { ...pair, first: pair.second, second: pair.first, orientation, offset };
}
