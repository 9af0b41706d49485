/**
 * A 3×3 convolution over a map enlarged ×2 by nearest neighbour, and its exact rewrite that never makes the
 * enlarged map (spec/network.md §11, rewrite a).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { conv, convWeight } from "./conv.js";

/**
 * Which exact rewrites to compute with. The parameters are the same in all.
 * `none`: as the authors' code. `reorder`: spec/network.md §3.5 and §9, small convolutions before upsampling.
 * `split`: also §11 (b), the head's 1×1 split by resolution; fastest for training on libtorch.
 * `full`: also §11 (a), convolutions over up2 at low resolution; fastest in ONNX Runtime.
 */
export type Rewrite = "none" | "reorder" | "split" | "full";

/** Channels of the enlarged map, of the map joined behind it (0 = none), and of the result. */
export interface UpConvSpec {
  readonly in: number;
  readonly skip: number;
  readonly out: number;
}

/**
 * Per axis, low-resolution pixel i reaches the enlarged outputs 2i−1, 2i, 2i+1, 2i+2 with the weights
 * w2, w1+w2, w0+w1, w0: this matrix times (w0, w1, w2).
 */
const SPREAD = [0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0];
const SPREAD_TRANSPOSED = [0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0];

/**
 * Conv 3/1 of up2(x), or of concat(up2(x), skip), with the parameter `weight` of scope `F`.
 *
 * The rewrite is the four 2×2 convolutions of spec/network.md §11 (a) in one operation: a transposed
 * convolution, stride 2, 4×4; each output phase meets exactly 2×2 of its taps. The skip part is convolved as usual.
 *
 * @param x `[N, in, h, w]`
 * @param skip `[N, skip, 2h, 2w]`, or null
 * @returns `[N, out, 2h, 2w]`
 */
export function convOverUp2<T>(F: Backend<T>, x: T, skip: T | null, spec: UpConvSpec, rewrite: Rewrite): T {
  const whole = { in: spec.in + spec.skip, out: spec.out, kernel: 3 };
  if (rewrite !== "full") {
    const up = F.upsampleNearest(x, 2);
    return conv(F, skip === null ? up : F.concat([up, skip], 1), whole);
  }
  const weight = convWeight(F, whole); // [out, in + skip, 3, 3]
  const upper = F.permute(F.slice(weight, 1, 0, spec.in), [1, 0, 2, 3]); // [in, out, 3, 3]
  const rows = F.matmul(F.constant(SPREAD, [4, 3]), upper); // [in, out, 4, 3]
  const spread = F.matmul(rows, F.constant(SPREAD_TRANSPOSED, [3, 4])); // [in, out, 4, 4]
  const y = F.convTranspose2d(x, spread, null, { stride: 2, padding: [1, 1, 1, 1] });
  if (skip === null) return y;
  return F.add(y, F.conv2d(skip, F.slice(weight, 1, spec.in), null, { padding: [1, 1, 1, 1] }));
}
