/**
 * Dense block of HoVer-Net's decoders (Graham et al. 2019; spec/baselines.md §6).
 *
 * @module
 */
import type { Backend, Init } from "../backend.js";
import { batchNorm, conv } from "./conv.js";

/** Geometry of a dense block. */
export interface DenseSpec {
  readonly in: number;
  readonly units: number;
  /** Channels between the two convolutions of a unit, and those a unit adds. */
  readonly mid: number;
  readonly growth: number;
  /** Side of the valid convolution, odd. */
  readonly kernel: number;
  /** Groups of the valid convolution. */
  readonly groups: number;
  readonly init: Init;
}

/** Cuts `margin` pixels from every side. `[N, C, H, W]` to `[N, C, H − 2·margin, W − 2·margin]`. */
export function cropSides<T>(F: Backend<T>, x: T, margin: number): T {
  return F.slice(F.slice(x, 2, margin, -margin), 3, margin, -margin);
}

/**
 * `units` times: BNR, 1×1, BNR, grouped valid k×k, joined behind the input cropped to its size; BNR at the end.
 *
 * @param x `[N, in, h, w]`
 * @returns `[N, in + units·growth, h', w']`, smaller by k − 1 per unit
 */
export function denseBlock<T>(F: Backend<T>, x: T, spec: DenseSpec): T {
  const { mid, growth, kernel, groups, init } = spec;
  let channels = spec.in;
  let all = x;
  for (let i = 0; i < spec.units; i++) {
    const U = F.scope(`unit${i}`);
    let u = F.relu(batchNorm(U.scope("preact"), all, channels));
    u = conv(U.scope("conv1"), u, { in: channels, out: mid, kernel: 1, init });
    u = F.relu(batchNorm(U.scope("bn1"), u, mid));
    u = conv(U.scope("conv2"), u, { in: mid, out: growth, kernel, padding: [0, 0, 0, 0], groups, init });
    all = F.concat([cropSides(F, all, (kernel - 1) / 2), u], 1);
    channels += growth;
  }
  return F.relu(batchNorm(F.scope("bnlast"), all, channels));
}
