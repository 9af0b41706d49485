/**
 * Shape interpreter: runs a network on sizes alone. It checks every operation, lists the parameters in the order
 * they are declared, and counts multiply-adds per part.
 *
 * @module
 */
import { EngineError, ShapeError } from "@renograde/core";
import type {
  Backend,
  BatchNormParameters,
  ConvOptions,
  Init,
  ParameterRole,
  ParameterSpec,
  RoiAlignOptions,
} from "../backend.js";
import * as rules from "./rules.js";

/** Sizes of an array, and whether its values depend on the image (only such products count as work). */
export interface ShapeTensor {
  readonly dims: readonly number[];
  readonly fromImage: boolean;
}

interface Ledger {
  readonly specs: Map<string, ParameterSpec>;
  /** Multiply-adds by first part of the scope's name. */
  readonly macs: Map<string, number>;
}

/** See {@link Backend} for the operations. Multiply-adds: convolutions and matrix products of image data. */
export class ShapeBackend implements Backend<ShapeTensor> {
  readonly training: boolean;
  readonly #prefix: string;
  readonly #ledger: Ledger;

  constructor(options: { training?: boolean } = {}, prefix = "", ledger?: Ledger) {
    this.training = options.training ?? true;
    this.#prefix = prefix;
    this.#ledger = ledger ?? { specs: new Map(), macs: new Map() };
  }

  /** Everything declared so far, in order. */
  get specs(): ParameterSpec[] {
    return [...this.#ledger.specs.values()];
  }

  /** Multiply-adds so far by part: the first component of the scope's name. */
  get macs(): ReadonlyMap<string, number> {
    return this.#ledger.macs;
  }

  /** An input of the network. */
  input(dims: readonly number[]): ShapeTensor {
    return { dims, fromImage: true };
  }

  scope(name: string): ShapeBackend {
    return new ShapeBackend({ training: this.training }, this.path(name), this.#ledger);
  }

  path(name?: string): string {
    if (name === undefined) return this.#prefix;
    return this.#prefix === "" ? name : `${this.#prefix}.${name}`;
  }

  param(name: string, shape: readonly number[], init: Init): ShapeTensor {
    return this.#declare(name, shape, init, "parameter");
  }

  buffer(name: string, shape: readonly number[], init: Init): ShapeTensor {
    return this.#declare(name, shape, init, "buffer");
  }

  constant(_values: ArrayLike<number>, shape: readonly number[]): ShapeTensor {
    return { dims: shape, fromImage: false };
  }

  conv2d(x: ShapeTensor, weight: ShapeTensor, bias: ShapeTensor | null, options?: ConvOptions): ShapeTensor {
    const dims = rules.convShape(this.path(), x.dims, weight.dims, bias?.dims ?? null, options);
    const [, perGroup, kh, kw] = weight.dims;
    this.#count(x, rules.elements(dims) * perGroup! * kh! * kw!);
    return this.#result(dims, x, weight);
  }

  convTranspose2d(
    x: ShapeTensor,
    weight: ShapeTensor,
    bias: ShapeTensor | null,
    options?: ConvOptions,
  ): ShapeTensor {
    const dims = rules.convTransposeShape(this.path(), x.dims, weight.dims, bias?.dims ?? null, options);
    const [, perGroup, kh, kw] = weight.dims;
    this.#count(x, rules.elements(x.dims) * perGroup! * kh! * kw!);
    return this.#result(dims, x, weight);
  }

  batchNorm(x: ShapeTensor, p: BatchNormParameters<ShapeTensor>): ShapeTensor {
    rules.checkPerChannel(this.path(), x.dims, {
      weight: p.weight.dims,
      bias: p.bias.dims,
      running_mean: p.runningMean.dims,
      running_var: p.runningVar.dims,
    });
    return x;
  }

  layerNorm(x: ShapeTensor, weight: ShapeTensor, bias: ShapeTensor): ShapeTensor {
    rules.checkPerChannel(this.path(), x.dims, { weight: weight.dims, bias: bias.dims });
    return x;
  }

  relu(x: ShapeTensor): ShapeTensor {
    return x;
  }
  sigmoid(x: ShapeTensor): ShapeTensor {
    return x;
  }
  softmax(x: ShapeTensor, axis: number): ShapeTensor {
    rules.resolveAxis(this.path(), x.dims, axis);
    return x;
  }
  logSoftmax(x: ShapeTensor, axis: number): ShapeTensor {
    return this.softmax(x, axis);
  }
  log(x: ShapeTensor): ShapeTensor {
    return x;
  }
  exp(x: ShapeTensor): ShapeTensor {
    return x;
  }
  abs(x: ShapeTensor): ShapeTensor {
    return x;
  }
  clamp(x: ShapeTensor): ShapeTensor {
    return x;
  }
  detach(x: ShapeTensor): ShapeTensor {
    return x;
  }
  dropout(x: ShapeTensor): ShapeTensor {
    return x;
  }
  affine(x: ShapeTensor): ShapeTensor {
    return x;
  }

  add(a: ShapeTensor, b: ShapeTensor): ShapeTensor {
    return this.#result(rules.broadcastShape(this.path(), a.dims, b.dims), a, b);
  }
  sub(a: ShapeTensor, b: ShapeTensor): ShapeTensor {
    return this.add(a, b);
  }
  mul(a: ShapeTensor, b: ShapeTensor): ShapeTensor {
    return this.add(a, b);
  }
  div(a: ShapeTensor, b: ShapeTensor): ShapeTensor {
    return this.add(a, b);
  }

  matmul(a: ShapeTensor, b: ShapeTensor): ShapeTensor {
    const y = this.#result(rules.matmulShape(this.path(), a.dims, b.dims), a, b);
    this.#count(y, rules.elements(y.dims) * a.dims.at(-1)!);
    return y;
  }

  concat(xs: readonly ShapeTensor[], axis: number): ShapeTensor {
    const dims = rules.concatShape(
      this.path(),
      xs.map((x) => x.dims),
      axis,
    );
    return this.#result(dims, ...xs);
  }

  slice(x: ShapeTensor, axis: number, start: number, end?: number, step = 1): ShapeTensor {
    return this.#result(rules.sliceShape(this.path(), x.dims, axis, start, end, step), x);
  }
  reshape(x: ShapeTensor, shape: readonly number[]): ShapeTensor {
    return this.#result(rules.reshapeShape(this.path(), x.dims, shape), x);
  }
  permute(x: ShapeTensor, axes: readonly number[]): ShapeTensor {
    return this.#result(rules.permuteShape(this.path(), x.dims, axes), x);
  }
  sum(x: ShapeTensor, axes: readonly number[]): ShapeTensor {
    return this.#result(rules.reduceShape(this.path(), x.dims, axes), x);
  }
  mean(x: ShapeTensor, axes: readonly number[]): ShapeTensor {
    return this.sum(x, axes);
  }
  upsampleNearest(x: ShapeTensor, factor: number): ShapeTensor {
    return this.#result(rules.upsampleShape(this.path(), x.dims, factor), x);
  }
  maxPool2d(x: ShapeTensor, size: number, stride: number, padding = 0): ShapeTensor {
    return this.#result(rules.poolShape(this.path(), x.dims, size, stride, padding), x);
  }
  avgPool2d(x: ShapeTensor, size: number, stride: number): ShapeTensor {
    return this.maxPool2d(x, size, stride);
  }
  depthToSpace(x: ShapeTensor, factor: number): ShapeTensor {
    return this.#result(rules.depthToSpaceShape(this.path(), x.dims, factor), x);
  }

  pixelGrid(x: ShapeTensor): ShapeTensor {
    return { dims: rules.pixelGridShape(this.path(), x.dims), fromImage: false };
  }
  gather(x: ShapeTensor, indices: ShapeTensor, axis: number): ShapeTensor {
    return this.#result(rules.gatherShape(this.path(), x.dims, indices.dims, axis), x);
  }
  topK(x: ShapeTensor, k: number): ShapeTensor {
    return this.#result(rules.topKShape(this.path(), x.dims, k), x);
  }
  positions(x: ShapeTensor): ShapeTensor {
    return this.topK(x, x.dims[0]!);
  }
  nonMaxSuppression(boxes: ShapeTensor, scores: ShapeTensor): ShapeTensor {
    rules.checkBoxes(this.path(), boxes.dims, scores.dims);
    return this.positions(scores);
  }
  roiAlign(x: ShapeTensor, rois: ShapeTensor, { size }: RoiAlignOptions): ShapeTensor {
    return this.#result(rules.roiAlignShape(this.path(), x.dims, rois.dims, size), x);
  }
  read(): never {
    throw new EngineError(`${this.path()}: shapes have no values to read`);
  }

  crossEntropy(logits: ShapeTensor, target: ShapeTensor): ShapeTensor {
    rules.checkTarget(this.path(), logits.dims, target.dims);
    return this.#result([], logits);
  }
  oneHot(target: ShapeTensor, classes: number): ShapeTensor {
    const [n, ...rest] = target.dims;
    return this.#result([n!, classes, ...rest], target);
  }

  #result(dims: readonly number[], ...from: ShapeTensor[]): ShapeTensor {
    return { dims, fromImage: from.some((x) => x.fromImage) };
  }

  #count(x: ShapeTensor, macs: number): void {
    if (!x.fromImage) return;
    const part = this.#prefix.split(".")[0]!;
    this.#ledger.macs.set(part, (this.#ledger.macs.get(part) ?? 0) + macs);
  }

  #declare(name: string, shape: readonly number[], init: Init, role: ParameterRole): ShapeTensor {
    const full = this.path(name);
    const known = this.#ledger.specs.get(full);
    if (known && known.shape.join() !== shape.join()) {
      throw new ShapeError(
        `${full}: declared as ${rules.formatDims(known.shape)} and again as ${rules.formatDims(shape)}`,
      );
    }
    if (!known) this.#ledger.specs.set(full, { name: full, shape, init, role });
    return { dims: shape, fromImage: false };
  }
}
