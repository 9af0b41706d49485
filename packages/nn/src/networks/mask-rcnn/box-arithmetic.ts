/**
 * Arithmetic of boxes `[M, 4]` (x1, y1, x2, y2) inside a network.
 *
 * @module
 */
import { BOX_LOG_LIMIT, type BoxWeights } from "@renograde/core";
import type { Backend } from "../../backend.js";

/** 1 where x > 0, else 0; exact but for 0 < x < 1e-12. */
export function step<T>(F: Backend<T>, x: T): T {
  return F.clamp(F.affine(x, 1e12, 0), 0, 1);
}

/** Width and height, `[M, 2]`. */
export function boxSides<T>(F: Backend<T>, boxes: T): T {
  return F.sub(F.slice(boxes, 1, 2), F.slice(boxes, 1, 0, 2));
}

/**
 * Moves and scales boxes by what was regressed, the inverse of `encodeBox` of core.
 *
 * @param deltas `[M, 4]`
 * @param boxes `[M, 4]`, reference of each regression
 */
export function decodeBoxes<T>(F: Backend<T>, deltas: T, boxes: T, weights: BoxWeights): T {
  const sides = boxSides(F, boxes);
  const centres = F.add(F.slice(boxes, 1, 0, 2), F.affine(sides, 0.5, 0));
  const [x, y, w, h] = weights;
  const shift = F.div(F.slice(deltas, 1, 0, 2), F.constant([x, y], [1, 2]));
  const growth = F.clamp(F.div(F.slice(deltas, 1, 2), F.constant([w, h], [1, 2])), -1e30, BOX_LOG_LIMIT);
  const moved = F.add(F.mul(shift, sides), centres);
  const half = F.affine(F.mul(F.exp(growth), sides), 0.5, 0);
  return F.concat([F.sub(moved, half), F.add(moved, half)], 1);
}

/** Cuts boxes at the image's edges. @param limits `[1, 4]`: width, height, width, height of the image */
export function clipBoxes<T>(F: Backend<T>, boxes: T, limits: T): T {
  const inner = F.relu(boxes);
  return F.sub(inner, F.relu(F.sub(inner, limits)));
}

/** 1 for boxes with both sides above `least`, else 0, `[M]`. */
export function areLarge<T>(F: Backend<T>, boxes: T, least: number): T {
  const large = step(F, F.affine(boxSides(F, boxes), 1, -least));
  return F.reshape(F.mul(F.slice(large, 1, 0, 1), F.slice(large, 1, 1)), [-1]);
}
