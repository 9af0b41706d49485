/**
 * Optimal one-to-one assignment on a dense cost matrix (the problem of the Hungarian method), by shortest
 * augmenting paths with dual variables: Crouse, "On implementing 2D rectangular assignment algorithms", IEEE
 * Trans. Aerospace and Electronic Systems 52(4), 2016. Time O(min² · max).
 *
 * @module
 */
import { DataError, ShapeError } from "../errors.js";

/**
 * Assigns rows to columns at least total cost; min(rows, columns) pairs are made.
 *
 * @param rows - number of rows
 * @param columns - number of columns
 * @param cost - `[rows, columns]` row-major, finite
 * @returns column of each row, `[rows]`; -1 for rows left over when there are more rows than columns
 * @throws {@link ShapeError} when `cost` has another length, {@link DataError} for a cost that is not finite
 */
export function assignDense(rows: number, columns: number, cost: Float64Array): Int32Array {
  if (cost.length !== rows * columns) {
    throw new ShapeError(
      `cost matrix: ${rows} x ${columns} needs ${rows * columns} values, received ${cost.length}`,
    );
  }
  if (!cost.every(Number.isFinite)) throw new DataError("cost matrix: every cost must be finite");
  if (rows <= columns) return assignWide(rows, columns, cost);
  const transposed = new Float64Array(cost.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) transposed[c * rows + r] = cost[r * columns + c]!;
  }
  const rowOf = assignWide(columns, rows, transposed);
  const columnOf = new Int32Array(rows).fill(-1);
  for (let c = 0; c < columns; c++) columnOf[rowOf[c]!] = c;
  return columnOf;
}

/** {@link assignDense} for rows ≤ columns: every row in turn takes the cheapest path to a free column. */
function assignWide(rows: number, columns: number, cost: Float64Array): Int32Array {
  const u = new Float64Array(rows);
  const v = new Float64Array(columns);
  const columnOf = new Int32Array(rows).fill(-1);
  const rowOf = new Int32Array(columns).fill(-1);
  const distance = new Float64Array(columns);
  const from = new Int32Array(columns);
  const open = new Int32Array(columns);
  for (let start = 0; start < rows; start++) {
    distance.fill(Number.POSITIVE_INFINITY);
    for (let c = 0; c < columns; c++) open[c] = c;
    let openCount = columns;
    let row = start;
    let reached = 0;
    let sink = -1;
    while (sink === -1) {
      let best = -1;
      let lowest = Number.POSITIVE_INFINITY;
      const base = reached - u[row]!;
      const offset = row * columns;
      for (let k = 0; k < openCount; k++) {
        const c = open[k]!;
        const d = base + cost[offset + c]! - v[c]!;
        if (d < distance[c]!) {
          distance[c] = d;
          from[c] = row;
        }
        const at = distance[c]!;
        if (at < lowest || (at === lowest && rowOf[c] === -1)) {
          lowest = at;
          best = k;
        }
      }
      const c = open[best]!;
      reached = lowest;
      open[best] = open[--openCount]!;
      open[openCount] = c;
      if (rowOf[c] === -1) sink = c;
      else row = rowOf[c]!;
    }
    // Columns taken off the open list, the sink aside, keep their matched edge tight.
    u[start]! += reached;
    for (let k = openCount; k < columns; k++) {
      const c = open[k]!;
      if (c === sink) continue;
      const slack = reached - distance[c]!;
      u[rowOf[c]!]! += slack;
      v[c]! -= slack;
    }
    for (let c = sink; ; ) {
      const r = from[c]!;
      const previous = columnOf[r]!;
      columnOf[r] = c;
      rowOf[c] = r;
      if (r === start) break;
      c = previous;
    }
  }
  return columnOf;
}
