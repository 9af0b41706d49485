/**
 * Constants of Mask R-CNN (spec/baselines.md §4).
 *
 * @module
 */
import type { BoxWeights } from "@renograde/core";

/** Strides of P2 … P6, and the side of the anchors there, px. */
export const LEVELS = [
  { stride: 4, anchor: 8 },
  { stride: 8, anchor: 16 },
  { stride: 16, anchor: 32 },
  { stride: 32, anchor: 64 },
  { stride: 64, anchor: 128 },
] as const;

/** Height over width of the anchors. */
export const ANCHOR_RATIOS: readonly number[] = [0.5, 1, 2];

/** Means of ImageNet's channels, of RGB in 0…1. */
export const IMAGE_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** Standard deviations of ImageNet's channels. */
export const IMAGE_STD: readonly number[] = [0.229, 0.224, 0.225];

/** Region proposals: regressions without weights, sides of at least 1e-3 px. */
export const PROPOSALS = {
  weights: [1, 1, 1, 1] satisfies BoxWeights,
  iou: 0.7,
  smallest: 1e-3,
  /** Candidates per level before suppression, and proposals after it. */
  training: { before: 2000, after: 2000 },
  inference: { before: 1000, after: 1000 },
} as const;

/** Detections. */
export const DETECTIONS = {
  weights: [10, 10, 5, 5] satisfies BoxWeights,
  /** Of a class, before suppression. */
  score: 0.05,
  iou: 0.5,
  smallest: 1e-2,
  /** Per image. */
  most: 400,
} as const;

/** Anchors that enter the loss, per image. */
export const ANCHOR_SAMPLES = { high: 0.7, low: 0.3, lowQuality: true, count: 256, positives: 0.5 } as const;

/** Regions that enter the loss, per image. */
export const REGION_SAMPLES = {
  high: 0.5,
  low: 0.5,
  lowQuality: false,
  count: 512,
  positives: 0.25,
} as const;

/** Cells per side of the regions that the box head reads. */
export const BOX_CELLS = 7;
/** Cells per side of the regions that the mask head reads. */
export const MASK_CELLS = 14;
/** Cells per side of a mask. */
export const MASK_SIDE = 2 * MASK_CELLS;
