/**
 * Options of the network itself: `net` (spec/network.md, spec/baselines.md).
 *
 * @module
 */
import { z } from "zod";

/** Options of `net`. */
export const net = z
  .strictObject({
    network: z
      .enum(["chr-net", "shr", "mhr", "mhr-udist", "u-net", "mask-rcnn", "micro-net", "hover-net", "dist"])
      .default("chr-net")
      .describe("architecture: CHR-Net, an ablation of Table 2, or another network of Table 1"),
    width: z
      .number()
      .min(0.01)
      .max(4)
      .default(1)
      .describe("channel multiplier; below 0.25 for tests only (spec/network.md §11)"),
    resRelu: z
      .enum(["block", "group"])
      .default("block")
      .describe("ReLU after every residual block or once per group (§3.1)"),
    gcInit: z
      .enum(["zero-last", "xavier"])
      .default("zero-last")
      .describe("start of a global context block's last convolution (§3.2)"),
    luInput: z
      .enum(["probabilities", "logits"])
      .default("probabilities")
      .describe("what LU-Net reads from the binary branch (§6)"),
    luDetach: z
      .boolean()
      .default(false)
      .describe("stop the distance loss's gradient at the binary branch (§6)"),
    fusionInput: z
      .enum(["probabilities", "logits"])
      .default("probabilities")
      .describe("what the final 1x1 convolution reads from the two tasks (§9)"),
    fusionInit: z
      .enum(["xavier", "product"])
      .default("xavier")
      .describe("start of the final 1x1 convolution (§9)"),
    compositeRelu: z.boolean().default(true).describe("ReLU in composite connections (§3.5)"),
    auxBlock: z
      .enum(["simple", "res"])
      .default("simple")
      .describe("first block of the auxiliary encoders (§7)"),
    aux100x: z
      .enum(["decimate", "area"])
      .default("decimate")
      .describe("how the 100x view is made: every 4th pixel, or the mean of 4x4 (§7)"),
    stridePadding: z
      .enum(["symmetric", "tf-same"])
      .default("symmetric")
      .describe("padding of stride-2 convolutions (§2)"),
    backbone: z
      .enum(["preact", "torchvision"])
      .default("preact")
      .describe(
        "ResNet-50 of U-Net and HoVer-Net: pre-activation, or torchvision's (spec/baselines.md §2); a file of weights fits one of them",
      ),
    hoverWindow: z
      .literal([270, 350, 256])
      .default(270)
      .describe(
        "input of HoVer-Net, px: 270 gives 80, 350 gives 160, 256 gives 164 with 3x3 decoders (spec/baselines.md §6)",
      ),
  })
  .prefault({});
