/**
 * Backbone of Mask R-CNN: ResNet-50 with fixed batch norms and the feature pyramid on it (Lin et al. 2017;
 * spec/baselines.md §4).
 *
 * @module
 */
import type { Backend, Init } from "../../backend.js";
import { conv, convBnRelu } from "../../layers/conv.js";
import type { FreezeOptions } from "../freeze.js";
import { type ResolvedNetOptions, scaleChannels } from "../options.js";
import { resNet50Body } from "../resnet50.js";
import { IMAGE_MEAN, IMAGE_STD } from "./settings.js";

/** Variance 1 / fan-in: no ReLU follows. */
const LINEAR: Init = { kind: "normal", fan: "in", gain: 1 };

/** Channels of every pyramid map. */
export function pyramidChannels(net: ResolvedNetOptions): number {
  return scaleChannels(256, net.width);
}

/**
 * P2 … P6 at strides 4, 8, 16, 32, 64, 256 channels each.
 *
 * @param image `[N, 3, H, W]`, RGB in 0…1; H and W multiples of 32
 */
export function featurePyramid<T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  freeze: FreezeOptions,
): T[] {
  const maps = backbone(F.scope("encoder"), normalise(F, image), net, freeze);
  const P = F.scope("fpn");
  const out = pyramidChannels(net);
  const channels = [256, 512, 1024, 2048].map((c) => scaleChannels(c, net.width));
  const levels: T[] = [];
  let above: T | undefined;
  for (let i = maps.length - 1; i >= 0; i--) {
    const spec = { in: channels[i]!, out, kernel: 1, bias: true, init: LINEAR };
    const inner = conv(P.scope(`inner${i}`), maps[i]!, spec);
    above = above === undefined ? inner : F.add(inner, F.upsampleNearest(above, 2));
    const level = { in: out, out, kernel: 3, bias: true, init: LINEAR };
    levels.unshift(conv(P.scope(`layer${i}`), above, level));
  }
  return [...levels, F.maxPool2d(levels[3]!, 1, 2)];
}

function normalise<T>(F: Backend<T>, image: T): T {
  const centred = F.sub(image, F.constant(IMAGE_MEAN, [3, 1, 1]));
  return F.div(centred, F.constant(IMAGE_STD, [3, 1, 1]));
}

/** C2 … C5; everything is cut from the gradient in phase 1, whatever its scope. */
function backbone<T>(E: Backend<T>, x: T, net: ResolvedNetOptions, freeze: FreezeOptions): T[] {
  const stem = { in: 3, out: scaleChannels(64, net.width), kernel: 7, stride: 2 };
  const s = convBnRelu(E.scope("stem"), x, stem, { fixed: true });
  return resNet50Body(E, E.maxPool2d(s, 3, 2, 1), {
    width: net.width,
    stridePadding: "symmetric",
    freeze: { ...freeze, scope: freeze.scope === "none" ? "none" : "encoder" },
    fixedNorms: true,
  });
}
