/**
 * The plane in which points in three dimensions vary most.
 *
 * @module
 */
import type { Triple } from "./densities.js";

/** Eigenvectors of a symmetric 3 × 3 matrix by cyclic Jacobi rotations, with their values, greatest first. */
function eigenvectors(matrix: number[][]): { value: number; vector: Triple }[] {
  const a = matrix;
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  for (let sweep = 0; sweep < 30; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const off = a[p]![q]!;
      if (off === 0) continue;
      const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
      const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const cos = 1 / Math.hypot(t, 1);
      const sin = t * cos;
      for (let k = 0; k < 3; k++) {
        const [x, y] = [a[k]![p]!, a[k]![q]!];
        a[k]![p] = cos * x - sin * y;
        a[k]![q] = sin * x + cos * y;
      }
      for (let k = 0; k < 3; k++) {
        const [x, y] = [a[p]![k]!, a[q]![k]!];
        a[p]![k] = cos * x - sin * y;
        a[q]![k] = sin * x + cos * y;
        const [m, n] = [v[k]![p]!, v[k]![q]!];
        v[k]![p] = cos * m - sin * n;
        v[k]![q] = sin * m + cos * n;
      }
    }
  }
  return [0, 1, 2]
    .map((i) => ({ value: a[i]![i]!, vector: [v[0]![i]!, v[1]![i]!, v[2]![i]!] as Triple }))
    .sort((x, y) => y.value - x.value);
}

/**
 * The two directions of greatest variance of points, each a unit vector whose components have a sum of at least 0.
 *
 * @param points - keys of the points
 * @param at - a point by its key
 */
export function principalPlane(points: Int32Array, at: (key: number) => Triple): readonly [Triple, Triple] {
  const mean = [0, 0, 0];
  for (const key of points) {
    const point = at(key);
    for (let i = 0; i < 3; i++) mean[i]! += point[i]! / points.length;
  }
  const covariance = [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (const key of points) {
    const point = at(key);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        covariance[i]![j]! += ((point[i]! - mean[i]!) * (point[j]! - mean[j]!)) / (points.length - 1);
      }
    }
  }
  const [first, second] = eigenvectors(covariance);
  const upward = (v: Triple): Triple => (v[0] + v[1] + v[2] < 0 ? [-v[0], -v[1], -v[2]] : v);
  return [upward(first!.vector), upward(second!.vector)];
}
