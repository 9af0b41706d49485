/**
 * Boxes and how regressions of them are coded (Faster R-CNN; torchvision's BoxCoder).
 *
 * A list of boxes is a flat array of `x1, y1, x2, y2`, pixels, x to the right and y down; pixel i covers [i, i + 1).
 *
 * @module
 */

/** Flat coordinates `x1, y1, x2, y2` of a list of boxes. */
export type Boxes = ArrayLike<number>;

/** Factors of the four regressed numbers: x, y, width, height. */
export type BoxWeights = readonly [number, number, number, number];

/** Largest regressed logarithm of a size: a box grows to at most 1000 / 16 times its reference. */
export const BOX_LOG_LIMIT = Math.log(1000 / 16);

/** Intersection over union of box `i` of `a` and box `j` of `b`; 0 when they do not overlap. */
export function boxIou(a: Boxes, i: number, b: Boxes, j: number): number {
  const p = 4 * i;
  const q = 4 * j;
  const width = Math.min(a[p + 2]!, b[q + 2]!) - Math.max(a[p]!, b[q]!);
  if (!(width > 0)) return 0;
  const height = Math.min(a[p + 3]!, b[q + 3]!) - Math.max(a[p + 1]!, b[q + 1]!);
  if (!(height > 0)) return 0;
  const shared = width * height;
  return shared / (boxArea(a, i) + boxArea(b, j) - shared);
}

function boxArea(a: Boxes, i: number): number {
  return (a[4 * i + 2]! - a[4 * i]!) * (a[4 * i + 3]! - a[4 * i + 1]!);
}

/**
 * What a regression from box `i` of `from` to box `j` of `to` should say: shift of the centre over the size, and
 * logarithm of the ratio of sizes, each times its weight.
 */
export function encodeBox(
  from: Boxes,
  i: number,
  to: Boxes,
  j: number,
  weights: BoxWeights,
): [number, number, number, number] {
  const side = (boxes: Boxes, at: number, axis: 0 | 1): number =>
    boxes[4 * at + axis + 2]! - boxes[4 * at + axis]!;
  const centre = (boxes: Boxes, at: number, axis: 0 | 1): number =>
    boxes[4 * at + axis]! + side(boxes, at, axis) / 2;
  const shift = (axis: 0 | 1): number =>
    (weights[axis] * (centre(to, j, axis) - centre(from, i, axis))) / side(from, i, axis);
  const growth = (axis: 0 | 1): number =>
    weights[axis === 0 ? 2 : 3] * Math.log(side(to, j, axis) / side(from, i, axis));
  return [shift(0), shift(1), growth(0), growth(1)];
}
