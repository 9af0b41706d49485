/**
 * The five losses of Mask R-CNN (spec/baselines.md §4), all of weight 1.
 *
 * @module
 */
import { createRandom, type Draw } from "@renograde/core";
import type { Backend } from "../../backend.js";
import type { Loss } from "../../losses.js";
import { requireTarget, type Targets } from "../../targets.js";
import { NOT_FROZEN } from "../freeze.js";
import type { StepSettings } from "../network.js";
import type { ResolvedNetOptions } from "../options.js";
import { featurePyramid, pyramidChannels } from "./feature-pyramid.js";
import { boxHead, classCount, maskHead } from "./heads.js";
import { poolRegions, sortRegions } from "./region-features.js";
import { type AnchorOutputs, proposeRegions, scoreAnchors } from "./region-proposals.js";
import {
  drawWith,
  readTruth,
  type SampledRegion,
  sampleAnchors,
  sampleRegions,
  type Truth,
} from "./sample-regions.js";
import { BOX_CELLS, MASK_CELLS, MASK_SIDE, PROPOSALS } from "./settings.js";

/** Where the smooth-L1 loss turns from square to straight. */
const BETA = 1 / 9;

/**
 * Forward pass and losses of one step: `rpn` and `rpnBox` of the anchors, `class`, `box` and `mask` of the regions.
 * Proposals and samples are chosen on the host and enter as constants.
 *
 * @param image `[N, 3, H, W]`
 * @param targets `instances` and `classes`
 * @param draw chooses samples; default: by the random numbers of the step
 */
export function maskRcnnLoss<T>(
  F: Backend<T>,
  image: T,
  targets: Targets<T>,
  net: ResolvedNetOptions,
  settings: StepSettings,
  draw?: Draw,
): Loss<T> {
  const truth = readTruth(
    F.read(requireTarget(targets, "instances")),
    F.read(requireTarget(targets, "classes")),
  );
  const drawing = draw ?? drawWith(settings.random ?? createRandom("mask-rcnn"));
  const pyramid = featurePyramid(F, image, net, settings.freeze ?? NOT_FROZEN);
  const anchors = scoreAnchors(F.scope("rpn"), pyramid, pyramidChannels(net));
  const proposals = proposeHere(F, anchors, truth.length);
  const regions = sampleRegions(truth, proposals, drawing);
  const terms = new Map([
    ...anchorLosses(F, anchors, truth, drawing),
    ...boxLosses(F, pyramid, regions, net),
    ["mask", maskLoss(F, pyramid, regions, net)] as const,
  ]);
  return { total: [...terms.values()].reduce((sum, term) => F.add(sum, term)), terms };
}

/** Proposals of every image on the host; nothing flows back through them. */
function proposeHere<T>(F: Backend<T>, outputs: AnchorOutputs<T>, images: number): ArrayLike<number>[] {
  const cut = (xs: readonly T[]): T[] => xs.map((x) => F.detach(x));
  const detached = { ...outputs, objectness: cut(outputs.objectness), deltas: cut(outputs.deltas) };
  return Array.from({ length: images }, (_, i) => {
    return F.read(proposeRegions(F, detached, i, PROPOSALS.training)).data;
  });
}

function anchorLosses<T>(
  F: Backend<T>,
  outputs: AnchorOutputs<T>,
  truth: readonly Truth[],
  draw: Draw,
): [string, T][] {
  const sample = sampleAnchors(truth, F.read(F.concat(outputs.anchors, 0)).data, draw);
  const logits = F.reshape(F.concat(outputs.objectness, 1), [-1]);
  const deltas = F.reshape(F.concat(outputs.deltas, 1), [-1, 4]);
  const count = sample.indices.length;
  const chosen = F.gather(logits, F.constant(sample.indices, [count]), 0);
  return [
    ["rpn", binaryCrossEntropy(F, chosen, F.constant(sample.targets, [count]), 1, count)],
    ["rpnBox", boxLoss(F, deltas, sample.positives, sample.deltas, count)],
  ];
}

function boxLosses<T>(
  F: Backend<T>,
  pyramid: readonly T[],
  regions: readonly SampledRegion[],
  net: ResolvedNetOptions,
): [string, T][] {
  const { order, levels } = sortRegions(F, regions);
  const sorted = order.map((i) => regions[i]!);
  const count = sorted.length;
  const head = boxHead(F.scope("boxHead"), poolRegions(F, pyramid, levels, BOX_CELLS), net);
  const labels = F.constant(
    sorted.map((region) => region.label),
    [count, 1, 1],
  );
  const classes = classCount(net);
  const positives = [...sorted.keys()].filter((i) => sorted[i]!.label > 0);
  const rows = positives.map((i) => i * classes + sorted[i]!.label);
  const wanted = positives.flatMap((i) => sorted[i]!.deltas);
  return [
    ["class", F.crossEntropy(F.reshape(head.classes, [0, 0, 1, 1]), labels)],
    ["box", boxLoss(F, F.reshape(head.boxes, [-1, 4]), rows, wanted, count)],
  ];
}

/** Mean binary cross-entropy of the true class's mask over all pixels of all regions that show a nucleus. */
function maskLoss<T>(
  F: Backend<T>,
  pyramid: readonly T[],
  regions: readonly SampledRegion[],
  net: ResolvedNetOptions,
): T {
  const shown = regions.filter((region) => region.label > 0);
  if (shown.length === 0) return F.constant([0], []);
  const { order, levels } = sortRegions(F, shown);
  const sorted = order.map((i) => shown[i]!);
  const logits = maskHead(F.scope("maskHead"), poolRegions(F, pyramid, levels, MASK_CELLS), net);
  const cells = MASK_SIDE ** 2;
  const rows = sorted.map((region, i) => i * classCount(net) + region.label);
  const own = F.gather(F.reshape(logits, [-1, cells]), F.constant(rows, [rows.length]), 0);
  const masks = new Float32Array(rows.length * cells);
  for (const [i, { mask }] of sorted.entries()) masks.set(mask, i * cells);
  return binaryCrossEntropy(F, own, F.constant(masks, [rows.length, cells]), 2, masks.length);
}

/** Sum of −t·log σ(x) − (1 − t)·log(1 − σ(x)) over `count`: max(x, 0) − x·t + log(1 + e^−|x|). */
function binaryCrossEntropy<T>(F: Backend<T>, logits: T, targets: T, rank: 1 | 2, count: number): T {
  const soft = F.log(F.affine(F.exp(F.affine(F.abs(logits), -1, 0)), 1, 1));
  const each = F.add(F.sub(F.relu(logits), F.mul(logits, targets)), soft);
  return total(F, each, rank, count);
}

/**
 * Sum of smooth-L1 losses of rows `indices` of `deltas` `[M, 4]` over `count`. With c = min(|d|, β) it is
 * (c·|d| − c²/2) / β: d²/2β below β, |d| − β/2 above.
 */
function boxLoss<T>(
  F: Backend<T>,
  deltas: T,
  indices: readonly number[],
  wanted: readonly number[],
  count: number,
): T {
  if (indices.length === 0) return F.constant([0], []);
  const chosen = F.gather(deltas, F.constant(indices, [indices.length]), 0);
  const d = F.abs(F.sub(chosen, F.constant(wanted, [indices.length, 4])));
  const c = F.clamp(d, 0, BETA);
  const each = F.affine(F.sub(F.mul(c, d), F.affine(F.mul(c, c), 0.5, 0)), 1 / BETA, 0);
  return total(F, each, 2, count);
}

/** Sum over all axes, divided by `count`. */
function total<T>(F: Backend<T>, x: T, rank: 1 | 2, count: number): T {
  return F.affine(F.reshape(F.sum(x, rank === 1 ? [0] : [0, 1]), []), 1 / count, 0);
}
