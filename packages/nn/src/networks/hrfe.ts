/**
 * High-resolution feature extractor, one per task, with its head fusion (spec/network.md §8, §9). Variable and
 * scope names are those of the specification's table.
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { compositeConnection } from "../layers/composite-connection.js";
import { batchNorm, conv, convBnRelu, convWeight, padding3x3 } from "../layers/conv.js";
import { residualBlock } from "../layers/residual-block.js";
import type { AuxiliaryMaps } from "./auxiliary-encoder.js";
import type { BackboneMaps } from "./encoder.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";

/** Class logits of one extractor. */
export interface ClassLogits<T> {
  /** `[N, channels, H/stride, W/stride]` */
  readonly logits: T;
  /** 2 when the logits are constant on aligned 2×2 blocks and kept at half resolution, else 1. */
  readonly stride: 1 | 2;
}

/**
 * HRFE and head.
 *
 * @param aux maps of the task's auxiliary encoder; null (SHR) leaves the three Mix layers out
 * @param channels output channels of the head, background included
 */
export function hrfe<T>(
  F: Backend<T>,
  { d2, d3, d4 }: BackboneMaps<T>,
  aux: AuxiliaryMaps<T> | null,
  channels: number,
  net: ResolvedNetOptions,
): ClassLogits<T> {
  const c = (n: number): number => scaleChannels(n, net.width);
  const cc = (name: string, x: T, cin: number, out: number, ups: 1 | 2): T =>
    compositeConnection(
      F.scope(name),
      x,
      { in: c(cin), out: c(out), ups, relu: net.compositeRelu },
      net.rewrite,
    );
  const res = (name: string, x: T, n: number): T =>
    residualBlock(F.scope(name), x, {
      in: c(n),
      out: c(n),
      stride: 1,
      stridePadding: net.stridePadding,
      gcInit: net.gcInit,
      relu: true,
    });
  const str = (name: string, x: T, n: number): T =>
    convBnRelu(F.scope(name), x, { in: c(n), out: c(n), kernel: 3 });
  const down = (name: string, x: T, cin: number, out: number): T =>
    convBnRelu(F.scope(name), x, {
      in: c(cin),
      out: c(out),
      kernel: 3,
      stride: 2,
      padding: padding3x3(2, net.stridePadding),
    });
  const mix = (name: string, x: T, a: T | undefined, n: number, na: number): T =>
    a === undefined
      ? x
      : convBnRelu(F.scope(name), F.concat([x, a], 1), { in: c(n) + c(na), out: c(n), kernel: 1 });

  // Stage 1
  const x11 = mix("conv_img12", F.add(d2, cc("com_11", d3, 256, 128, 1)), aux?.a1, 128, 64); // 128 @ H/2
  const r11 = res("groupl11", x11, 128);
  // Stage 2
  const x12 = F.add(str("conv_straight11", r11, 128), cc("com_12", d4, 512, 128, 2)); // 128 @ H/2
  const s22 = F.add(down("conv_down11", r11, 128, 256), cc("com_22", d4, 512, 256, 1));
  const x22 = mix("conv_img22", s22, aux?.a2, 256, 128); // 256 @ H/4
  const r12 = res("groupl12", x12, 128);
  const r22 = res("groupl22", x22, 256);
  // Stage 3
  const D12 = down("conv_down12", r12, 128, 256); // 256 @ H/4
  const x13 = F.add(str("conv_straight12", r12, 128), cc("com_13", r22, 256, 128, 1)); // 128 @ H/2
  const x23 = F.add(str("conv_straight22", r22, 256), D12); // 256 @ H/4
  const s33 = F.add(down("conv_down22", r22, 256, 512), down("conv_downdown12", D12, 256, 512));
  const x33 = mix("conv_img32", s33, aux?.a3, 512, 256); // 512 @ H/8
  const r13 = res("groupl13", x13, 128);
  const r23 = res("groupl23", x23, 256);
  const r33 = res("groupl33", x33, 512);
  // Output
  const D13 = down("conv_down13", r13, 128, 256); // 256 @ H/4
  const up1 = F.add(str("conv_straight13", r13, 128), cc("com_141", r23, 256, 128, 1));
  const s1 = F.add(up1, cc("com_142", r33, 512, 128, 2)); // 128 @ H/2
  const s2 = F.add(F.add(str("conv_straight23", r23, 256), D13), cc("com_24", r33, 512, 256, 1)); // 256 @ H/4
  const down3 = F.add(str("conv_straight33", r33, 512), down("conv_downdown13", D13, 256, 512));
  const s3 = F.add(down3, down("conv_down23", r23, 256, 512)); // 512 @ H/8

  return head(F, [s1, s2, s3], channels, net);
}

/** Head fusion of §9: the three streams joined at H/2, 1×1 to 256, then the task's 1×1. */
function head<T>(
  F: Backend<T>,
  streams: readonly [T, T, T],
  channels: number,
  net: ResolvedNetOptions,
): ClassLogits<T> {
  const c = (n: number): number => scaleChannels(n, net.width);
  const [s1, s2, s3] = streams;
  const sizes = [c(128), c(256), c(512)] as const;
  const spec = { in: sizes[0] + sizes[1] + sizes[2], out: c(256), kernel: 1 };
  const mix = F.scope("mix");
  const mixConv = mix.scope("conv");
  let f: T;
  if (net.rewrite === "split" || net.rewrite === "full") {
    // A 1×1 over joined maps is the sum of three 1×1, each at the resolution of its map (§11, rewrite b).
    const weight = convWeight(mixConv, spec);
    const f1 = mixConv.conv2d(s1, F.slice(weight, 1, 0, sizes[0]), null);
    const f2 = mixConv.conv2d(s2, F.slice(weight, 1, sizes[0], sizes[0] + sizes[1]), null);
    const f3 = mixConv.conv2d(s3, F.slice(weight, 1, sizes[0] + sizes[1]), null);
    f = F.add(f1, F.upsampleNearest(F.add(f2, F.upsampleNearest(f3, 2)), 2));
  } else {
    const joined = F.concat([s1, F.upsampleNearest(s2, 2), F.upsampleNearest(s3, 4)], 1);
    f = conv(mixConv, joined, spec);
  }
  f = F.relu(batchNorm(mix.scope("bn"), f, c(256))); // [N, 256, H/2, W/2]
  const out = { in: c(256), out: channels, kernel: 1, bias: true };
  if (net.rewrite === "none") {
    return { logits: conv(F.scope("out"), F.upsampleNearest(f, 2), out), stride: 1 };
  }
  return { logits: conv(F.scope("out"), f, out), stride: 2 };
}
