/**
 * W-Net: a U-Net decoder for the binary map and LU-Net, which turns that map into the distance map
 * (spec/network.md §5, §6).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { conv } from "../layers/conv.js";
import { decoderBlock } from "../layers/decoder-block.js";
import { simpleBlock } from "../layers/simple-block.js";
import type { BackboneMaps } from "./encoder.js";
import { type ResolvedNetOptions, scaleChannels } from "./options.js";

/**
 * U-Net decoder with a 1×1 head of `outputs` channels (2 binary logits, or 1 for the distance of MHR+UDist).
 *
 * @returns `[N, outputs, H, W]`
 */
export function unetDecoder<T>(
  F: Backend<T>,
  { d1, d2, d3, d4 }: BackboneMaps<T>,
  outputs: number,
  net: ResolvedNetOptions,
): T {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const u3 = decoderBlock(F.scope("u3"), d4, d3, { in: c(512), skip: c(256), out: c(256) }, net.rewrite);
  const u2 = decoderBlock(F.scope("u2"), u3, d2, { in: c(256), skip: c(128), out: c(128) }, net.rewrite);
  const u1 = decoderBlock(F.scope("u1"), u2, d1, { in: c(128), skip: c(64), out: c(64) }, net.rewrite);
  return conv(F.scope("out"), u1, { in: c(64), out: outputs, kernel: 1, bias: true });
}

/**
 * LU-Net, a light U-Net from the binary map to the distance map.
 *
 * @param binary `[N, 2, H, W]`, probabilities or logits
 * @returns `[N, 1, H, W]` in (0, 1)
 */
export function luNet<T>(F: Backend<T>, binary: T, net: ResolvedNetOptions): T {
  const c = (channels: number): number => scaleChannels(channels, net.width);
  const { stridePadding, rewrite } = net;
  const d1 = simpleBlock(F.scope("d1"), binary, { in: 2, out: c(64), strides: [1, 1], stridePadding });
  const d2 = simpleBlock(F.scope("d2"), d1, { in: c(64), out: c(128), strides: [2, 1], stridePadding });
  const d3 = simpleBlock(F.scope("d3"), d2, { in: c(128), out: c(256), strides: [2, 1], stridePadding });
  const u2 = decoderBlock(F.scope("u2"), d3, d2, { in: c(256), skip: c(128), out: c(128) }, rewrite);
  const u1 = decoderBlock(F.scope("u1"), u2, d1, { in: c(128), skip: c(64), out: c(64) }, rewrite);
  return F.sigmoid(conv(F.scope("out"), u1, { in: c(64), out: 1, kernel: 1, bias: true }));
}
