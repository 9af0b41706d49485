/**
 * Options of the split into training, validation and test: `split` (spec/training.md §10).
 *
 * @module
 */
import { z } from "zod";

/** Options of `split`. */
export const split = z
  .strictObject({
    by: z
      .enum(["image", "slide", "patient"])
      .default("image")
      .describe("unit of the split; folders train/valid/test are used as they are with image (§10)"),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(10)
      .describe("seed of a random split"),
    fractions: z
      .tuple([z.number().min(0).max(1), z.number().min(0).max(1), z.number().min(0).max(1)])
      .default([0.7, 0.1, 0.2])
      .describe("shares of training, validation and test"),
    file: z
      .string()
      .nullable()
      .default(null)
      .describe("split file of `renograde dataset split --out FILE.json`; it decides alone"),
    folds: z
      .int()
      .min(2)
      .max(1000)
      .nullable()
      .default(null)
      .describe("cross-validation: all images in this many parts, whatever the folders say; null = none"),
    fold: z.int().min(1).max(1000).default(1).describe("with folds: the part that is the test set, from 1"),
  })
  .prefault({});
