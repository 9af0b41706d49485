/**
 * Optimal one-to-one assignment along a sparse set of pairs, where a row may also stay alone. Shortest augmenting
 * paths as in {@link assignDense}, with a heap over the pairs instead of a scan over all columns: each search
 * stays in the connected group of its row and ends at the nearest free column or the nearest row that is better
 * left alone, so that 100,000 instances need neither quadratic memory nor quadratic time.
 *
 * @module
 */

/** Binary heap of (key, column); a column may be in it more than once. */
class ColumnHeap {
  size = 0;
  private keys = new Float64Array(64);
  private columns = new Int32Array(64);

  push(key: number, column: number): void {
    if (this.size === this.keys.length) {
      const keys = new Float64Array(2 * this.size);
      const columns = new Int32Array(2 * this.size);
      keys.set(this.keys);
      columns.set(this.columns);
      this.keys = keys;
      this.columns = columns;
    }
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.keys[parent]! <= key) break;
      this.keys[at] = this.keys[parent]!;
      this.columns[at] = this.columns[parent]!;
      at = parent;
    }
    this.keys[at] = key;
    this.columns[at] = column;
  }

  /** Removes the least key and returns its column. The heap must not be empty. */
  pop(): number {
    const column = this.columns[0]!;
    const size = --this.size;
    const key = this.keys[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.keys[child + 1]! < this.keys[child]!) child++;
      if (this.keys[child]! >= key) break;
      this.keys[at] = this.keys[child]!;
      this.columns[at] = this.columns[child]!;
      at = child;
    }
    this.keys[at] = key;
    this.columns[at] = this.columns[size]!;
    return column;
  }
}

/**
 * Assigns rows to columns at least total cost along the given pairs; a row left alone costs 0, so only pairs of
 * negative cost attract (cost = −IoU maximises ΣIoU).
 *
 * @param rowStart - `[rows + 1]`: pairs `rowStart[r] … rowStart[r + 1] - 1` belong to row `r`
 * @param column - column of each pair, 0…columns−1
 * @param cost - cost of each pair, finite
 * @param columns - number of columns
 * @returns index of the chosen pair of each row, `[rows]`; -1 = the row stays alone
 */
export function assignSparse(
  rowStart: Int32Array,
  column: Int32Array,
  cost: Float64Array,
  columns: number,
): Int32Array {
  const rows = rowStart.length - 1;
  const u = new Float64Array(rows);
  const v = new Float64Array(columns);
  const pairOf = new Int32Array(rows).fill(-1);
  const rowOf = new Int32Array(columns).fill(-1);
  const distance = new Float64Array(columns).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array(columns); // row that reached the column
  const pair = new Int32Array(columns); // … and by which pair
  const done = new Uint8Array(columns);
  const heap = new ColumnHeap();
  const touched: number[] = [];
  const settled: number[] = [];

  for (let start = 0; start < rows; start++) {
    let least = 0;
    for (let k = rowStart[start]!; k < rowStart[start + 1]!; k++) {
      least = Math.min(least, cost[k]! - v[column[k]!]!);
    }
    u[start] = least;
    let row = start;
    let reached = 0;
    let sink = -1;
    let loner = start; // best row to leave alone so far
    let lonerDistance = Number.POSITIVE_INFINITY;
    for (;;) {
      const alone = reached - u[row]!;
      if (alone < lonerDistance) {
        lonerDistance = alone;
        loner = row;
      }
      for (let k = rowStart[row]!; k < rowStart[row + 1]!; k++) {
        const c = column[k]!;
        if (done[c]) continue;
        const d = reached + cost[k]! - u[row]! - v[c]!;
        if (d >= distance[c]!) continue;
        if (distance[c] === Number.POSITIVE_INFINITY) touched.push(c);
        distance[c] = d;
        from[c] = row;
        pair[c] = k;
        heap.push(d, c);
      }
      let c = -1;
      while (heap.size > 0 && c === -1) {
        const top = heap.pop();
        if (!done[top]) c = top;
      }
      if (c === -1 || distance[c]! > lonerDistance) {
        reached = lonerDistance;
        break;
      }
      reached = distance[c]!;
      if (rowOf[c] === -1) {
        sink = c;
        break;
      }
      done[c] = 1;
      settled.push(c);
      row = rowOf[c]!;
    }
    u[start]! += reached;
    for (const c of settled) {
      const slack = reached - distance[c]!;
      u[rowOf[c]!]! += slack;
      v[c]! -= slack;
    }
    // Hand the columns down the path: the loner gives its column up, or the sink joins.
    let free = sink;
    if (sink === -1) {
      free = loner === start ? -1 : column[pairOf[loner]!]!;
      pairOf[loner] = -1;
    }
    while (free !== -1) {
      const r = from[free]!;
      const previous = r === start ? -1 : column[pairOf[r]!]!;
      pairOf[r] = pair[free]!;
      rowOf[free] = r;
      free = previous;
    }
    for (const c of touched) {
      distance[c] = Number.POSITIVE_INFINITY;
      done[c] = 0;
    }
    touched.length = 0;
    settled.length = 0;
    heap.size = 0;
  }
  return pairOf;
}
