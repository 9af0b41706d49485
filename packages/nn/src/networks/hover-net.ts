/**
 * HoVer-Net (Graham et al., Medical Image Analysis 2019; spec/baselines.md §6): a ResNet-50 and three decoders for
 * nuclear pixels (`np`), horizontal and vertical offsets (`hv`) and types (`tp`).
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS } from "@renograde/core";
import type { OutputChannel } from "@renograde/formats";
import type { Backend, Init } from "../backend.js";
import { batchNorm, conv } from "../layers/conv.js";
import { cropSides, denseBlock } from "../layers/dense-block.js";
import type { TargetName } from "../targets.js";
import { type FreezeOptions, NOT_FROZEN } from "./freeze.js";
import { hoverLoss } from "./hover-loss.js";
import type { InferenceOutputs, Network, TrainingOutputs, WindowGeometry } from "./network.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";
import { isResNet50Frozen, type ResNet50Maps, resNet50Encoder } from "./resnet50.js";

/** What a decoder's side and window depend on. */
interface HoverMode {
  readonly geometry: WindowGeometry;
  /** Side of the decoders' convolutions. */
  readonly kernel: 3 | 5;
  readonly stemPadding: 0 | 3;
  /** Pixels cut from each side of d1 and d2. */
  readonly crops: readonly [d1: number, d2: number];
}

function original(window: 270 | 350): HoverMode {
  const output = window - 190;
  const geometry = { window, output, kept: output, step: 8, rim: 190 };
  return { geometry, kernel: 5, stemPadding: 0, crops: [92, 36] };
}

const MODES: Readonly<Record<ResolvedNetOptions["hoverWindow"], HoverMode>> = {
  270: original(270),
  350: original(350),
  256: {
    geometry: { window: 256, output: 164, kept: 164, step: 8, rim: 92 },
    kernel: 3,
    stemPadding: 3,
    crops: [46, 18],
  },
};

/** Kaiming normal, fan-out. */
const KAIMING: Init = { kind: "normal", fan: "out", gain: 2 };

/** Output of a forward pass: every HoVer-Net has nuclear pixels and offsets; types where there are several. */
export type HoverOutputs<T> = TrainingOutputs<T> & { readonly binaryLogits: T; readonly offsets: T };

/** HoVer-Net with its options. A scheme of one class has no type branch. */
export function createHoverNet(name: string, options: ResolvedNetOptions): Network {
  const mode = MODES[options.hoverWindow];
  const classes = options.classes.classes.length;
  const typed = classes > 1;
  const targets: TargetName[] = ["binary", "offsets", ...(typed ? (["classes"] as const) : [])];
  const channels: OutputChannel[] = Array.from({ length: classes + 1 }, (_, id) => ({ kind: "class", id }));
  channels.push({ kind: "nucleus" }, { kind: "offset", axis: "x" }, { kind: "offset", axis: "y" });
  return {
    name,
    options,
    geometry: mode.geometry,
    outputs: [{ name: "maps", channels, stride: 1 }],
    post: { ...DEFAULT_POST_OPTIONS, method: "hover-net", voteBackground: true },
    targets,
    isFrozen: isResNet50Frozen,
    train: (F, image, freeze = NOT_FROZEN) => hoverNet(F, image, options, freeze),
    loss: (F, image, given, { loss, freeze = NOT_FROZEN } = {}) =>
      hoverLoss(F, hoverNet(F, image, options, freeze), given, classes + 1, loss),
    infer: (F, image) => inferenceOutputs(F, hoverNet(F, image, options, NOT_FROZEN)),
  };
}

/** The forward pass. @param image `[N, 3, H, W]`, RGB in 0…1 */
export function hoverNet<T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  freeze: FreezeOptions,
): HoverOutputs<T> {
  const { kernel, stemPadding, crops } = MODES[net.hoverWindow];
  const { d1, d2, d3, d4 } = resNet50Encoder(F.scope("encoder"), image, {
    kind: net.backbone,
    width: net.width,
    stridePadding: net.stridePadding,
    init: KAIMING,
    freeze,
    stemPadding,
  });
  const maps = { d1: cropSides(F, d1, crops[0]), d2: cropSides(F, d2, crops[1]), d3, d4 };
  const sum = F.add(F.upsampleNearest(maps.d4, 2), maps.d3); // the same for all decoders
  const branch = (name: string, outputs: number): T =>
    decoder(F.scope(name), sum, maps, outputs, kernel, net.width);
  const classes = net.classes.classes.length;
  return {
    binaryLogits: branch("np", 2),
    offsets: branch("hv", 2),
    ...(classes > 1 && { finalLogits: branch("tp", classes + 1) }),
    classStride: 1,
  };
}

/**
 * One decoder.
 *
 * @param sum up2(d4) + d3
 * @returns `[N, outputs, H, W]`, without activation
 */
function decoder<T>(
  F: Backend<T>,
  sum: T,
  { d1, d2 }: Pick<ResNet50Maps<T>, "d1" | "d2">,
  outputs: number,
  kernel: 3 | 5,
  width: number,
): T {
  const c = (channels: number): number => scaleChannels(channels, width);
  const init = KAIMING;
  /** Valid convolution `conva`, dense block, 1×1 `convf`. */
  const stage = (S: Backend<T>, x: T, cin: number, cmid: number, units: number, cout: number): T => {
    let u = conv(S.scope("conva"), x, { in: c(cin), out: c(cmid), kernel, padding: [0, 0, 0, 0], init });
    u = denseBlock(S.scope("dense"), u, {
      in: c(cmid),
      units,
      mid: c(128),
      growth: c(32),
      kernel,
      groups: 4,
      init,
    });
    return conv(S.scope("convf"), u, { in: c(cmid) + units * c(32), out: c(cout), kernel: 1, init });
  };
  const u3 = stage(F.scope("u3"), sum, 1024, 256, 8, 512);
  const u2 = stage(F.scope("u2"), F.add(F.upsampleNearest(u3, 2), d2), 512, 128, 4, 256);
  const joined = F.add(F.upsampleNearest(u2, 2), d1);
  const u1 = conv(F.scope("u1").scope("conva"), joined, { in: c(256), out: c(64), kernel, init });
  const y = F.relu(batchNorm(F.scope("bn"), u1, c(64)));
  return conv(F.scope("out"), y, { in: c(64), out: outputs, kernel: 1, bias: true, init });
}

/** Class probabilities, nucleus probability, offsets. Without types the one class is the nucleus. */
function inferenceOutputs<T>(F: Backend<T>, outputs: HoverOutputs<T>): InferenceOutputs<T> {
  const nucleus = F.softmax(outputs.binaryLogits, 1); // [N, 2, H, W]
  const classes = outputs.finalLogits === undefined ? nucleus : F.softmax(outputs.finalLogits, 1);
  return { maps: F.concat([classes, F.slice(nucleus, 1, 1, 2), outputs.offsets], 1) };
}
