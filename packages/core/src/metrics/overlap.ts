/**
 * The overlap matrix of two label maps, sparse: the pairs (true instance, predicted instance) that share pixels
 * and how many. Every pixel metric is computed from it, so memory and time follow the number of touching pairs
 * and never truth × prediction.
 *
 * @module
 */
import { assertSameSize, type LabelMap } from "../raster.js";
import { type InstanceTable, indexInstances } from "./instances.js";

/** Sparse overlaps, compressed by row: pairs `rowStart[t] … rowStart[t + 1] - 1` belong to true row `t`. */
export interface Overlap {
  readonly truth: InstanceTable;
  readonly prediction: InstanceTable;
  /** `[truth.count + 1]`. */
  readonly rowStart: Int32Array;
  /** Predicted row of each pair, ascending within a true row. */
  readonly column: Int32Array;
  /** Shared pixels of each pair, > 0. */
  readonly intersection: Float64Array;
}

/** Counts pairs of small integers; open addressing, doubled when half full. */
class PairCounter {
  size = 0;
  private first: Int32Array;
  private second: Int32Array;
  private counts: Float64Array;
  private mask: number;

  constructor(capacity: number) {
    this.mask = capacity - 1;
    this.first = new Int32Array(capacity);
    this.second = new Int32Array(capacity);
    this.counts = new Float64Array(capacity);
  }

  add(a: number, b: number, amount: number): void {
    let slot = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & this.mask;
    while (this.counts[slot] !== 0 && (this.first[slot] !== a || this.second[slot] !== b)) {
      slot = (slot + 1) & this.mask;
    }
    if (this.counts[slot] === 0) {
      this.first[slot] = a;
      this.second[slot] = b;
      this.size++;
    }
    this.counts[slot]! += amount;
    if (2 * this.size > this.mask) this.grow();
  }

  forEach(visit: (a: number, b: number, count: number) => void): void {
    for (let slot = 0; slot <= this.mask; slot++) {
      if (this.counts[slot] !== 0) visit(this.first[slot]!, this.second[slot]!, this.counts[slot]!);
    }
  }

  private grow(): void {
    const larger = new PairCounter(2 * (this.mask + 1));
    this.forEach((a, b, count) => {
      larger.add(a, b, count);
    });
    this.first = larger.first;
    this.second = larger.second;
    this.counts = larger.counts;
    this.mask = larger.mask;
  }
}

/**
 * Computes the overlap matrix of truth and prediction in one pass over the pixels.
 *
 * @param truth - LabelMap `[H, W]`, ids positive with holes allowed
 * @param prediction - LabelMap of the same size
 * @throws {@link ShapeError} when the maps differ in size, {@link DataError} for a negative id
 */
export function computeOverlap(truth: LabelMap, prediction: LabelMap): Overlap {
  assertSameSize("truth", truth, "prediction", prediction);
  const truthTable = indexInstances(truth);
  const predictionTable = indexInstances(prediction);
  const pairs = new PairCounter(1024);
  const t = truth.data;
  const p = prediction.data;
  for (let i = 0; i < t.length; ) {
    const a = t[i]!;
    const b = p[i]!;
    const first = i;
    do i++;
    while (i < t.length && t[i] === a && p[i] === b);
    if (a !== 0 && b !== 0) pairs.add(truthTable.rowOf(a), predictionTable.rowOf(b), i - first);
  }
  return {
    truth: truthTable,
    prediction: predictionTable,
    ...compress(pairs, truthTable.count, predictionTable.count),
  };
}

/** Sorts the pairs by true row, then predicted row: two counting sorts, the second stable. */
function compress(
  pairs: PairCounter,
  rows: number,
  columns: number,
): { rowStart: Int32Array; column: Int32Array; intersection: Float64Array } {
  const a = new Int32Array(pairs.size);
  const b = new Int32Array(pairs.size);
  const count = new Float64Array(pairs.size);
  const next = new Int32Array(columns + 1);
  const rowStart = new Int32Array(rows + 1);
  pairs.forEach((row, col) => {
    rowStart[row + 1]!++;
    next[col + 1]!++;
  });
  for (let col = 0; col < columns; col++) next[col + 1]! += next[col]!;
  for (let row = 0; row < rows; row++) rowStart[row + 1]! += rowStart[row]!;
  pairs.forEach((row, col, n) => {
    const k = next[col]!++;
    a[k] = row;
    b[k] = col;
    count[k] = n;
  });
  const column = new Int32Array(pairs.size);
  const intersection = new Float64Array(pairs.size);
  const fill = rowStart.slice();
  for (let k = 0; k < pairs.size; k++) {
    const to = fill[a[k]!]!++;
    column[to] = b[k]!;
    intersection[to] = count[k]!;
  }
  return { rowStart, column, intersection };
}

/** Pixels of the union of pair `k` of true row `t`: |T| + |P| − |T ∩ P|. */
export function pairUnion(overlap: Overlap, t: number, k: number): number {
  return overlap.truth.areas[t]! + overlap.prediction.areas[overlap.column[k]!]! - overlap.intersection[k]!;
}
