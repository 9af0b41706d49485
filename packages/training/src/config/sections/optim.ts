/**
 * Options of the optimiser: `optim` (spec/training.md §8).
 *
 * @module
 */
import { z } from "zod";

/** Options of `optim`. */
export const optim = z
  .strictObject({
    beta1: z.number().min(0).lt(1).default(0.9).describe("Adam β1 (§8)"),
    beta2: z.number().min(0).lt(1).default(0.999).describe("Adam β2 (§8)"),
    eps: z.number().positive().default(1e-8).describe("Adam ε (§8)"),
    epsMode: z.enum(["torch", "tf"]).default("torch").describe("place of ε in Adam's step (§8)"),
    weightDecay: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("λ of an L2 term ½λΣ‖W‖² over all kernels (spec/baselines.md)"),
    carryOver: z
      .boolean()
      .default(true)
      .describe("keep Adam's moments from one phase to the next; false starts each phase afresh (§8)"),
  })
  .prefault({});
