import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError, ShapeError } from "../errors.js";
import { assignDense } from "./assignment.js";
import { matchCentroids } from "./detection.js";
import { assignSparse } from "./sparse-assignment.js";

/** Least cost over all ways to give rows (one after the other) a column of their own or, if allowed, none. */
function bruteForce(
  rows: number,
  columns: number,
  cost: (r: number, c: number) => number,
  alone: boolean,
): number {
  const visit = (r: number, used: number): number => {
    if (r === rows) return 0;
    let best = alone ? visit(r + 1, used) : Number.POSITIVE_INFINITY;
    for (let c = 0; c < columns; c++) {
      if ((used >> c) & 1) continue;
      best = Math.min(best, cost(r, c) + visit(r + 1, used | (1 << c)));
    }
    return best;
  };
  return visit(0, 0);
}

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
  .chain(([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      // Few distinct values, so that ties abound, or any.
      cost: fc.array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ min: -9, max: 9, noNaN: true })), {
        minLength: rows * columns,
        maxLength: rows * columns,
      }),
    }),
  );
const run = { seed: 7, numRuns: 300 };

function expectOneToOne(columnOf: Int32Array): number {
  const used = [...columnOf].filter((c) => c !== -1);
  expect(new Set(used).size).toBe(used.length);
  return used.length;
}

describe("assignDense", () => {
  it("solves a small case", () => {
    // scipy.optimize.linear_sum_assignment documentation: optimum 5
    expect([...assignDense(3, 3, Float64Array.of(4, 1, 3, 2, 0, 5, 3, 2, 2))]).toEqual([1, 0, 2]);
  });
  it("is optimal against brute force, square and rectangular", () => {
    fc.assert(
      fc.property(matrix, ({ rows, columns, cost }) => {
        const columnOf = assignDense(rows, columns, Float64Array.from(cost));
        expect(expectOneToOne(columnOf)).toBe(Math.min(rows, columns));
        const total = [...columnOf].reduce((sum, c, r) => sum + (c === -1 ? 0 : cost[r * columns + c]!), 0);
        const best =
          rows <= columns
            ? bruteForce(rows, columns, (r, c) => cost[r * columns + c]!, false)
            : bruteForce(columns, rows, (c, r) => cost[r * columns + c]!, false);
        expect(total).toBeCloseTo(best, 9);
      }),
      run,
    );
  });
  it("says what is wrong with a matrix", () => {
    expect(() => assignDense(2, 2, new Float64Array(3))).toThrow(ShapeError);
    expect(() => assignDense(1, 1, Float64Array.of(Number.NaN))).toThrow(DataError);
  });
});

describe("assignSparse", () => {
  it("leaves a row alone rather than pay", () => {
    expect([...assignSparse(Int32Array.of(0, 1, 2), Int32Array.of(0, 1), Float64Array.of(-1, 1), 2)]).toEqual(
      [0, -1],
    );
  });
  it("is optimal against brute force", () => {
    fc.assert(
      fc.property(matrix, fc.infiniteStream(fc.boolean()), ({ rows, columns, cost }, keep) => {
        const start = [0];
        const column: number[] = [];
        const sparse: number[] = [];
        const dense: number[] = [];
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < columns; c++) {
            const kept = keep.next().value as boolean;
            dense.push(kept ? cost[r * columns + c]! : Number.POSITIVE_INFINITY);
            if (!kept) continue;
            column.push(c);
            sparse.push(cost[r * columns + c]!);
          }
          start.push(column.length);
        }
        const pairOf = assignSparse(
          Int32Array.from(start),
          Int32Array.from(column),
          Float64Array.from(sparse),
          columns,
        );
        expectOneToOne(pairOf.map((k) => (k === -1 ? -1 : column[k]!)));
        let total = 0;
        pairOf.forEach((k, r) => {
          if (k === -1) return;
          expect(k >= start[r]! && k < start[r + 1]!).toBe(true);
          total += sparse[k]!;
        });
        expect(total).toBeCloseTo(
          bruteForce(rows, columns, (r, c) => dense[r * columns + c]!, true),
          9,
        );
      }),
      run,
    );
  });
  it("solves a chain of 200,000 overlapping instances", () => {
    // Row r may take column r (0.4) or r + 1 (0.6): all shift by one.
    const n = 200_000;
    const column = Int32Array.from({ length: 2 * n }, (_, k) => (k >> 1) + (k & 1));
    const cost = Float64Array.from({ length: 2 * n }, (_, k) => (k & 1 ? -0.6 : -0.4));
    const pairOf = assignSparse(
      Int32Array.from({ length: n + 1 }, (_, r) => 2 * r),
      column,
      cost,
      n + 1,
    );
    expect(pairOf.every((k, r) => k === 2 * r + 1)).toBe(true);
  });
});

describe("centroid matching", () => {
  const points = fc
    .array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), { maxLength: 6 })
    .map((list) => ({ x: list.map((p) => p[0]), y: list.map((p) => p[1]), types: list.map(() => 1) }));

  it("gated makes the most pairs of least distance, by brute force", () => {
    fc.assert(
      fc.property(points, points, (a, b) => {
        const bonus = 1000;
        const cost = (r: number, c: number): number => {
          const d = Math.hypot(a.x[r]! - b.x[c]!, a.y[r]! - b.y[c]!);
          return d <= 4 ? d - bonus : Number.POSITIVE_INFINITY;
        };
        const most = Math.ceil(Math.abs(bruteForce(a.x.length, b.x.length, cost, true)) / bonus);
        expect(matchCentroids(a, b, 1, 4, "gated").tp).toBe(most);
      }),
      run,
    );
  });
  it("full may make fewer pairs than gated: it minimises the distance over all nuclei first", () => {
    // Both pairs straight: 12 + 11.4; crossed: 21.5 + 1, less in total, but 21.5 is too far.
    const truth = { x: [0, 12], y: [0, 1], types: [1, 1] };
    const prediction = { x: [12, 19], y: [0, 10], types: [1, 1] };
    expect(matchCentroids(truth, prediction, 1, 12, "full").tp).toBe(1);
    expect(matchCentroids(truth, prediction, 1, 12, "gated").tp).toBe(2);
  });
  it("refuses lists of different length", () => {
    const bad = { x: [1], y: [], types: [1] };
    expect(() => matchCentroids(bad, bad, 1, 12, "full")).toThrow(ShapeError);
  });
});
