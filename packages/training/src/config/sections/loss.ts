/**
 * Options of the losses: `loss` (spec/training.md §1, spec/baselines.md §6).
 *
 * @module
 */
import { z } from "zod";

const weight = (what: string) => z.number().min(0).max(1000).describe(what);

/** Options of `loss`. */
export const loss = z
  .strictObject({
    lambdaBc: weight("weight of the binary cross-entropy, λ_bc of Eq. 1").default(1),
    lambdaDist: weight("weight of the distance error, λ_dist of Eq. 1").default(2),
    lambdaMc1: weight("weight of the cross-entropy of task 1, λ_mc1").default(1),
    lambdaMc2: weight("weight of the cross-entropy of task 2, λ_mc2").default(1),
    lambdaMcf: weight("weight of the cross-entropy of the fused output, λ_mcf").default(1),
    dice: z.boolean().default(false).describe("add soft Dice to each softmax output (spec/training.md §1)"),
    lambdaMse: weight("HoVer-Net: weight of the offsets' squared error; its PyTorch code has 1").default(2),
    lambdaMsge: weight("HoVer-Net: weight of the squared error of the offsets' slopes").default(1),
    msgeAxis: z
      .enum(["own", "cross"])
      .default("own")
      .describe(
        "HoVer-Net: slopes along each map's own axis, or exchanged as the published code has them (spec/baselines.md §6)",
      ),
  })
  .prefault({});
