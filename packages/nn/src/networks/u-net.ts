/**
 * U-Net on a ResNet-50 (spec/baselines.md §3): the baseline of Table 1, five class channels and nothing else.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS } from "@renograde/core";
import type { Backend, Init } from "../backend.js";
import { conv } from "../layers/conv.js";
import { cropSides } from "../layers/dense-block.js";
import { transposedConv } from "../layers/transposed-conv.js";
import { requireTarget } from "../targets.js";
import { classMapOutputs, classMaps } from "./class-maps.js";
import { type FreezeOptions, NOT_FROZEN } from "./freeze.js";
import type { Network } from "./network.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";
import { isResNet50Frozen, resNet50Encoder } from "./resnet50.js";
import { weightedCrossEntropy } from "./weighted-loss.js";

/** Truncated normal with variance 2/fan-in: cutting the tails at two deviations takes the factor 1.3 off. */
const TRANSPOSED_INIT: Init = { kind: "normal", fan: "in", gain: 2 * 1.3, truncated: true };

/** U-Net with its options: 390 px in, 356 px out. */
export function createUNet(name: string, options: ResolvedNetOptions): Network {
  const channels = options.classes.classes.length + 1;
  return {
    name,
    options,
    geometry: { window: 390, output: 356, kept: 356, step: 8, rim: 34 },
    outputs: classMapOutputs(options.classes),
    post: { ...DEFAULT_POST_OPTIONS, method: "components", dilate: 0 },
    targets: ["classes", "borderWeights"],
    isFrozen: isResNet50Frozen,
    train: (F, image, freeze = NOT_FROZEN) => ({
      finalLogits: uNet(F, image, options, freeze),
      classStride: 1,
    }),
    loss(F, image, targets, { freeze = NOT_FROZEN } = {}) {
      const ids = requireTarget(targets, "classes");
      const weights = requireTarget(targets, "borderWeights");
      const total = weightedCrossEntropy(F, uNet(F, image, options, freeze), ids, weights, channels);
      return { total, terms: new Map([["ce", total]]) };
    },
    infer: (F, image) => ({ maps: classMaps(F, uNet(F, image, options, NOT_FROZEN)) }),
  };
}

/** The forward pass. @param image `[N, 3, H+34, W+34]`, RGB in 0…1 @returns logits `[N, K+1, H, W]` */
function uNet<T>(F: Backend<T>, image: T, net: ResolvedNetOptions, freeze: FreezeOptions): T {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const { d1, d2, d3, d4 } = resNet50Encoder(F.scope("encoder"), image, {
    kind: net.backbone,
    width: net.width,
    stridePadding: net.stridePadding,
    freeze,
  });
  const stage = (name: string, x: T, skip: T, cin: number, cskip: number, cout: number): T => {
    const S = F.scope(name);
    const up = transposedConv(S.scope("up"), x, {
      in: c(cin),
      out: c(cin),
      kernel: 2,
      stride: 2,
      init: TRANSPOSED_INIT,
    });
    const valid = { out: c(cout), kernel: 3, padding: [0, 0, 0, 0] } as const;
    const y = F.relu(conv(S.scope("conv1"), F.concat([up, skip], 1), { in: c(cin) + c(cskip), ...valid }));
    return F.relu(conv(S.scope("conv2"), y, { in: c(cout), ...valid }));
  };
  const u3 = stage("u3", d4, d3, 1024, 1024, 512);
  const u2 = stage("u2", u3, cropSides(F, d2, 4), 512, 512, 256);
  const u1 = stage("u1", u2, cropSides(F, d1, 12), 256, 256, 128);
  const outputs = net.classes.classes.length + 1;
  return conv(F.scope("out"), u1, { in: c(128), out: outputs, kernel: 1, bias: true });
}
