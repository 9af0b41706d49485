/**
 * Inference of Mask R-CNN: from an image to detections, all within the network (spec/baselines.md §4).
 *
 * @module
 */
import type { Backend } from "../../backend.js";
import { NOT_FROZEN } from "../freeze.js";
import type { ResolvedNetOptions } from "../options.js";
import { areLarge, clipBoxes, decodeBoxes } from "./box-arithmetic.js";
import { featurePyramid, pyramidChannels } from "./feature-pyramid.js";
import { boxHead, classCount, maskHead } from "./heads.js";
import { poolRegions, sortByLevel } from "./region-features.js";
import { proposeRegions, scoreAnchors } from "./region-proposals.js";
import { BOX_CELLS, DETECTIONS, MASK_CELLS, MASK_SIDE, PROPOSALS } from "./settings.js";

/**
 * All detections of one image.
 *
 * @param image `[1, 3, H, W]`, RGB in 0…1
 * @returns `[D, 4 + 1 + 1 + (K+1) + 28²]`, D ≤ 400: box, score, class, class probabilities, mask probabilities; in no
 *   particular order
 */
export function detect<T>(F: Backend<T>, image: T, net: ResolvedNetOptions): T {
  const pyramid = featurePyramid(F, image, net, NOT_FROZEN);
  const anchors = scoreAnchors(F.scope("rpn"), pyramid, pyramidChannels(net));
  const proposals = proposeRegions(F, anchors, 0, PROPOSALS.inference);
  const found = classify(F, pyramid, proposals, anchors.limits, net);
  const sorted = sortByLevel(F, F.slice(found, 1, 0, 4));
  const detections = F.gather(found, sorted.order, 0);
  const features = poolRegions(F, pyramid, sorted.levels, MASK_CELLS);
  const logits = F.reshape(maskHead(F.scope("maskHead"), features, net), [-1, MASK_SIDE ** 2]);
  const labels = F.reshape(F.slice(detections, 1, 5, 6), [-1]);
  const rows = F.positions(F.affine(labels, 0, 1)); // 0 … D−1
  const ofLabel = F.add(F.affine(rows, classCount(net), 0), labels);
  return F.concat([detections, F.sigmoid(F.gather(logits, ofLabel, 0))], 1);
}

/** The best boxes over all classes: `[D, 6 + K + 1]` by falling score: box, score, class, class probabilities. */
function classify<T>(
  F: Backend<T>,
  pyramid: readonly T[],
  proposals: T,
  limits: T,
  net: ResolvedNetOptions,
): T {
  const sorted = sortByLevel(F, proposals);
  const regions = F.gather(proposals, sorted.order, 0);
  const features = poolRegions(F, pyramid, sorted.levels, BOX_CELLS);
  const head = boxHead(F.scope("boxHead"), features, net);
  const probabilities = F.softmax(head.classes, 1);
  const perClass: T[] = [];
  for (let label = 1; label < classCount(net); label++) {
    const deltas = F.slice(head.boxes, 1, 4 * label, 4 * label + 4);
    const boxes = clipBoxes(F, decodeBoxes(F, deltas, regions, DETECTIONS.weights), limits);
    const probability = F.reshape(F.slice(probabilities, 1, label, label + 1), [-1]);
    const scores = F.mul(probability, areLarge(F, boxes, DETECTIONS.smallest));
    const kept = F.nonMaxSuppression(boxes, scores, DETECTIONS);
    const column = F.reshape(F.gather(scores, kept, 0), [-1, 1]);
    const parts = [F.gather(boxes, kept, 0), column, F.affine(column, 0, label)];
    perClass.push(F.concat([...parts, F.gather(probabilities, kept, 0)], 1));
  }
  const all = F.concat(perClass, 0);
  const scores = F.reshape(F.slice(all, 1, 4, 5), [-1]);
  return F.gather(all, F.topK(scores, DETECTIONS.most), 0);
}
