/**
 * Options of augmentation: `aug` (spec/training.md §6).
 *
 * @module
 */

import { z } from "zod";
import { AUGMENTATION_PRESETS } from "../../augmentation/plan.js";

/** Options of `aug`. */
export const aug = z
  .strictObject({
    preset: z
      .enum(AUGMENTATION_PRESETS)
      .default("reference")
      .describe(
        "everything of the published code (§6), flip, rotation and blur as in the paper's text, flips and quarter turns, or none",
      ),
    imageInterp: z
      .enum(["nearest", "bilinear"])
      .default("nearest")
      .describe("how the image is resampled by rotation and scaling; labels are always nearest (§6)"),
    stainScale: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("stain augmentation: haematoxylin, eosin and residual each times 1 ± this; 0 = off"),
    stainShift: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("stain augmentation: each stain plus ± this optical density; 0 = off"),
  })
  .prefault({});
