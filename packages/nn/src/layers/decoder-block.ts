/**
 * U-Net decoder block (spec/network.md §3.4).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { batchNorm, conv } from "./conv.js";
import { convOverUp2, type Rewrite, type UpConvSpec } from "./up-conv.js";

/**
 * Dec(Cin, Cskip→C): concat(up2(x), skip), then two BNR(Conv 3/1).
 *
 * @param x `[N, in, h, w]`
 * @param skip `[N, skip, 2h, 2w]`
 * @returns `[N, out, 2h, 2w]`
 */
export function decoderBlock<T>(F: Backend<T>, x: T, skip: T, spec: UpConvSpec, rewrite: Rewrite): T {
  let y = convOverUp2(F.scope("conv1"), x, skip, spec, rewrite);
  y = F.relu(batchNorm(F.scope("bn1"), y, spec.out));
  y = conv(F.scope("conv2"), y, { in: spec.out, out: spec.out, kernel: 3 });
  return F.relu(batchNorm(F.scope("bn2"), y, spec.out));
}
