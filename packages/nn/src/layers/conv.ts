/**
 * Convolution and batch norm with their parameters: the two atoms every block is made of.
 *
 * @module
 */
import type { Backend, Init, Padding } from "../backend.js";

/** Where a stride-2 3×3 convolution pads; spec/network.md §2. */
export type StridePadding = "symmetric" | "tf-same";

/** Zeros around a map that keep its size under a `kernel × kernel` convolution of stride 1. */
export function samePadding(kernel: number): Padding {
  const p = (kernel - 1) / 2;
  return [p, p, p, p];
}

/**
 * Padding of a 3×3 convolution: 1 on each side, except that "tf-same" with stride 2 pads only after
 * (TensorFlow's rule for even sizes, the only ones that occur; spec/network.md §2).
 */
export function padding3x3(stride: number, mode: StridePadding): Padding {
  return stride === 2 && mode === "tf-same" ? [0, 0, 1, 1] : [1, 1, 1, 1];
}

/** What a convolution with its own weights is. Bias-free and padded to keep its size unless stated. */
export interface ConvSpec {
  readonly in: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: Padding;
  /** Default 1; `in` and `out` count the channels of all groups. */
  readonly groups?: number;
  readonly bias?: boolean;
  /** Start of the bias, default 0. */
  readonly biasStart?: number;
  /** Start of the weight; default Xavier uniform. */
  readonly init?: Init;
}

/** Declares `weight` `[out, in / groups, kernel, kernel]`. */
export function convWeight<T>(F: Backend<T>, spec: ConvSpec): T {
  const { in: cin, out, kernel, groups = 1 } = spec;
  return F.param("weight", [out, cin / groups, kernel, kernel], spec.init ?? { kind: "xavier" });
}

/** Convolution with the parameters `weight` and, if asked for, `bias` of scope `F`. */
export function conv<T>(F: Backend<T>, x: T, spec: ConvSpec): T {
  const weight = convWeight(F, spec);
  const bias = spec.bias
    ? F.param("bias", [spec.out], { kind: "constant", value: spec.biasStart ?? 0 })
    : null;
  return F.conv2d(x, weight, bias, {
    stride: spec.stride ?? 1,
    padding: spec.padding ?? samePadding(spec.kernel),
    groups: spec.groups ?? 1,
  });
}

/** What differs between batch norms. */
export interface NormSpec {
  /** Start of γ, default 1; 0 for the second norm of a residual block (spec/network.md §2). */
  readonly gamma?: number;
  /** Use running statistics while training (`train.frozenBn: "running"`). */
  readonly useRunning?: boolean;
  /**
   * γ and β are never trained either: buffers, as in torchvision's FrozenBatchNorm2d; running statistics always.
   */
  readonly fixed?: boolean;
  /** Replication the input stands for, see {@link Backend.batchNorm}. */
  readonly replication?: number;
}

/** Batch norm of `channels` channels with parameters `weight`, `bias`, `running_mean`, `running_var` of scope `F`. */
export function batchNorm<T>(F: Backend<T>, x: T, channels: number, spec: NormSpec = {}): T {
  const scale = (name: string, value: number): T =>
    F[spec.fixed ? "buffer" : "param"](name, [channels], { kind: "constant", value });
  const parameters = {
    weight: scale("weight", spec.gamma ?? 1),
    bias: scale("bias", 0),
    runningMean: F.buffer("running_mean", [channels], { kind: "constant", value: 0 }),
    runningVar: F.buffer("running_var", [channels], { kind: "constant", value: 1 }),
  };
  return F.batchNorm(x, parameters, {
    useRunning: spec.fixed ?? spec.useRunning ?? false,
    replication: spec.replication ?? 1,
  });
}

/** BNR(Conv): convolution `conv`, batch norm `bn`, ReLU (spec/network.md, notation). */
export function convBnRelu<T>(F: Backend<T>, x: T, spec: ConvSpec, norm: NormSpec = {}): T {
  return F.relu(convBn(F, x, spec, norm));
}

/** BN(Conv): convolution `conv` and batch norm `bn`. */
export function convBn<T>(F: Backend<T>, x: T, spec: ConvSpec, norm: NormSpec = {}): T {
  return batchNorm(F.scope("bn"), conv(F.scope("conv"), x, spec), spec.out, norm);
}
