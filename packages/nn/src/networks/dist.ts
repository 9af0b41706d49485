/**
 * DIST (Naylor et al., IEEE TMI 2019; spec/baselines.md §7): a U-Net that regresses the distance to a nucleus' border in
 * pixels, with a head for classes.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS } from "@renograde/core";
import type { Backend } from "../backend.js";
import { batchNorm, conv } from "../layers/conv.js";
import { cropSides } from "../layers/dense-block.js";
import { transposedConv } from "../layers/transposed-conv.js";
import { requireTarget } from "../targets.js";
import { classMapOutputs, classMaps } from "./class-maps.js";
import type { Network } from "./network.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";

const LEVELS = [32, 64, 128, 256, 512] as const;
/** Pixels cut from each side of the encoder's maps, finest first. */
const CROPS = [88, 40, 16, 4] as const;
const BIAS = 0.1;

interface DistOutputs<T> {
  /** `[N, 1, H, W]`, pixels, linear. */
  readonly distance: T;
  /** `[N, K+1, H, W]` */
  readonly logits: T;
}

/** DIST with its options: 268 px in, 84 px out. */
export function createDist(name: string, options: ResolvedNetOptions): Network {
  return {
    name,
    options,
    geometry: { window: 268, output: 84, kept: 84, step: 16, rim: 184 },
    outputs: classMapOutputs(options.classes),
    post: { ...DEFAULT_POST_OPTIONS, method: "distance", h: 0, threshold: 0, minArea: 0 },
    targets: ["classes", "pixelDistance"],
    isFrozen: () => false,
    train(F, image) {
      const { distance, logits } = dist(F, image, options);
      return { distance, finalLogits: logits, classStride: 1 };
    },
    loss(F, image, targets) {
      const { distance, logits } = dist(F, image, options);
      const difference = F.sub(distance, requireTarget(targets, "pixelDistance"));
      const mse = F.reshape(F.mean(F.mul(difference, difference), [0, 1, 2, 3]), []);
      const ce = F.crossEntropy(logits, requireTarget(targets, "classes"));
      return {
        total: F.add(mse, ce),
        terms: new Map([
          ["mse", mse],
          ["ce", ce],
        ]),
      };
    },
    infer(F, image) {
      const { distance, logits } = dist(F, image, options);
      return { maps: classMaps(F, logits, distance) };
    },
  };
}

/** The forward pass. @param image `[N, 3, H+184, W+184]`, RGB in 0…1 */
function dist<T>(F: Backend<T>, image: T, net: ResolvedNetOptions): DistOutputs<T> {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const outputs = net.classes.classes.length + 1;
  /** Two valid 3×3 convolutions, each with batch norm and ReLU. */
  const pair = (S: Backend<T>, x: T, cin: number, cout: number): T => {
    const valid = { out: cout, kernel: 3, padding: [0, 0, 0, 0], bias: true, biasStart: BIAS } as const;
    let y = conv(S.scope("conv1"), x, { in: cin, ...valid });
    y = F.relu(batchNorm(S.scope("bn1"), y, cout));
    y = conv(S.scope("conv2"), y, { in: cout, ...valid });
    return F.relu(batchNorm(S.scope("bn2"), y, cout));
  };
  const skips: T[] = [];
  let x = image;
  let channels = 3;
  for (const [i, level] of LEVELS.entries()) {
    if (i > 0) x = F.maxPool2d(x, 2, 2);
    x = pair(F.scope(`down${i + 1}`), x, channels, c(level));
    channels = c(level);
    skips.push(x);
  }
  for (let i = LEVELS.length - 2; i >= 0; i--) {
    const S = F.scope(`up${i + 1}`);
    const up = transposedConv(S.scope("up"), x, {
      in: channels,
      out: channels,
      kernel: 2,
      stride: 2,
      biasStart: BIAS,
    });
    const level = c(LEVELS[i]!);
    x = pair(S, F.concat([up, cropSides(F, skips[i]!, CROPS[i]!)], 1), channels + level, level);
    channels = level;
  }
  const head = (name: string, out: number): T =>
    conv(F.scope(name), x, { in: channels, out, kernel: 1, bias: true, biasStart: BIAS });
  return { distance: head("distance", 1), logits: head("types", outputs) };
}
