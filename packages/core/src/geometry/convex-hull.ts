/**
 * Pixels of the convex hull of a set of pixels, in integers.
 *
 * @module
 */

/**
 * Counts the pixels whose centre lies in or on the convex hull of the edge midpoints (x ± ½, y), (x, y ± ½) of the
 * given pixels (`skimage.morphology.convex_hull_image`).
 *
 * @param lefts - leftmost column of the set in each row; −1 in a row without pixels
 * @param rights - rightmost column of the set in each row
 */
export function convexPixelCount(lefts: Int32Array, rights: Int32Array): number {
  const left = hullSide(lefts, lefts, -1);
  const right = hullSide(rights, lefts, 1);
  let count = 0;
  for (let row = 0; row < lefts.length; row++) {
    count += Math.floor(right(row)) + Math.floor(left(row)) + 1;
  }
  return count;
}

/**
 * One side of the hull, mirrored by `sign` so that it bulges towards greater values.
 *
 * @returns for ascending rows, the greatest sign · x on the hull in that row
 */
function hullSide(columns: Int32Array, occupied: Int32Array, sign: 1 | -1): (row: number) => number {
  // Doubled coordinates: each occupied row gives (2y − 1, 2x), (2y, 2x + 1), (2y + 1, 2x).
  const ys: number[] = [];
  const xs: number[] = [];
  const add = (y: number, x: number): void => {
    let n = ys.length;
    if (n > 0 && ys[n - 1] === y) {
      if (xs[n - 1]! >= x) return;
      n--;
      ys.pop();
      xs.pop();
    }
    while (n > 1) {
      const y0 = ys[n - 2]!;
      const x0 = xs[n - 2]!;
      // The middle point stays while it lies strictly beyond the chord.
      if ((xs[n - 1]! - x0) * (y - y0) > (x - x0) * (ys[n - 1]! - y0)) break;
      ys.pop();
      xs.pop();
      n--;
    }
    ys.push(y);
    xs.push(x);
  };
  for (let row = 0; row < columns.length; row++) {
    if (occupied[row] === -1) continue;
    const x = 2 * sign * columns[row]!;
    add(2 * row - 1, x);
    add(2 * row, x + 1);
    add(2 * row + 1, x);
  }
  let k = 0;
  return (row) => {
    const y = 2 * row;
    while (ys[k + 1]! < y) k++;
    const dy = ys[k + 1]! - ys[k]!;
    // One division of exact integers, so that points on the hull stay on it.
    return (xs[k]! * dy + (y - ys[k]!) * (xs[k + 1]! - xs[k]!)) / (2 * dy);
  };
}
