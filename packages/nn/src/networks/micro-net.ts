/**
 * Micro-Net (Raza et al., Medical Image Analysis 2019; spec/baselines.md §5): the image enters at five resolutions, three
 * auxiliary outputs are joined.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, type Random } from "@renograde/core";
import type { Backend } from "../backend.js";
import { resizeBicubic } from "../layers/bicubic-resize.js";
import { batchNorm, conv } from "../layers/conv.js";
import { transposedConv } from "../layers/transposed-conv.js";
import { requireTarget } from "../targets.js";
import { classMapOutputs, classMaps } from "./class-maps.js";
import type { Network } from "./network.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";
import { weightedCrossEntropy } from "./weighted-loss.js";

const WINDOW = 252;
const BIAS = 0.1;
const DROPOUT = 0.5;
/** Channels of b1 … b4, and the sides of the resized images that enter them. */
const ENCODER = [
  { channels: 64, side: 128 },
  { channels: 128, side: 64 },
  { channels: 256, side: 32 },
  { channels: 512, side: 16 },
] as const;

interface MicroOutputs<T> {
  /** `[N, K+1, 252, 252]` */
  readonly logits: T;
  /** Logits of the three auxiliary outputs, from b9, b8 and b7. */
  readonly auxiliary: readonly T[];
}

/** Weight of the auxiliary terms: 1 in epochs 1 and 2, then 1/(epoch − 1). */
export function auxiliaryWeight(epoch: number): number {
  return epoch < 3 ? 1 : 1 / (epoch - 1);
}

/** Micro-Net with its options: 252 px in and out, of which 200 are kept. */
export function createMicroNet(name: string, options: ResolvedNetOptions): Network {
  const channels = options.classes.classes.length + 1;
  return {
    name,
    options,
    // Only with this side do the decoder's maps and those they are joined with have one size.
    geometry: { window: WINDOW, output: WINDOW, kept: 200, step: 0, rim: 0 },
    outputs: classMapOutputs(options.classes),
    post: { ...DEFAULT_POST_OPTIONS, method: "components", dilate: 1 },
    targets: ["classes", "borderWeights"],
    isFrozen: () => false,
    train: (F, image) => ({ finalLogits: microNet(F, image, options, null).logits, classStride: 1 }),
    loss(F, image, targets, { epoch = 1, random } = {}) {
      const { logits, auxiliary } = microNet(F, image, options, random ?? null);
      const ids = requireTarget(targets, "classes");
      const weights = requireTarget(targets, "borderWeights");
      const entropy = (map: typeof logits) => weightedCrossEntropy(F, map, ids, weights, channels);
      const terms = new Map([["ce", entropy(logits)]]);
      for (const [i, map] of auxiliary.entries()) terms.set(`aux${i + 1}`, entropy(map));
      const share = auxiliaryWeight(epoch);
      const weighted = [...terms].map(([name, term]) => (name === "ce" ? term : F.affine(term, share, 0)));
      return { total: weighted.reduce((sum, term) => F.add(sum, term)), terms };
    },
    infer: (F, image) => ({ maps: classMaps(F, microNet(F, image, options, null).logits) }),
  };
}

/** The forward pass. @param image `[N, 3, 252, 252]`, RGB in 0…1 @param random for dropout; null: none */
function microNet<T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  random: Random | null,
): MicroOutputs<T> {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const outputs = net.classes.classes.length + 1;
  const biased = { kernel: 3, padding: [0, 0, 0, 0], bias: true, biasStart: BIAS } as const;
  const conv3 = (S: Backend<T>, x: T, cin: number, out: number): T => conv(S, x, { in: cin, out, ...biased });
  /** Valid 3×3 without bias, BNR; valid 3×3, ReLU. */
  const pair = (S: Backend<T>, x: T, cin: number, out: number): T => {
    let y = conv(S.scope("conv1"), x, { in: cin, out, kernel: 3, padding: [0, 0, 0, 0] });
    y = F.relu(batchNorm(S.scope("bn"), y, out));
    return F.relu(conv3(S.scope("conv2"), y, out, out));
  };
  const grow = (S: Backend<T>, x: T, cin: number, out: number, kernel: number, stride: number): T =>
    transposedConv(S, x, { in: cin, out, kernel, stride, biasStart: BIAS });

  const skips: T[] = [];
  let x = image;
  let channels = 3;
  for (const [i, { channels: wide, side }] of ENCODER.entries()) {
    const S = F.scope(`b${i + 1}`);
    const main = F.maxPool2d(pair(S.scope("main"), x, channels, c(wide)), 2, 2);
    const small = pair(S.scope("aux"), resizeBicubic(F, image, WINDOW, side), 3, c(wide));
    x = F.concat([main, small], 1);
    channels = 2 * c(wide);
    skips.push(x);
  }
  const b5 = F.scope("b5");
  x = F.relu(conv3(b5.scope("conv1"), x, channels, c(2048)));
  x = F.relu(conv3(b5.scope("conv2"), x, c(2048), c(2048)));
  channels = c(2048);

  const decoded: { map: T; channels: number }[] = [];
  for (const [i, wide] of [1024, 512, 256, 128].entries()) {
    const S = F.scope(`b${i + 6}`);
    const out = c(wide);
    let y = grow(S.scope("up"), x, channels, out, 2, 2);
    y = F.relu(conv3(S.scope("conv1"), y, out, out));
    y = F.relu(conv3(S.scope("conv2"), y, out, out));
    y = grow(S.scope("grow"), y, out, out, 5, 1);
    const skip = grow(S.scope("skip"), skips[3 - i]!, 2 * c(ENCODER[3 - i]!.channels), out, 5, 1);
    x = F.relu(
      conv(S.scope("join"), F.concat([y, skip], 1), {
        in: 2 * out,
        out,
        kernel: 1,
        bias: true,
        biasStart: BIAS,
      }),
    );
    channels = out;
    decoded.push({ map: x, channels });
  }

  const features = [3, 2, 1].map((at, i): T => {
    const { map, channels: wide } = decoded[at]!;
    const S = F.scope(`aux${i + 1}`);
    const factor = 2 ** (i + 1);
    const large = grow(S.scope("up"), map, wide, wide, factor, factor); // 256²
    return F.dropout(F.relu(conv3(S.scope("conv"), large, wide, outputs)), DROPOUT, random); // 254²
  });
  return {
    logits: conv3(F.scope("out"), F.concat(features, 1), 3 * outputs, outputs),
    auxiliary: features.map((map, i) => conv3(F.scope(`aux${i + 1}`).scope("out"), map, outputs, outputs)),
  };
}
