/**
 * Options of the weights a run starts with: `init` (spec/training.md §7).
 *
 * @module
 */
import { z } from "zod";

/** Options of `init`. */
export const init = z
  .strictObject({
    encoder: z
      .string()
      .nullable()
      .default(null)
      .describe("file of ImageNet weights for the encoder (§7); see docs/users/pretrained.md"),
    weights: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "file of weights for the whole network, such as the authors' checkpoint (spec/network.md §15)",
      ),
    from: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "run folder, checkpoint or exported .safetensors to start from; heads start afresh where the classes differ",
      ),
    foldImagenetNorm: z
      .boolean()
      .default(true)
      .describe("fold ImageNet's mean and standard deviation into the first convolution of `encoder` (§7)"),
  })
  .prefault({});
