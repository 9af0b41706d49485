/**
 * The interpreter that trains: executes a network with libtorch, recording for gradients.
 *
 * @module
 */
import { EngineError, type Random, suppressBoxes } from "@renograde/core";
import type {
  Backend,
  BatchNormOptions,
  BatchNormParameters,
  ConvOptions,
  HostArray,
  RoiAlignOptions,
  SuppressionOptions,
} from "@renograde/nn";
import { noGrad } from "./autograd.js";
import { OutOfMemoryError } from "./native.js";
import type { ParameterStore } from "./parameter-store.js";
import { type Grids, roiGrids } from "./roi-grids.js";
import { op, type Tensor, tensor, type Value } from "./tensor.js";

/** Modes of `grid_sampler_2d`. */
const BILINEAR = 0;
const BORDER = 1;

/** How a {@link TorchBackend} computes. */
export interface TorchBackendOptions {
  /** Batch statistics, and running statistics updated. Default false. */
  readonly training?: boolean;
  /**
   * `bfloat16`: convolutions and matrix products in bfloat16, the maps between them too; parameters, statistics,
   * softmaxes and losses stay in float32 (Micikevicius et al. 2018). Default: all in the store's element type.
   */
  readonly compute?: "bfloat16" | undefined;
}

/**
 * See {@link Backend} for the operations. Parameters come from a {@link ParameterStore}, whose element type and
 * device the inputs must have. Run it inside `tidy`, and inside `noGrad` where no gradient is wanted.
 */
export class TorchBackend implements Backend<Tensor> {
  readonly training: boolean;
  readonly parameters: ParameterStore;
  readonly #options: TorchBackendOptions;
  readonly #prefix: string;

  /** @param prefix - put before the names of parameters; see {@link TorchBackend.scope} */
  constructor(parameters: ParameterStore, options: TorchBackendOptions = {}, prefix = "") {
    this.parameters = parameters;
    this.training = options.training ?? false;
    this.#options = options;
    this.#prefix = prefix;
  }

  scope(name: string): TorchBackend {
    return new TorchBackend(this.parameters, this.#options, this.path(name));
  }

  path(name?: string): string {
    if (name === undefined) return this.#prefix;
    return this.#prefix === "" ? name : `${this.#prefix}.${name}`;
  }

  param(name: string, shape: readonly number[]): Tensor {
    return this.parameters.get(this.path(name), shape);
  }

  buffer(name: string, shape: readonly number[]): Tensor {
    return this.parameters.get(this.path(name), shape);
  }

  constant(values: ArrayLike<number>, shape: readonly number[]): Tensor {
    const { dtype, device } = this.parameters;
    return tensor(Float64Array.from(values), shape, { dtype, device });
  }

  conv2d(x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions = {}): Tensor {
    const { stride = 1, padding = [0, 0, 0, 0], groups = 1 } = options;
    const [top, left, bottom, right] = padding;
    const [map, w, b] = [this.#low(x), this.#low(weight), bias && this.#low(bias)];
    if (top === bottom && left === right) {
      return this.#op("conv2d", [map, w, b, stride, [top, left], 1, groups]);
    }
    const padded = this.#op("constant_pad_nd", [map, [left, right, top, bottom]]);
    return this.#op("conv2d", [padded, w, b, stride, 0, 1, groups]);
  }

  convTranspose2d(x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions = {}): Tensor {
    const { stride = 1, padding = [0, 0, 0, 0], groups = 1 } = options;
    const [top, left, bottom, right] = padding;
    const [map, w, b] = [this.#low(x), this.#low(weight), bias && this.#low(bias)];
    if (top === bottom && left === right) {
      return this.#op("conv_transpose2d.input", [map, w, b, stride, [top, left], 0, groups]);
    }
    const whole = this.#op("conv_transpose2d.input", [map, w, b, stride, 0, 0, groups]);
    const [, , height = 0, width = 0] = whole.shape;
    const rows = this.slice(whole, 2, top, height - bottom);
    return this.slice(rows, 3, left, width - right);
  }

  batchNorm(x: Tensor, parameters: BatchNormParameters<Tensor>, options: BatchNormOptions = {}): Tensor {
    const { weight, bias, runningMean, runningVar } = parameters;
    const { eps = 1e-5, momentum = 0.1, useRunning = false, replication = 1 } = options;
    const batch = this.training && !useRunning;
    const count = batch ? x.size / x.shape[1]! : 0;
    // native/batch-norm.hpp: the same, faster.
    const own = count > 1 && x.device === "cpu" && x.dtype === this.parameters.dtype;
    const norm = (variance: Tensor) =>
      own
        ? this.#op("renograde::batch_norm", [x, weight, bias, runningMean, variance, momentum, eps])
        : this.#op("batch_norm", [x, weight, bias, runningMean, variance, batch, momentum, eps, true]);
    if (!batch || (replication === 1 && count > 1)) return norm(runningVar);

    // libtorch's estimate has the factor N/(N−1) of the map it sees. Taking it up in a tensor of zeros leaves
    // momentum · estimate, from which the estimate of the replicated map follows.
    const update = this.#op("zeros_like", [runningVar]);
    const y = norm(update);
    const copies = count * replication;
    const factor = ((count - 1) / count) * (copies > 1 ? copies / (copies - 1) : 1);
    noGrad(() => {
      this.#op("mul_.Scalar", [runningVar, 1 - momentum]);
      if (count > 1) this.#op("add_.Tensor", [runningVar, update], { alpha: factor });
    });
    return y;
  }

  layerNorm(map: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
    const x = this.#full(map);
    const sizes = x.shape.slice(1);
    const perChannel = [sizes[0]!, ...sizes.slice(1).map(() => 1)];
    const view = (v: Tensor) => (sizes.length === 1 ? v : this.#op("view", [v, perChannel]));
    if (sizes.slice(1).every((size) => size === 1)) {
      return this.#op("layer_norm", [x, sizes, view(weight), view(bias), eps]);
    }
    const normalised = this.#op("layer_norm", [x, sizes, null, null, eps]);
    return this.#op("addcmul", [view(bias), normalised, view(weight)]);
  }

  relu(x: Tensor): Tensor {
    return this.#op("relu", [x]);
  }
  sigmoid(x: Tensor): Tensor {
    return this.#op("sigmoid", [this.#full(x)]);
  }
  softmax(x: Tensor, axis: number): Tensor {
    return this.#op("softmax.int", [this.#full(x), axis]);
  }
  logSoftmax(x: Tensor, axis: number): Tensor {
    return this.#op("log_softmax.int", [this.#full(x), axis]);
  }
  log(x: Tensor): Tensor {
    return this.#op("log", [this.#full(x)]);
  }
  exp(x: Tensor): Tensor {
    return this.#op("exp", [this.#full(x)]);
  }
  abs(x: Tensor): Tensor {
    return this.#op("abs", [x]);
  }
  clamp(x: Tensor, low: number, high: number): Tensor {
    return this.#op("clamp", [x, low, high]);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.#op("add.Tensor", [a, b]);
  }
  sub(a: Tensor, b: Tensor): Tensor {
    return this.#op("sub.Tensor", [a, b]);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return this.#op("mul.Tensor", [a, b]);
  }
  div(a: Tensor, b: Tensor): Tensor {
    return this.#op("div.Tensor", [a, b]);
  }
  affine(x: Tensor, factor: number, offset: number): Tensor {
    const scaled = factor === 1 ? x : this.#op("mul.Tensor", [x, factor]);
    return offset === 0 ? scaled : this.#op("add.Tensor", [scaled, offset]);
  }
  matmul(a: Tensor, b: Tensor): Tensor {
    return this.#op("matmul", [this.#low(a), this.#low(b)]);
  }

  concat(xs: readonly Tensor[], axis: number): Tensor {
    return this.#op("cat", [xs, axis]);
  }
  slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
    return this.#op("slice.Tensor", [x, axis, start, end, step]);
  }
  reshape(x: Tensor, shape: readonly number[]): Tensor {
    return this.#op("reshape", [x, shape.map((size, i) => (size === 0 ? (x.shape[i] ?? 0) : size))]);
  }
  permute(x: Tensor, axes: readonly number[]): Tensor {
    return this.#op("permute", [x, axes]);
  }
  sum(x: Tensor, axes: readonly number[]): Tensor {
    return this.#op("sum.dim_IntList", [this.#full(x), axes, true]);
  }
  mean(x: Tensor, axes: readonly number[]): Tensor {
    return this.#op("mean.dim", [this.#full(x), axes, true]);
  }

  upsampleNearest(x: Tensor, factor: number): Tensor {
    if (factor === 1) return x;
    const size = x.shape.slice(2).map((n) => n * factor);
    return this.#op("upsample_nearest2d", [x, size]);
  }
  maxPool2d(x: Tensor, size: number, stride: number, padding = 0): Tensor {
    return this.#op("max_pool2d", [x, size, stride, padding]);
  }
  avgPool2d(x: Tensor, size: number, stride: number): Tensor {
    return this.#op("avg_pool2d", [x, size, stride]);
  }
  depthToSpace(x: Tensor, factor: number): Tensor {
    return this.#op("pixel_shuffle", [x, factor]);
  }
  pixelGrid(x: Tensor): Tensor {
    const [, , height = 0, width = 0] = x.shape;
    const count = height * width;
    const values = Float64Array.from({ length: 2 * count }, (_, i) =>
      i < count ? i % width : Math.floor((i - count) / width),
    );
    return this.constant(values, [1, 2, height, width]);
  }
  gather(x: Tensor, indices: Tensor, axis: number): Tensor {
    return this.#op("index_select", [x, axis, this.#classIds(indices)]);
  }
  topK(x: Tensor, k: number): Tensor {
    const order = this.#op("argsort.stable", [x], { stable: true, dim: 0, descending: true });
    return this.#floats(this.#op("slice.Tensor", [order, 0, 0, k]));
  }
  positions(x: Tensor): Tensor {
    return this.#floats(this.#op("reshape", [this.#op("nonzero", [this.#op("gt.Scalar", [x, 0])]), [-1]]));
  }
  nonMaxSuppression(boxes: Tensor, scores: Tensor, options: SuppressionOptions): Tensor {
    const kept = suppressBoxes(boxes.toFloat64Array(), scores.toFloat64Array(), options);
    return this.constant(kept, [kept.length]);
  }
  roiAlign(x: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor {
    const [, channels = 0, height = 0, width = 0] = x.shape;
    const { size } = options;
    const map = this.#full(x);
    const { dtype, device } = this.parameters;
    const parts = roiGrids(rois.toFloat64Array(), { height, width }, options).map((part: Grids) => {
      const rows = part.count * size;
      const image = this.#op("slice.Tensor", [map, 0, part.image, part.image + 1]);
      const grid = tensor(part.grid, [1, 2 * rows, 2 * size, 2], { dtype, device });
      let samples = this.#op("grid_sampler_2d", [image, grid, BILINEAR, BORDER, true]);
      if (part.inside !== null) {
        const inside = tensor(part.inside, [1, 1, 2 * rows, 2 * size], { dtype, device });
        samples = this.mul(samples, inside);
      }
      const cells = this.#op("reshape", [this.avgPool2d(samples, 2, 2), [channels, part.count, size, size]]);
      return this.permute(cells, [1, 0, 2, 3]);
    });
    if (parts.length === 0) return this.constant([], [0, channels, size, size]);
    return this.#op("contiguous", [parts.length === 1 ? parts[0]! : this.concat(parts, 0)]);
  }
  read(x: Tensor): HostArray {
    return { dims: x.shape, data: x.toFloat64Array() };
  }
  detach(x: Tensor): Tensor {
    return this.#op("detach", [x]);
  }
  dropout(x: Tensor, share: number, random: Random | null): Tensor {
    if (!this.training || random === null) return x;
    // One draw per element in order, as the reference does it.
    const { device } = this.parameters;
    const { dtype } = x;
    const mask = Float32Array.from({ length: x.size }, () => (random.next() < share ? 0 : 1 / (1 - share)));
    return this.#op("mul.Tensor", [x, tensor(mask, x.shape, { dtype, device })]);
  }

  crossEntropy(logits: Tensor, target: Tensor): Tensor {
    return this.#op("cross_entropy_loss", [this.#full(logits), this.#classIds(target)]);
  }

  oneHot(target: Tensor, classes: number): Tensor {
    const last = this.#op("one_hot", [this.#classIds(target), classes]);
    const rank = last.shape.length;
    const axes = [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
    return this.#op("to.dtype", [this.permute(last, axes), this.parameters.dtype], {
      memory_format: "contiguous",
    });
  }

  /** For operations that run in bfloat16. */
  #low(x: Tensor): Tensor {
    if (this.#options.compute === undefined || x.dtype !== "float32") return x;
    return this.#op("to.dtype", [x, this.#options.compute]);
  }

  /** For operations that need float32. */
  #full(x: Tensor): Tensor {
    return x.dtype === "bfloat16" ? this.#op("to.dtype", [x, "float32"]) : x;
  }

  #floats(x: Tensor): Tensor {
    return this.#op("to.dtype", [x, this.parameters.dtype]);
  }

  #classIds(target: Tensor): Tensor {
    return target.dtype === "int64" ? target : this.#op("to.dtype", [target, "int64"]);
  }

  /** Calls an operator; its errors name the scope. */
  #op(name: string, args: readonly Value[], keywords?: Readonly<Record<string, Value>>): Tensor {
    try {
      return op(name, args, keywords);
    } catch (cause) {
      if (!(cause instanceof EngineError) || this.#prefix === "") throw cause;
      const Kind = cause instanceof OutOfMemoryError ? OutOfMemoryError : EngineError;
      throw new Kind(`${this.#prefix}: ${cause.message}`, { cause });
    }
  }
}
