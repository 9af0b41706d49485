/**
 * Options of post-processing: `post` (spec/postprocessing.md).
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, INSTANCE_METHODS } from "@renograde/core";
import { z } from "zod";

/** Options of `post`. */
export const post = z
  .strictObject({
    method: z
      .enum(INSTANCE_METHODS)
      .nullable()
      .default(null)
      .describe(
        "how nuclei are separated; null = what fits the network (spec/postprocessing.md §3, §4, §6, §7, §8)",
      ),
    h: z
      .int()
      .min(0)
      .max(255)
      .default(DEFAULT_POST_OPTIONS.h)
      .describe("depth of the h-minima (spec/postprocessing.md §3)"),
    threshold: z
      .int()
      .min(0)
      .max(255)
      .default(DEFAULT_POST_OPTIONS.threshold)
      .describe("bytes above this are nucleus; Mask R-CNN: scores of at least (threshold + 1) / 256 count"),
    minArea: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(DEFAULT_POST_OPTIONS.minArea)
      .describe("nuclei of at most this many pixels are removed"),
    voteBackground: z
      .boolean()
      .nullable()
      .default(null)
      .describe("background takes part in a nucleus' vote; null = what fits the network"),
    keepUnmarked: z
      .boolean()
      .default(DEFAULT_POST_OPTIONS.keepUnmarked)
      .describe("keep mask components without a marker"),
    backgroundIsZero: z
      .boolean()
      .default(DEFAULT_POST_OPTIONS.backgroundIsZero)
      .describe("background is 0 rather than the most frequent value"),
    watershedTies: z
      .enum(["skimage-legacy", "skimage-0.25.2", "component"])
      .default(DEFAULT_POST_OPTIONS.watershedTies)
      .describe("rule for equal keys in the flood"),
    dilate: z
      .int()
      .min(0)
      .max(20)
      .nullable()
      .default(null)
      .describe("pixels of dilation after `components`; null = what fits the network"),
  })
  .prefault({});
