/**
 * Reference interpreter: executes a network on typed arrays, forward only. Slow and obvious; everything faster is
 * tested against it.
 *
 * @module
 */
import { DataError, type Random, ShapeError } from "@renograde/core";
import type {
  Backend,
  BatchNormOptions,
  BatchNormParameters,
  ConvOptions,
  HostArray,
  RoiAlignOptions,
  SuppressionOptions,
} from "../backend.js";
import { checkTarget, formatDims, reshapeShape } from "../shape/rules.js";
import type { StateDict } from "../state.js";
import { conv2d, convTranspose2d, dims4 } from "./convolution.js";
import * as detection from "./detection.js";
import { combine, map, reduce, softmax } from "./elementwise.js";
import { batchNorm, layerNorm } from "./normalisation.js";
import * as rearrange from "./rearrange.js";
import { type ReferenceType, type Tensor, tensor, zeros } from "./tensor.js";

/** How a {@link ReferenceBackend} computes. */
export interface ReferenceOptions {
  /** Batch statistics, and running statistics updated. Default false. */
  readonly training?: boolean;
  /** Default float64. */
  readonly type?: ReferenceType;
}

/** See {@link Backend} for the operations. */
export class ReferenceBackend implements Backend<Tensor> {
  readonly training: boolean;
  readonly type: ReferenceType;
  /** The arrays by full name; batch norms update their running statistics here, never in the caller's state. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #prefix: string;

  /** @param state copied and rounded to the element type */
  constructor(state: StateDict, options: ReferenceOptions = {}, parent?: ReferenceBackend, prefix = "") {
    this.training = parent?.training ?? options.training ?? false;
    this.type = parent?.type ?? options.type ?? "float64";
    this.state =
      parent?.state ??
      new Map([...state].map(([name, t]) => [name, tensor(t.shape, t.data, options.type ?? "float64")]));
    this.#prefix = prefix;
  }

  /** An array of this interpreter's element type, such as an input. */
  tensor(dims: readonly number[], values: ArrayLike<number>): Tensor {
    return tensor(dims, values, this.type);
  }

  scope(name: string): ReferenceBackend {
    return new ReferenceBackend(new Map(), {}, this, this.path(name));
  }

  path(name?: string): string {
    if (name === undefined) return this.#prefix;
    return this.#prefix === "" ? name : `${this.#prefix}.${name}`;
  }

  param(name: string, shape: readonly number[]): Tensor {
    const full = this.path(name);
    const found = this.state.get(full);
    if (!found) throw new DataError(`${full}: not in the given state`);
    if (found.dims.join() !== shape.join()) {
      throw new ShapeError(`${full}: expected ${formatDims(shape)}, received ${formatDims(found.dims)}`);
    }
    return found;
  }

  buffer(name: string, shape: readonly number[]): Tensor {
    return this.param(name, shape);
  }

  constant(values: ArrayLike<number>, shape: readonly number[]): Tensor {
    return this.tensor(shape, values);
  }

  conv2d(x: Tensor, weight: Tensor, bias: Tensor | null, options?: ConvOptions): Tensor {
    return conv2d(this.path(), x, weight, bias, options, this.type);
  }
  convTranspose2d(x: Tensor, weight: Tensor, bias: Tensor | null, options?: ConvOptions): Tensor {
    return convTranspose2d(this.path(), x, weight, bias, options, this.type);
  }
  batchNorm(x: Tensor, parameters: BatchNormParameters<Tensor>, options: BatchNormOptions = {}): Tensor {
    const batchStatistics = this.training && !options.useRunning;
    return batchNorm(this.path(), x, parameters, options, batchStatistics, this.type);
  }
  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
    return layerNorm(this.path(), x, weight, bias, eps, this.type);
  }

  relu(x: Tensor): Tensor {
    return map(x, (v) => Math.max(v, 0), this.type);
  }
  sigmoid(x: Tensor): Tensor {
    return map(x, (v) => 1 / (1 + Math.exp(-v)), this.type);
  }
  softmax(x: Tensor, axis: number): Tensor {
    return softmax(this.path(), x, axis, false, this.type);
  }
  logSoftmax(x: Tensor, axis: number): Tensor {
    return softmax(this.path(), x, axis, true, this.type);
  }
  log(x: Tensor): Tensor {
    return map(x, Math.log, this.type);
  }
  exp(x: Tensor): Tensor {
    return map(x, Math.exp, this.type);
  }
  abs(x: Tensor): Tensor {
    return map(x, Math.abs, this.type);
  }
  clamp(x: Tensor, low: number, high: number): Tensor {
    return map(x, (v) => Math.min(Math.max(v, low), high), this.type);
  }
  affine(x: Tensor, factor: number, offset: number): Tensor {
    return map(x, (v) => v * factor + offset, this.type);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return combine(this.path(), a, b, (p, q) => p + q, this.type);
  }
  sub(a: Tensor, b: Tensor): Tensor {
    return combine(this.path(), a, b, (p, q) => p - q, this.type);
  }
  mul(a: Tensor, b: Tensor): Tensor {
    return combine(this.path(), a, b, (p, q) => p * q, this.type);
  }
  div(a: Tensor, b: Tensor): Tensor {
    return combine(this.path(), a, b, (p, q) => p / q, this.type);
  }
  matmul(a: Tensor, b: Tensor): Tensor {
    return rearrange.matmul(this.path(), a, b, this.type);
  }

  concat(xs: readonly Tensor[], axis: number): Tensor {
    return rearrange.concat(this.path(), xs, axis, this.type);
  }
  slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
    return rearrange.slice(this.path(), x, axis, start, end, step, this.type);
  }
  reshape(x: Tensor, shape: readonly number[]): Tensor {
    return { dims: reshapeShape(this.path(), x.dims, shape), data: x.data };
  }
  permute(x: Tensor, axes: readonly number[]): Tensor {
    return rearrange.permute(this.path(), x, axes, this.type);
  }
  sum(x: Tensor, axes: readonly number[]): Tensor {
    return reduce(this.path(), x, axes, false, this.type);
  }
  mean(x: Tensor, axes: readonly number[]): Tensor {
    return reduce(this.path(), x, axes, true, this.type);
  }

  upsampleNearest(x: Tensor, factor: number): Tensor {
    return rearrange.upsampleNearest(this.path(), x, factor, this.type);
  }
  maxPool2d(x: Tensor, size: number, stride: number, padding = 0): Tensor {
    return rearrange.pool(this.path(), x, { size, stride, padding }, "max", this.type);
  }
  avgPool2d(x: Tensor, size: number, stride: number): Tensor {
    return rearrange.pool(this.path(), x, { size, stride }, "mean", this.type);
  }
  depthToSpace(x: Tensor, factor: number): Tensor {
    return rearrange.depthToSpace(this.path(), x, factor, this.type);
  }
  pixelGrid(x: Tensor): Tensor {
    return detection.pixelGrid(this.path(), x, this.type);
  }
  gather(x: Tensor, indices: Tensor, axis: number): Tensor {
    return detection.gather(this.path(), x, indices, axis, this.type);
  }
  topK(x: Tensor, k: number): Tensor {
    return detection.topK(this.path(), x, k, this.type);
  }
  positions(x: Tensor): Tensor {
    return detection.positions(x, this.type);
  }
  nonMaxSuppression(boxes: Tensor, scores: Tensor, options: SuppressionOptions): Tensor {
    return detection.nonMaxSuppression(this.path(), boxes, scores, options, this.type);
  }
  roiAlign(x: Tensor, rois: Tensor, options: RoiAlignOptions): Tensor {
    return detection.roiAlign(this.path(), x, rois, options, this.type);
  }
  read(x: Tensor): HostArray {
    return x;
  }
  detach(x: Tensor): Tensor {
    return x;
  }
  dropout(x: Tensor, share: number, random: Random | null): Tensor {
    if (!this.training || random === null) return x;
    return tensor(
      x.dims,
      Float64Array.from(x.data, (value) => (random.next() < share ? 0 : value / (1 - share))),
    );
  }

  crossEntropy(logits: Tensor, target: Tensor): Tensor {
    checkTarget(this.path(), logits.dims, target.dims);
    const log = softmax(this.path(), logits, 1, true, "float64");
    const [n, classes, h, w] = dims4(logits);
    let sum = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < h * w; i++) {
        const id = this.#classId(target.data[b * h * w + i]!, classes);
        sum -= log.data[(b * classes + id) * h * w + i]!;
      }
    }
    return this.tensor([], [sum / (n * h * w)]);
  }

  oneHot(target: Tensor, classes: number): Tensor {
    const [n = 1, ...rest] = target.dims;
    const area = target.data.length / n;
    const y = zeros([n, classes, ...rest], this.type);
    for (let i = 0; i < target.data.length; i++) {
      const id = this.#classId(target.data[i]!, classes);
      y.data[(Math.floor(i / area) * classes + id) * area + (i % area)] = 1;
    }
    return y;
  }

  #classId(value: number, classes: number): number {
    if (!Number.isInteger(value) || value < 0 || value >= classes) {
      throw new DataError(`${this.path()}: class ids must be 0 to ${classes - 1}, received ${value}`);
    }
    return value;
  }
}
