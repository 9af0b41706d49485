/**
 * Region proposal network: anchors on every pyramid level, their objectness and regressions, and the proposals that
 * come of them (Ren et al. 2015; spec/baselines.md §4).
 *
 * @module
 */
import type { Backend, Init } from "../../backend.js";
import { conv } from "../../layers/conv.js";
import { areLarge, clipBoxes, decodeBoxes } from "./box-arithmetic.js";
import { ANCHOR_RATIOS, LEVELS, PROPOSALS } from "./settings.js";

/** What the network says of every anchor, level by level; anchors by row, column, ratio. */
export interface AnchorOutputs<T> {
  /** Anchors `[M, 4]`. */
  readonly anchors: readonly T[];
  /** Logits `[N, M]`. */
  readonly objectness: readonly T[];
  /** `[N, M, 4]`. */
  readonly deltas: readonly T[];
  /** `[1, 4]`: width, height, width, height of the image. */
  readonly limits: T;
}

/** Normal with standard deviation 0.01. */
function small(fanIn: number): Init {
  return { kind: "normal", fan: "in", gain: 1e-4 * fanIn };
}

/**
 * Objectness and regressions of all anchors.
 *
 * @param F scope `rpn`
 * @param levels P2 … P6
 * @param channels of each level
 */
export function scoreAnchors<T>(F: Backend<T>, levels: readonly T[], channels: number): AnchorOutputs<T> {
  const count = ANCHOR_RATIOS.length;
  const inner = { in: channels, out: channels, kernel: 3, bias: true, init: small(9 * channels) };
  const outer = { in: channels, kernel: 1, bias: true, init: small(channels) };
  const hidden = levels.map((level) => F.relu(conv(F.scope("conv"), level, inner)));
  const last = (x: T): T => F.permute(x, [0, 2, 3, 1]);
  const objectness = hidden.map((h) => last(conv(F.scope("objectness"), h, { ...outer, out: count })));
  const deltas = hidden.map((h) => last(conv(F.scope("boxes"), h, { ...outer, out: 4 * count })));
  return {
    anchors: levels.map((level, i) => anchorsOf(F, level, LEVELS[i]!)),
    objectness: objectness.map((x) => F.reshape(x, [0, -1])),
    deltas: deltas.map((x) => F.reshape(x, [0, -1, 4])),
    limits: imageSides(F, levels[3]!, LEVELS[3].stride),
  };
}

/** Anchors around every pixel's corner, `[h·w·ratios, 4]`; half sides rounded to whole pixels, ties to even. */
function anchorsOf<T>(F: Backend<T>, level: T, { stride, anchor }: (typeof LEVELS)[number]): T {
  const grid = F.pixelGrid(level);
  const corners = F.reshape(F.permute(F.concat([grid, grid], 1), [0, 2, 3, 1]), [-1, 1, 4]);
  const shapes = ANCHOR_RATIOS.flatMap((ratio) => {
    const [w, h] = [anchor / Math.sqrt(ratio) / 2, (anchor * Math.sqrt(ratio)) / 2].map(roundHalfEven);
    return [-w!, -h!, w!, h!];
  });
  const all = F.add(F.affine(corners, stride, 0), F.constant(shapes, [1, ANCHOR_RATIOS.length, 4]));
  return F.reshape(all, [-1, 4]);
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

function imageSides<T>(F: Backend<T>, level: T, stride: number): T {
  const corner = F.slice(F.slice(F.pixelGrid(level), 2, -1), 3, -1); // [1, 2, 1, 1]
  const sides = F.affine(F.reshape(corner, [1, 2]), stride, stride);
  return F.concat([sides, sides], 1);
}

/**
 * The best regions of one image: per level the anchors of highest objectness, regressed, cut at the edges and
 * suppressed; of all levels together the best.
 *
 * @returns `[R, 4]`, by falling objectness
 */
export function proposeRegions<T>(
  F: Backend<T>,
  outputs: AnchorOutputs<T>,
  image: number,
  limits: { readonly before: number; readonly after: number },
): T {
  const levels = outputs.anchors.map((anchors, i) => {
    const logits = F.reshape(F.slice(outputs.objectness[i]!, 0, image, image + 1), [-1]);
    const deltas = F.reshape(F.slice(outputs.deltas[i]!, 0, image, image + 1), [-1, 4]);
    const best = F.topK(logits, limits.before);
    const pick = (x: T): T => F.gather(x, best, 0);
    const decoded = decodeBoxes(F, pick(deltas), pick(anchors), PROPOSALS.weights);
    const boxes = clipBoxes(F, decoded, outputs.limits);
    const scores = F.mul(F.sigmoid(pick(logits)), areLarge(F, boxes, PROPOSALS.smallest));
    const kept = F.nonMaxSuppression(boxes, scores, { iou: PROPOSALS.iou, score: 0 });
    return { boxes: F.gather(boxes, kept, 0), scores: F.gather(scores, kept, 0) };
  });
  const boxes = F.concat(
    levels.map((level) => level.boxes),
    0,
  );
  const scores = F.concat(
    levels.map((level) => level.scores),
    0,
  );
  return F.gather(boxes, F.topK(scores, limits.after), 0);
}
