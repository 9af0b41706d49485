/**
 * Options of the networks (`net.*`) and the two presets (spec/network.md §13, §14).
 *
 * @module
 */
import { type ClassScheme, RCC_CLASSES, UsageError, validateClassScheme } from "@renograde/core";
import type { StridePadding } from "../layers/conv.js";
import type { GcInit } from "../layers/global-context.js";
import type { Rewrite } from "../layers/up-conv.js";
import type { ResNet50Kind } from "./resnet50.js";

/** `paper`: the publication's text; `reference`: the structure of the authors' code. */
export type Preset = "paper" | "reference";

/** Every choice that changes the network. The names are those of spec/network.md §14. */
export interface ResolvedNetOptions {
  readonly preset: Preset;
  /** ReLU after every residual block, or only after the last of a group (§3.1). */
  readonly resRelu: "block" | "group";
  /** Start of a GC block's last convolution (§3.2). */
  readonly gcInit: GcInit;
  /** What LU-Net reads: the binary softmax or its logits (§6). */
  readonly luInput: "probabilities" | "logits";
  /** Stop the distance loss from reaching the binary decoder (§6). */
  readonly luDetach: boolean;
  /** What the final 1×1 convolution reads (§9). */
  readonly fusionInput: "probabilities" | "logits";
  /** Start of the final 1×1 convolution: random, or 1 where a task channel contains the class (§9). */
  readonly fusionInit: "xavier" | "product";
  /** Padding of stride-2 3×3 convolutions (§2). */
  readonly stridePadding: StridePadding;
  /** ReLU at the end of a composite connection (§3.5). */
  readonly compositeRelu: boolean;
  /** First block of the auxiliary encoders (§7). */
  readonly auxBlock: "simple" | "res";
  /** How the 100x image is made: every 4th pixel, or means of 4×4 blocks (§7). */
  readonly aux100x: "decimate" | "area";
  /** ResNet-50 of U-Net and HoVer-Net: pre-activation, or torchvision's (spec/baselines.md §2). */
  readonly backbone: ResNet50Kind;
  /** Input side of HoVer-Net: 270 to 80, 350 to 160, or 256 to 164 with 3×3 decoders, "fast" (spec/baselines.md §6). */
  readonly hoverWindow: 270 | 350 | 256;
  /** Channel multiplier, > 0 (§11). */
  readonly width: number;
  /** Classes and the two cross-category tasks (§10). */
  readonly classes: ClassScheme;
  /** How to compute; no effect on parameters or, up to rounding, on results (§3.5, §9, §11). */
  readonly rewrite: Rewrite;
}

/** Options as given; whatever is left out comes from the preset. */
export type NetOptions = { readonly [K in keyof ResolvedNetOptions]?: ResolvedNetOptions[K] | undefined };

const PAPER: ResolvedNetOptions = {
  preset: "paper",
  resRelu: "block",
  gcInit: "zero-last",
  luInput: "probabilities",
  luDetach: false,
  fusionInput: "probabilities",
  fusionInit: "xavier",
  stridePadding: "symmetric",
  compositeRelu: true,
  auxBlock: "simple",
  aux100x: "decimate",
  backbone: "preact",
  hoverWindow: 270,
  width: 1,
  classes: RCC_CLASSES,
  rewrite: "split",
};

/** Values of every option under each preset. */
export const NET_PRESETS: Readonly<Record<Preset, ResolvedNetOptions>> = {
  paper: PAPER,
  reference: {
    ...PAPER,
    preset: "reference",
    resRelu: "group",
    gcInit: "xavier",
    luInput: "logits",
    fusionInput: "logits",
    stridePadding: "tf-same",
  },
};

const CHOICES: { readonly [K in keyof ResolvedNetOptions]?: readonly ResolvedNetOptions[K][] } = {
  preset: ["paper", "reference"],
  resRelu: ["block", "group"],
  gcInit: ["zero-last", "xavier"],
  luInput: ["probabilities", "logits"],
  luDetach: [true, false],
  fusionInput: ["probabilities", "logits"],
  fusionInit: ["xavier", "product"],
  stridePadding: ["symmetric", "tf-same"],
  compositeRelu: [true, false],
  auxBlock: ["simple", "res"],
  aux100x: ["decimate", "area"],
  backbone: ["preact", "torchvision"],
  hoverWindow: [270, 350, 256],
  rewrite: ["none", "reorder", "split", "full"],
};

/**
 * Fills in the preset; an option given explicitly wins over it.
 *
 * @throws UsageError for an unknown option or value; DataError for an impossible class scheme
 */
export function resolveNetOptions(options: NetOptions = {}): ResolvedNetOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!Object.hasOwn(PAPER, name)) {
      throw new UsageError(`net.${name}: unknown option, expected one of ${Object.keys(PAPER).join(", ")}`);
    }
    const choices: readonly unknown[] | undefined = CHOICES[name as keyof ResolvedNetOptions];
    if (choices && !choices.includes(value)) {
      throw new UsageError(`net.${name}: expected ${choices.join(" or ")}, received ${String(value)}`);
    }
  }
  const preset = NET_PRESETS[options.preset ?? "paper"];
  const net: ResolvedNetOptions = { ...preset, ...Object.fromEntries(given) };
  if (typeof net.width !== "number" || !(net.width > 0 && net.width <= 16)) {
    throw new UsageError(`net.width: expected a number above 0 and at most 16, received ${net.width}`);
  }
  validateClassScheme(net.classes);
  return net;
}

/** `channels` times the width multiplier, rounded to the nearest multiple of 8 (ties up), at least 8 (§11). */
export function scaleChannels(channels: number, width: number): number {
  return Math.max(8, Math.floor((channels * width) / 8 + 0.5) * 8);
}
