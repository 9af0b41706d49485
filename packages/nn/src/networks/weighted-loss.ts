/**
 * Cross-entropy with a weight per pixel, the loss of U-Net and Micro-Net (Ronneberger et al. 2015; spec/baselines.md §3).
 *
 * @module
 */
import type { Backend } from "../backend.js";

/**
 * mean(w · CE) over batch and pixels.
 *
 * @param logits `[N, K, H, W]`
 * @param ids class ids, `[N, H, W]`
 * @param weights `[N, 1, H, W]`
 * @param classes K
 * @returns of shape `[]`
 */
export function weightedCrossEntropy<T>(F: Backend<T>, logits: T, ids: T, weights: T, classes: number): T {
  const picked = F.mul(F.logSoftmax(logits, 1), F.oneHot(ids, classes));
  const entropy = F.sum(picked, [1]); // [N, 1, H, W], negative
  return F.affine(F.reshape(F.mean(F.mul(entropy, weights), [0, 1, 2, 3]), []), -1, 0);
}
