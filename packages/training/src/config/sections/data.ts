/**
 * Options of images, labels and patches: `data` (spec/training.md §3 to §5).
 *
 * @module
 */
import { STAIN_NORM_METHODS } from "@renograde/core";
import { z } from "zod";

function isRegExp(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** Options of `data`. */
export const data = z
  .strictObject({
    mpp: z.number().positive().max(10).default(0.25).describe("micrometres per pixel of the training images"),
    window: z
      .int()
      .min(14)
      .max(4096)
      .default(512)
      .describe("side of a patch before the crop, px: slack for rotation and scaling (§5)"),
    step: z.int().min(8).max(4096).default(256).describe("distance between windows, px (§5)"),
    crop: z
      .int()
      .min(14)
      .max(4096)
      .default(262)
      .describe("side of the network's input, px; 8n + 6, so the output is 8n (spec/network.md §1)"),
    erodeBoundary: z
      .int()
      .min(0)
      .max(10)
      .default(1)
      .describe("pixels eroded from every nucleus by the 3x3 cross (§4)"),
    distanceNorm: z
      .enum(["floor0.1", "minmax", "max"])
      .default("floor0.1")
      .describe("normalisation of the distance map inside a nucleus (§3)"),
    distanceMetric: z
      .enum(["euclidean", "chessboard"])
      .default("euclidean")
      .describe("metric of the distance map (§3)"),
    classMap: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "mapping file of spec/data.md §6; default: classes.json of the dataset folder, where present",
      ),
    patientPattern: z
      .string()
      .refine(isRegExp, "is no regular expression")
      .nullable()
      .default(null)
      .describe(
        "regular expression that finds the patient in an image's name (its first group, or all of it) for splits by patient; default: TCGA barcodes",
      ),
    stainNorm: z
      .enum(["none", ...STAIN_NORM_METHODS])
      .default("none")
      .describe("stain normalisation of every image before anything else; not part of the method"),
    stainTarget: z
      .string()
      .nullable()
      .default(null)
      .describe("image whose stains stainNorm gives to all; default: the published reference of the method"),
    cacheMiB: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(4096)
      .describe("memory for decoded images; what does not fit is decoded again each time, MiB"),
  })
  .prefault({});
