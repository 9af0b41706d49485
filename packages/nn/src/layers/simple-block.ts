/**
 * Two convolutions in a row (spec/network.md §3.3).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { batchNorm, conv, padding3x3, type StridePadding } from "./conv.js";

/** Geometry of a simple block. */
export interface SimpleSpec {
  readonly in: number;
  readonly out: number;
  readonly strides: readonly [1 | 2, 1 | 2];
  readonly stridePadding: StridePadding;
}

/**
 * Simple(Cin→C; s1, s2) = BNR(Conv 3/s1 Cin→C), BNR(Conv 3/s2 C→C).
 *
 * @param x `[N, Cin, h, w]`
 * @returns `[N, C, h/(s1·s2), w/(s1·s2)]`
 */
export function simpleBlock<T>(F: Backend<T>, x: T, spec: SimpleSpec): T {
  const { in: cin, out, stridePadding } = spec;
  const [s1, s2] = spec.strides;
  let y = conv(F.scope("conv1"), x, {
    in: cin,
    out,
    kernel: 3,
    stride: s1,
    padding: padding3x3(s1, stridePadding),
  });
  y = F.relu(batchNorm(F.scope("bn1"), y, out));
  y = conv(F.scope("conv2"), y, {
    in: out,
    out,
    kernel: 3,
    stride: s2,
    padding: padding3x3(s2, stridePadding),
  });
  return F.relu(batchNorm(F.scope("bn2"), y, out));
}
