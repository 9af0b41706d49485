/**
 * The operations a network is written in. A network is a function of a backend `F` and its input; it never
 * touches memory itself. Four interpreters execute it: shape (sizes, parameter and MAC counts), reference
 * (typed arrays, slow and obvious), torch (training), onnx (export).
 *
 * Each operation's meaning is fixed here, once, by an ONNX operator of opset {@link ONNX_OPSET}. Tensors are
 * `[N, C, H, W]` unless stated. Batch size, height and width may be unknown while exporting, so networks use only
 * operations that need no concrete size.
 *
 * @module
 */
import type { Random } from "@renograde/core";

/** The opset every exported model states, and by which the operations below are defined. */
export const ONNX_OPSET = 17;

/** How a parameter starts. `xavier` is Glorot uniform, limit √(6/(k²·Cin + k²·Cout)) (spec/network.md §2). */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "xavier" }
  /**
   * Normal with variance `gain / fan`, fan = k²·Cin (`in`) or k²·Cout (`out`) of a weight `[Cout, Cin, k, k]`;
   * `truncated`: drawn again beyond two standard deviations. Kaiming: gain 2.
   */
  | {
      readonly kind: "normal";
      readonly fan: "in" | "out";
      readonly gain: number;
      readonly truncated?: boolean;
    }
  /** Given values, row-major, for weights with a meaning (spec/network.md §9, `fusionInit: "product"`). */
  | { readonly kind: "values"; readonly values: readonly number[] };

/** `parameter` is trained; `buffer` is state such as running statistics. */
export type ParameterRole = "parameter" | "buffer";

/** A named array of the network, as declared. */
export interface ParameterSpec {
  /** Dotted name, spec/network.md §15, such as `encoder.stem.conv.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
  readonly role: ParameterRole;
}

/** Zeros added around a map before a convolution or pooling: top, left, bottom, right. */
export type Padding = readonly [top: number, left: number, bottom: number, right: number];

/** Geometry of a convolution; dilation is 1. */
export interface ConvOptions {
  readonly stride?: number;
  readonly padding?: Padding;
  readonly groups?: number;
}

/** The four arrays of a batch norm, each `[C]`. */
export interface BatchNormParameters<T> {
  readonly weight: T;
  readonly bias: T;
  readonly runningMean: T;
  readonly runningVar: T;
}

/** How a batch norm computes; the backend's {@link Backend.training} decides between batch and running statistics. */
export interface BatchNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Weight of the new batch in the running statistics, PyTorch's convention. Default 0.1. */
  readonly momentum?: number;
  /** Use running statistics even while training, and leave them unchanged (`train.frozenBn: "running"`). */
  readonly useRunning?: boolean;
  /**
   * The input is meant to be replicated this many times (nearest upsampling moved behind the norm); only the
   * Bessel factor of the running variance changes (spec/network.md §3.5). Default 1.
   */
  readonly replication?: number;
}

/** How boxes suppress each other. */
export interface SuppressionOptions {
  /** A box goes when it overlaps a better one by more than this, 0…1. */
  readonly iou: number;
  /** Boxes must score more than this. */
  readonly score: number;
}

/** Resolution of {@link Backend.roiAlign}. */
export interface RoiAlignOptions {
  /** Cells per side of the result. */
  readonly size: number;
  /** Map pixels per unit of the regions' coordinates, such as 1/4. */
  readonly scale: number;
}

/** A tensor's values outside of the backend, row-major. */
export interface HostArray {
  readonly dims: readonly number[];
  readonly data: Float64Array | Float32Array;
}

/** The operations. `T` is whatever the interpreter computes with. */
export interface Backend<T> {
  /** True while batch statistics are used and gradients may be wanted; export and grading use false. */
  readonly training: boolean;

  /** A view of this backend whose parameter names are prefixed by `name` and a dot. */
  scope(name: string): Backend<T>;
  /** Full dotted name of `name` in this scope, for messages. */
  path(name?: string): string;
  /** A trained array. Declaring a full name twice with another shape is an error. */
  param(name: string, shape: readonly number[], init: Init): T;
  /** State that is saved but not trained. */
  buffer(name: string, shape: readonly number[], init: Init): T;
  /** A constant array that is neither saved nor trained. */
  constant(values: ArrayLike<number>, shape: readonly number[]): T;

  /** Cross-correlation (ONNX Conv). `weight` is `[Cout, Cin/groups, kH, kW]`, `bias` `[Cout]` or null. */
  conv2d(x: T, weight: T, bias: T | null, options?: ConvOptions): T;
  /** ONNX ConvTranspose. `weight` is `[Cin, Cout/groups, kH, kW]`; `padding` is cropped from the result. */
  convTranspose2d(x: T, weight: T, bias: T | null, options?: ConvOptions): T;
  /** ONNX BatchNormalization. Population variance normalises; the running variance takes N/(N−1) of it. */
  batchNorm(x: T, parameters: BatchNormParameters<T>, options?: BatchNormOptions): T;
  /** Over all axes but the first (ONNX LayerNormalization, axis 1); `weight`, `bias` are `[C]`, one value per channel. */
  layerNorm(x: T, weight: T, bias: T, eps: number): T;

  relu(x: T): T;
  sigmoid(x: T): T;
  softmax(x: T, axis: number): T;
  logSoftmax(x: T, axis: number): T;
  log(x: T): T;
  exp(x: T): T;
  abs(x: T): T;
  /** Limits every element to [low, high]; the gradient is 0 outside (ONNX Clip). */
  clamp(x: T, low: number, high: number): T;

  /** Element by element, shapes broadcast as in NumPy. */
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  /** x · factor + offset. */
  affine(x: T, factor: number, offset: number): T;
  /** Batched product of the last two axes (ONNX MatMul). */
  matmul(a: T, b: T): T;

  /** Joins along `axis`, in order. */
  concat(xs: readonly T[], axis: number): T;
  /** Elements `start, start + step, …` below `end` along `axis`; negative start and end count from the end. */
  slice(x: T, axis: number, start: number, end?: number, step?: number): T;
  /** ONNX Reshape: 0 copies the input's size at that place, one −1 is inferred. */
  reshape(x: T, shape: readonly number[]): T;
  /** Reorders the axes. */
  permute(x: T, axes: readonly number[]): T;
  /** Sum over the axes, which stay with size 1. */
  sum(x: T, axes: readonly number[]): T;
  /** Mean over the axes, which stay with size 1. */
  mean(x: T, axes: readonly number[]): T;

  /** Nearest neighbour: each pixel becomes a `factor × factor` block (ONNX Resize nearest, asymmetric, floor). */
  upsampleNearest(x: T, factor: number): T;
  /** Max pooling, ONNX MaxPool. @param padding - pixels on each side that never win; default 0 */
  maxPool2d(x: T, size: number, stride: number, padding?: number): T;
  /** Mean pooling without padding, ONNX AveragePool. */
  avgPool2d(x: T, size: number, stride: number): T;
  /**
   * Channels become pixels (ONNX DepthToSpace, mode CRD, torch's pixel_shuffle): channel `c·f² + i·f + j` goes
   * to pixel phase (row i, column j) of channel c.
   */
  depthToSpace(x: T, factor: number): T;

  /**
   * Coordinates of a map's pixels, `[1, 2, H, W]` for `x` `[N, C, H, W]`: channel 0 the column, channel 1 the row,
   * from 0. No gradient.
   */
  pixelGrid(x: T): T;
  /**
   * Elements `indices` along `axis` (ONNX Gather).
   * @param indices - `[K]`, whole numbers from 0, held as floats, as all lists of indices here; may be empty
   */
  gather(x: T, indices: T, axis: number): T;
  /** Indices of the `k` largest of `x` `[M]`, or of all when there are fewer; falling, first of equals first (ONNX TopK). */
  topK(x: T, k: number): T;
  /** Indices of the elements above 0 of `x` `[M]`, ascending, `[S]` (ONNX NonZero). The shape interpreter assumes all. */
  positions(x: T): T;
  /**
   * Greedy suppression (ONNX NonMaxSuppression, one class): indices of the boxes kept, by falling score, `[S]`. No
   * gradient. The shape interpreter assumes that all are kept.
   * @param boxes - `[M, 4]`: x1, y1, x2, y2
   * @param scores - `[M]`
   */
  nonMaxSuppression(boxes: T, scores: T, options: SuppressionOptions): T;
  /**
   * Means of 2 × 2 samples in each of `size` × `size` cells of every region, bilinear (ONNX RoiAlign of opset 16,
   * `output_half_pixel`, sampling ratio 2; torchvision's `aligned=False`). No gradient reaches the regions.
   * @param rois - `[R, 5]`: number of the image in the batch, x1, y1, x2, y2; regions of an image stand together
   * @returns `[R, C, size, size]`
   */
  roiAlign(x: T, rois: T, options: RoiAlignOptions): T;

  /** Same values, no gradient flows back. */
  detach(x: T): T;
  /**
   * While training, sets a share of the elements to 0 and divides the others by 1 − share; else, or without random
   * numbers, the input itself (ONNX Dropout).
   */
  dropout(x: T, share: number, random: Random | null): T;

  /**
   * Mean cross-entropy over every pixel: −mean log softmax(logits)[target]. Training only.
   * @param logits `[N, K, H, W]`
   * @param target class ids 0 … K−1, `[N, H, W]`
   */
  crossEntropy(logits: T, target: T): T;
  /**
   * The values, for decisions that no operation takes, such as which regions enter a loss. Only while values exist:
   * the reference and libtorch have them, shapes and exported graphs do not.
   */
  read(x: T): HostArray;
  /** One-hot of class ids: `[N, H, W]` to `[N, classes, H, W]`. Training only. */
  oneHot(target: T, classes: number): T;
}
