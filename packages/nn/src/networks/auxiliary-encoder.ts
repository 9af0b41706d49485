/**
 * Auxiliary encoders: the same tissue seen at 100x and at 400x (spec/network.md §7).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { batchNorm, conv, convBnRelu, padding3x3 } from "../layers/conv.js";
import { globalContext } from "../layers/global-context.js";
import { simpleBlock } from "../layers/simple-block.js";
import { convOverUp2 } from "../layers/up-conv.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";

/** Maps an auxiliary encoder gives to an HRFE: 64, 128, 256 channels at 1/2, 1/4, 1/8 of the output side. */
export interface AuxiliaryMaps<T> {
  readonly a1: T;
  readonly a2: T;
  readonly a3: T;
}

/** The "400x" image: the network input without its rim of 3 pixels. `[N, 3, H+6, W+6]` to `[N, 3, H, W]`. */
export function image400x<T>(F: Backend<T>, image: T): T {
  return F.slice(F.slice(image, 2, 3, -3), 3, 3, -3);
}

/** The "100x" image, 1/16 of the area: `[N, 3, H, W]` to `[N, 3, H/4, W/4]`. */
export function image100x<T>(F: Backend<T>, view400x: T, net: ResolvedNetOptions): T {
  if (net.aux100x === "area") return F.avgPool2d(view400x, 4, 4);
  return F.slice(F.slice(view400x, 2, 0, undefined, 4), 3, 0, undefined, 4);
}

/**
 * The auxiliary encoder of one view: three maps at the resolutions where the extractor takes them in.
 *
 * @param view `[N, 3, H/4, W/4]` with stride 1, `[N, 3, H, W]` with stride 2
 * @param stride stride of both convolutions of the first block: 1 for 100x, 2 for 400x
 */
export function auxiliaryEncoder<T>(
  F: Backend<T>,
  view: T,
  stride: 1 | 2,
  net: ResolvedNetOptions,
): AuxiliaryMaps<T> {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const e = firstBlock(F, view, stride, net); // [N, 128, H/4, W/4]
  const up = F.scope("up");
  const y = convOverUp2(up.scope("conv"), e, null, { in: c(128), skip: 0, out: c(64) }, net.rewrite);
  const a1 = F.relu(batchNorm(up.scope("bn"), y, c(64))); // [N, 64, H/2, W/2]
  const a2 = convBnRelu(F.scope("straight"), e, { in: c(128), out: c(128), kernel: 3 });
  const a3 = convBnRelu(F.scope("down"), e, {
    in: c(128),
    out: c(256),
    kernel: 3,
    stride: 2,
    padding: padding3x3(2, net.stridePadding),
  }); // [N, 256, H/8, W/8]
  return { a1, a2, a3 };
}

/** `en` of §7: a simple block with GC, or (`auxBlock: "res"`) a residual block whose shortcut has both strides. */
function firstBlock<T>(F: Backend<T>, view: T, stride: 1 | 2, net: ResolvedNetOptions): T {
  const { stridePadding } = net;
  const out = scaleChannels(128, net.width);
  if (net.auxBlock === "simple") {
    const y = simpleBlock(F, view, { in: 3, out, strides: [stride, stride], stridePadding });
    return globalContext(F.scope("gc"), y, out, net.gcInit);
  }
  const padding = padding3x3(stride, stridePadding);
  let u = conv(F.scope("conv1"), view, { in: 3, out, kernel: 3, stride, padding });
  u = F.relu(batchNorm(F.scope("bn1"), u, out));
  u = conv(F.scope("conv2"), u, { in: out, out, kernel: 3, stride, padding });
  u = batchNorm(F.scope("bn2"), u, out, { gamma: 0 });
  u = globalContext(F.scope("gc"), u, out, net.gcInit);
  const v = conv(F.scope("short"), view, { in: 3, out, kernel: 1, stride: stride * stride });
  return F.relu(F.add(u, batchNorm(F.scope("shortBn"), v, out)));
}
