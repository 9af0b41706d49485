/**
 * Residual block with global context (He et al. 2016; spec/network.md §3.1).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { batchNorm, conv, padding3x3, type StridePadding } from "./conv.js";
import { type GcInit, globalContext } from "./global-context.js";

/** Geometry of a residual block. With stride 1, `in` equals `out`. */
export interface ResidualSpec {
  readonly in: number;
  readonly out: number;
  readonly stride: 1 | 2;
  readonly stridePadding: StridePadding;
  readonly gcInit: GcInit;
  /** ReLU after the sum; false inside a group with `resRelu: "group"`. */
  readonly relu: boolean;
  /** Cut the gradient of the branch after its GC block (spec/network.md §13). */
  readonly cutBranch?: boolean;
  /** Batch norms use running statistics while training. */
  readonly useRunning?: boolean;
}

/**
 * Res(Cin→C, s): 3×3, 3×3 and GC, added to the input or, with stride 2, to its 1×1 projection.
 *
 * @param x `[N, Cin, h, w]`
 * @returns `[N, C, h/s, w/s]`
 */
export function residualBlock<T>(F: Backend<T>, x: T, spec: ResidualSpec): T {
  const { in: cin, out, stride, useRunning = false } = spec;
  let u = conv(F.scope("conv1"), x, {
    in: cin,
    out,
    kernel: 3,
    stride,
    padding: padding3x3(stride, spec.stridePadding),
  });
  u = F.relu(batchNorm(F.scope("bn1"), u, out, { useRunning }));
  u = conv(F.scope("conv2"), u, { in: out, out, kernel: 3 });
  u = batchNorm(F.scope("bn2"), u, out, { gamma: 0, useRunning });
  u = globalContext(F.scope("gc"), u, out, spec.gcInit);
  if (spec.cutBranch) u = F.detach(u);
  let v = x;
  if (stride === 2) {
    v = conv(F.scope("short"), x, { in: cin, out, kernel: 1, stride });
    v = batchNorm(F.scope("shortBn"), v, out, { useRunning });
  }
  const y = F.add(u, v);
  return spec.relu ? F.relu(y) : y;
}
