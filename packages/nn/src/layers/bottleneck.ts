/**
 * Bottleneck units of ResNet-50 in both arrangements (He et al. 2016a, 2016b; spec/baselines.md §2). The stride is on
 * the 3×3 convolution.
 *
 * @module
 */
import type { Backend, Init } from "../backend.js";
import { batchNorm, conv, type NormSpec, padding3x3, type StridePadding } from "./conv.js";

/** Geometry of a bottleneck unit: 1×1 `in`→`mid`, 3×3, 1×1 →`out`. */
export interface BottleneckSpec {
  readonly in: number;
  readonly mid: number;
  readonly out: number;
  readonly stride: 1 | 2;
  /** First of its group: the shortcut is a 1×1 convolution, and a pre-activation unit takes `x` as it is. */
  readonly first: boolean;
  readonly stridePadding: StridePadding;
  /** Start of the convolutions; default Xavier uniform. */
  readonly init?: Init;
  /** Batch norms of the branch. */
  readonly norm: NormSpec;
  /** Batch norm of an ordinary unit's shortcut. */
  readonly shortNorm: NormSpec;
  /** Cut the gradient of the branch before the sum (spec/network.md §13). */
  readonly cutBranch: boolean;
}

/**
 * Pre-activation unit: [BNR `preact` except in the first unit,] `conv1` BNR, `conv2` BNR, `conv3`, added to the input
 * or, in the first unit, to its projection `short`. The sum is left as it is.
 *
 * @param x `[N, in, h, w]`
 * @returns `[N, out, h/stride, w/stride]`
 */
export function preactBottleneck<T>(F: Backend<T>, x: T, spec: BottleneckSpec): T {
  const u = spec.first ? x : F.relu(batchNorm(F.scope("preact"), x, spec.in, spec.norm));
  const branch = threeConvolutions(F, u, spec);
  const shortcut = spec.first ? project(F, x, spec) : x;
  return F.add(spec.cutBranch ? F.detach(branch) : branch, shortcut);
}

/**
 * Ordinary unit: `conv1` BNR, `conv2` BNR, `conv3` BN, added to the input or to BN(`short`), ReLU.
 *
 * @param x `[N, in, h, w]`
 * @returns `[N, out, h/stride, w/stride]`
 */
export function bottleneck<T>(F: Backend<T>, x: T, spec: BottleneckSpec): T {
  const { out } = spec;
  const branch = batchNorm(F.scope("bn3"), threeConvolutions(F, x, spec), out, spec.norm);
  const shortcut = spec.first ? batchNorm(F.scope("shortBn"), project(F, x, spec), out, spec.shortNorm) : x;
  return F.relu(F.add(spec.cutBranch ? F.detach(branch) : branch, shortcut));
}

function threeConvolutions<T>(F: Backend<T>, x: T, spec: BottleneckSpec): T {
  const { mid, stride, norm } = spec;
  const init = spec.init && { init: spec.init };
  let u = conv(F.scope("conv1"), x, { in: spec.in, out: mid, kernel: 1, ...init });
  u = F.relu(batchNorm(F.scope("bn1"), u, mid, norm));
  const padding = padding3x3(stride, spec.stridePadding);
  u = conv(F.scope("conv2"), u, { in: mid, out: mid, kernel: 3, stride, padding, ...init });
  u = F.relu(batchNorm(F.scope("bn2"), u, mid, norm));
  return conv(F.scope("conv3"), u, { in: mid, out: spec.out, kernel: 1, ...init });
}

function project<T>(F: Backend<T>, x: T, spec: BottleneckSpec): T {
  const init = spec.init && { init: spec.init };
  return conv(F.scope("short"), x, { in: spec.in, out: spec.out, kernel: 1, stride: spec.stride, ...init });
}
