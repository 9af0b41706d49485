/**
 * What a training step of Mask R-CNN learns from, decided outside of the network: which anchors and regions enter the
 * loss, and what they should say (spec/baselines.md §4).
 *
 * @module
 */
import {
  type BoxedInstances,
  boxInstances,
  type Draw,
  encodeBox,
  type LabelMap,
  maskInBox,
  matchBoxes,
  type Random,
  sampleMatches,
} from "@renograde/core";
import type { HostArray } from "../../backend.js";
import type { Region } from "./region-features.js";
import { ANCHOR_SAMPLES, DETECTIONS, MASK_SIDE, PROPOSALS, REGION_SAMPLES } from "./settings.js";

/** The instances of one image of a batch. */
export interface Truth extends BoxedInstances {
  readonly map: LabelMap;
}

/** The instances of every image. @param instances, classes `[N, H, W]` */
export function readTruth(instances: HostArray, classes: HostArray): Truth[] {
  const [n = 0, height = 0, width = 0] = instances.dims;
  const area = height * width;
  return Array.from({ length: n }, (_, i) => {
    const part = (array: HostArray): Int32Array =>
      Int32Array.from(array.data.subarray(i * area, (i + 1) * area));
    const map = { width, height, data: part(instances) };
    return { map, ...boxInstances(map, { width, height, data: part(classes) }) };
  });
}

/** Draws with the random numbers of a step. */
export function drawWith(random: Random): Draw {
  return (indices, count) => random.shuffle(indices.slice()).slice(0, count);
}

/** Anchors that enter the loss; numbers count through the batch, image after image. */
export interface AnchorSample {
  readonly indices: readonly number[];
  /** 1 nucleus, 0 background, for each. */
  readonly targets: readonly number[];
  /** Those of nuclei, and the regressions they should say, 4 each. */
  readonly positives: readonly number[];
  readonly deltas: readonly number[];
}

/** Chooses the anchors. @param anchors x1, y1, x2, y2 of all anchors of one image */
export function sampleAnchors(truth: readonly Truth[], anchors: ArrayLike<number>, draw: Draw): AnchorSample {
  const indices: number[] = [];
  const targets: number[] = [];
  const positives: number[] = [];
  const deltas: number[] = [];
  for (const [image, { boxes }] of truth.entries()) {
    const first = (image * anchors.length) / 4;
    const matches = matchBoxes(boxes, anchors, ANCHOR_SAMPLES);
    const { positive, negative } = sampleMatches(matches, ANCHOR_SAMPLES, draw);
    for (const anchor of positive) {
      positives.push(first + anchor);
      deltas.push(...encodeBox(anchors, anchor, boxes, matches[anchor]!, PROPOSALS.weights));
    }
    for (const anchor of [...positive, ...negative]) {
      indices.push(first + anchor);
      targets.push(matches[anchor]! >= 0 ? 1 : 0);
    }
  }
  return { indices, targets, positives, deltas };
}

/** A region that enters the loss. */
export interface SampledRegion extends Region {
  /** Class id; 0 background. */
  readonly label: number;
  /** Of nuclei: the regression it should say. */
  readonly deltas: readonly number[];
  /** Of nuclei: the mask it should show, 28 × 28, 0…1. */
  readonly mask: ArrayLike<number>;
}

/**
 * Chooses the regions among the proposals and the true boxes, image after image.
 *
 * @param proposals x1, y1, x2, y2 of the proposals of each image
 */
export function sampleRegions(
  truth: readonly Truth[],
  proposals: readonly ArrayLike<number>[],
  draw: Draw,
): SampledRegion[] {
  return truth.flatMap(({ map, ids, labels, boxes }, image) => {
    const candidates = [...Array.from(proposals[image]!), ...boxes];
    const matches = matchBoxes(boxes, candidates, REGION_SAMPLES);
    const { positive, negative } = sampleMatches(matches, REGION_SAMPLES, draw);
    const region = (i: number): Region => {
      const [x1, y1, x2, y2] = candidates.slice(4 * i, 4 * i + 4) as [number, number, number, number];
      return { image, box: [x1, y1, x2, y2] };
    };
    return [
      ...Array.from(positive, (i): SampledRegion => {
        const match = matches[i]!;
        return {
          ...region(i),
          label: labels[match]!,
          deltas: encodeBox(candidates, i, boxes, match, DETECTIONS.weights),
          mask: maskInBox(map, ids[match]!, candidates, i, MASK_SIDE),
        };
      }),
      ...Array.from(negative, (i): SampledRegion => ({ ...region(i), label: 0, deltas: [], mask: [] })),
    ];
  });
}
