/**
 * Options of the metrics, `metrics.*` of spec/metrics.md.
 *
 * @module
 */
import { UsageError } from "../errors.js";

/** Choices where published definitions differ. */
export interface MetricOptions {
  /** Added to the denominator of SQ, and of DQ when pooled (§4, §5); 0 gives Kirillov's definition. */
  readonly eps: number;
  /** Instances match when their IoU is above this, 0 ≤ t < 1; below 0.5 by optimal assignment first (§4). */
  readonly iouThreshold: number;
  /** What PQ, PQ_c and aPQ are: means over images (CHR-Net, PanNuke) or pooled counts (CoNIC) (§5). */
  readonly pooling: "image" | "pooled";
  /**
   * Assignment of centroids for F1 (§6): on the full matrix, or only pairs within reach; `"auto"` is full up to
   * {@link FULL_F1_LIMIT} nuclei on either side of an image and gated above.
   */
  readonly f1Assignment: "auto" | "full" | "gated";
  /** Centroids at most this many pixels apart match (§6). */
  readonly f1DistancePx: number;
}

/** The definitions of CHR-Net's published evaluation. */
export const DEFAULT_METRIC_OPTIONS: MetricOptions = {
  eps: 1e-6,
  iouThreshold: 0.5,
  pooling: "image",
  f1Assignment: "auto",
  f1DistancePx: 12,
};

/** Most nuclei on either side of an image for which `"auto"` solves the full matrix. */
export const FULL_F1_LIMIT = 3000;

/**
 * Completes and checks options.
 *
 * @throws {@link UsageError} naming every wrong option, what was received and what is allowed
 */
export function resolveMetricOptions(options: Partial<MetricOptions> = {}): MetricOptions {
  const all = { ...DEFAULT_METRIC_OPTIONS, ...options };
  const mistakes: string[] = [];
  const refuse = (name: keyof MetricOptions, expected: string): void => {
    mistakes.push(`metrics.${name}: expected ${expected}, received ${JSON.stringify(all[name])}`);
  };
  if (!(all.eps >= 0 && all.eps < 1)) refuse("eps", "a number from 0 to below 1");
  if (!(all.iouThreshold >= 0 && all.iouThreshold < 1)) refuse("iouThreshold", "a number from 0 to below 1");
  if (!(all.f1DistancePx > 0 && all.f1DistancePx < 1e6)) refuse("f1DistancePx", "a number of pixels above 0");
  if (!["image", "pooled"].includes(all.pooling)) refuse("pooling", '"image" or "pooled"');
  if (!["auto", "full", "gated"].includes(all.f1Assignment)) {
    refuse("f1Assignment", '"auto", "full" or "gated"');
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return all;
}
