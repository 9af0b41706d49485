/**
 * Greedy non-maximum suppression (ONNX NonMaxSuppression for one class, torchvision.ops.nms).
 *
 * @module
 */
import { type Boxes, boxIou } from "./boxes.js";

/**
 * Keeps the box with the highest score, drops those that overlap it by more than `iou`, and goes on with the rest.
 * Of equal scores the first box is taken first.
 *
 * @param iou intersection over union above which a box is dropped, 0…1
 * @param score boxes must score more than this
 * @returns indices of the boxes kept, by falling score
 */
export function suppressBoxes(
  boxes: Boxes,
  scores: ArrayLike<number>,
  { iou, score = -Infinity }: { readonly iou: number; readonly score?: number },
): Int32Array {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i)
    .filter((i) => scores[i]! > score)
    .sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept = new Int32Array(order.length);
  let count = 0;
  for (const candidate of order) {
    let free = true;
    for (let k = 0; free && k < count; k++) free = boxIou(boxes, kept[k]!, boxes, candidate) <= iou;
    if (free) kept[count++] = candidate;
  }
  return kept.slice(0, count);
}
