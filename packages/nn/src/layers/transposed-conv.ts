/**
 * Transposed convolution with its own weights and bias, as the decoders of U-Net, Micro-Net and DIST use it
 * (spec/baselines.md §3, §5, §7).
 *
 * @module
 */
import type { Backend, Init } from "../backend.js";

/** Geometry of a transposed convolution. */
export interface TransposedConvSpec {
  readonly in: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  /** Start of the bias, default 0. */
  readonly biasStart?: number;
  /** Start of the weight; default Xavier uniform. */
  readonly init?: Init;
}

/**
 * Parameters `weight` `[in, out, kernel, kernel]` and `bias` `[out]` of scope `F`; nothing is cropped.
 *
 * @param x `[N, in, h, w]`
 * @returns `[N, out, stride·(h − 1) + kernel, …]`: twice the side for kernel 2 and stride 2
 */
export function transposedConv<T>(F: Backend<T>, x: T, spec: TransposedConvSpec): T {
  const { kernel, stride, biasStart = 0, init = { kind: "xavier" } } = spec;
  const weight = F.param("weight", [spec.in, spec.out, kernel, kernel], init);
  const bias = F.param("bias", [spec.out], { kind: "constant", value: biasStart });
  return F.convTranspose2d(x, weight, bias, { stride });
}
