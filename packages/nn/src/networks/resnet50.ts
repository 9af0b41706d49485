/**
 * ResNet-50 encoders of the baselines (spec/baselines.md §2): pre-activation and ordinary, stem at stride 1 without
 * max-pool, and the ordinary body on its own for networks with their usual stem (Mask R-CNN).
 *
 * Pretrained weights. `preact`: tensorpack's `ImageNet-ResNet50-Preact` (`.npz` or TensorFlow checkpoint) or
 * HoVer-Net's PyTorch copy of it. `torchvision`: torchvision's `resnet50` (`.pth` or safetensors). A torchvision file
 * does not fit `preact`. Names map one to one:
 *
 * | ours, below `encoder.` | tensorpack | torchvision |
 * |---|---|---|
 * | `stem.conv`, `stem.bn` | `conv0`, `conv0/bn` | `conv1`, `bn1` |
 * | `group{g}.block{b}.preact` (b > 0) | `group{g}/block{b}/preact/bn` | – |
 * | `group{g}.block{b}.conv1`, `.bn1` | `group{g}/block{b}/conv1`, `conv1/bn` | `layer{g+1}.{b}.conv1`, `.bn1` |
 * | `….conv2`, `.bn2` | `…/conv2`, `conv2/bn` | `….conv2`, `.bn2` |
 * | `….conv3` | `…/conv3` | `….conv3` |
 * | `….bn3` (torchvision) | – | `….bn3` |
 * | `group{g}.block0.short` | `group{g}/block0/convshortcut` | `layer{g+1}.0.downsample.0` |
 * | `group{g}.block0.shortBn` (torchvision) | – | `layer{g+1}.0.downsample.1` |
 * | `group{g}.bnlast` (preact) | `group{g}/bnlast/bn` | – |
 * | `bottom` (1×1 2048→1024) | not in the file: starts random | not in the file: starts random |
 *
 * @module
 */
import type { Backend, Init } from "../backend.js";
import { type BottleneckSpec, bottleneck, preactBottleneck } from "../layers/bottleneck.js";
import { batchNorm, conv, convBnRelu, type NormSpec, type StridePadding } from "../layers/conv.js";
import type { FreezeOptions, FreezeScope } from "./freeze.js";
import { scaleChannels } from "./options.js";

/** Which ResNet-50: pre-activation units (tensorpack, HoVer-Net) or ordinary ones (torchvision). */
export type ResNet50Kind = "preact" | "torchvision";

/** What the units of a body need to know. */
export interface ResNet50Spec {
  /** Channel multiplier (spec/network.md §11). */
  readonly width: number;
  readonly stridePadding: StridePadding;
  /** Start of the convolutions; default Xavier uniform. */
  readonly init?: Init;
  readonly freeze: FreezeOptions;
  /** Batch norms that are never trained, as torchvision's detection models use them ({@link NormSpec.fixed}). */
  readonly fixedNorms?: boolean;
}

/** An encoder: a body with stem and last 1×1. */
export interface ResNet50EncoderSpec extends Omit<ResNet50Spec, "fixedNorms"> {
  readonly kind: ResNet50Kind;
  /** Zeros around the image before the stem: 0 takes 6 px off each side length, 3 keeps it. Default 0. */
  readonly stemPadding?: 0 | 3;
}

/** Maps of the encoder: 256, 512, 1024 and (after the last 1×1) 1024 channels at 1, 1/2, 1/4, 1/8 of the stem's side. */
export interface ResNet50Maps<T> {
  readonly d1: T;
  readonly d2: T;
  readonly d3: T;
  readonly d4: T;
}

/** Inner and outer channels, and number of units, of each group. */
const GROUPS = [
  { mid: 64, out: 256, units: 3 },
  { mid: 128, out: 512, units: 4 },
  { mid: 256, out: 1024, units: 6 },
  { mid: 512, out: 2048, units: 3 },
] as const;

/** What the reference's first phase leaves to train inside the groups (spec/baselines.md §6). */
const REFERENCE_TRAINED = /^encoder\.group0\.(block0\.(short|shortBn)|bnlast)\./;

/**
 * True when a parameter of a network whose ResNet-50 is called `encoder` stands still under `scope`: `encoder` freezes
 * everything that can be pretrained, `reference` leaves the stem, the first shortcut and the closing batch norm of the
 * first group training. The last 1×1 has no pretrained values and always trains.
 */
export function isResNet50Frozen(name: string, scope: FreezeScope): boolean {
  if (scope === "none" || !name.startsWith("encoder.") || name.startsWith("encoder.bottom.")) return false;
  return scope === "encoder" || (name.startsWith("encoder.group") && !REFERENCE_TRAINED.test(name));
}

/**
 * Stem, four groups and the last 1×1. 25,597,504 parameters with pre-activation units.
 *
 * @param F scope `encoder`
 * @param image `[N, 3, H, W]`, RGB in 0…1; H − 6 (with `stemPadding` 3: H) a multiple of 8
 */
export function resNet50Encoder<T>(F: Backend<T>, image: T, spec: ResNet50EncoderSpec): ResNet50Maps<T> {
  const { width, freeze, kind, stemPadding: p = 0 } = spec;
  const init = spec.init && { init: spec.init };
  const stem = convBnRelu(
    F.scope("stem"),
    image,
    { in: 3, out: scaleChannels(64, width), kernel: 7, padding: [p, p, p, p], ...init },
    { useRunning: freeze.bn === "running" && freeze.scope === "encoder" },
  );
  const body = kind === "preact" ? preactResNet50Body : resNet50Body;
  const [d1, d2, d3, c5] = body(F, stem, spec);
  const d4 = conv(F.scope("bottom"), c5, {
    in: scaleChannels(2048, width),
    out: scaleChannels(1024, width),
    kernel: 1,
    ...init,
  });
  return { d1, d2, d3, d4 };
}

/**
 * The four groups of an ordinary ResNet-50 (torchvision's `layer1` … `layer4`).
 *
 * @param F scope `encoder`
 * @param x `[N, 64, h, w]`, what the stem (and a max-pool, where there is one) gives
 * @returns C2 … C5: 256, 512, 1024, 2048 channels at 1, 1/2, 1/4, 1/8 of `x`; cut from the gradient where frozen
 */
export function resNet50Body<T>(F: Backend<T>, x: T, spec: ResNet50Spec): [T, T, T, T] {
  return groups(F, x, spec, bottleneck, (_, y) => y);
}

/**
 * The four groups of a pre-activation ResNet-50, each with its closing BNR.
 *
 * @param F scope `encoder`
 * @param x `[N, 64, h, w]`, what the stem gives
 * @returns 256, 512, 1024, 2048 channels at 1, 1/2, 1/4, 1/8 of `x`; cut from the gradient where frozen
 */
export function preactResNet50Body<T>(F: Backend<T>, x: T, spec: ResNet50Spec): [T, T, T, T] {
  return groups(F, x, spec, preactBottleneck, (G, y, channels, norm) =>
    G.relu(batchNorm(G.scope("bnlast"), y, channels, norm)),
  );
}

type Unit = <T>(F: Backend<T>, x: T, spec: BottleneckSpec) => T;

function groups<T>(
  F: Backend<T>,
  stem: T,
  spec: ResNet50Spec,
  unit: Unit,
  close: (G: Backend<T>, y: T, channels: number, norm: NormSpec) => T,
): [T, T, T, T] {
  const { width, stridePadding, freeze, fixedNorms = false } = spec;
  const running = freeze.bn === "running" && freeze.scope !== "none";
  const frozenNorm: NormSpec = { fixed: fixedNorms, useRunning: running };
  /** Of the parts that the reference scope leaves training. */
  const openNorm: NormSpec = { fixed: fixedNorms, useRunning: running && freeze.scope === "encoder" };
  let x = stem;
  let cin = scaleChannels(64, width);
  const maps = GROUPS.map((group, g) => {
    const out = scaleChannels(group.out, width);
    const G = F.scope(`group${g}`);
    const edgeNorm = g === 0 ? openNorm : frozenNorm;
    for (let b = 0; b < group.units; b++) {
      x = unit(G.scope(`block${b}`), x, {
        in: cin,
        mid: scaleChannels(group.mid, width),
        out,
        stride: g > 0 && b === 0 ? 2 : 1,
        first: b === 0,
        stridePadding,
        ...(spec.init && { init: spec.init }),
        norm: frozenNorm,
        shortNorm: edgeNorm,
        cutBranch: freeze.scope === "reference",
      });
      cin = out;
    }
    x = close(G, x, out, edgeNorm);
    // The authors cut every group but the first.
    if (freeze.scope === "reference" && g > 0) x = F.detach(x);
    return x;
  });
  const cut = (map: T): T => (freeze.scope === "encoder" ? F.detach(map) : map);
  return [cut(maps[0]!), cut(maps[1]!), cut(maps[2]!), cut(maps[3]!)];
}
