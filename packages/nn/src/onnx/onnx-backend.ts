/**
 * ONNX interpreter: every operation appends the node that defines it (see {@link Backend}); operations on constants
 * alone are computed at once, in float64, by the reference interpreter. Equal nodes are emitted once.
 *
 * @module
 */
import { EngineError } from "@renograde/core";
import type { OnnxAttribute } from "@renograde/formats";
import type {
  Backend,
  BatchNormOptions,
  BatchNormParameters,
  ConvOptions,
  RoiAlignOptions,
  SuppressionOptions,
} from "../backend.js";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { type Tensor, tensor } from "../reference/tensor.js";
import { convGeometry } from "../shape/rules.js";
import type { StateDict } from "../state.js";
import {
  type ConstantRef,
  type DraftGraph,
  type DraftNode,
  float,
  type IntegersRef,
  int,
  ints,
  type NodeInput,
  type OnnxRef,
  string,
} from "./graph.js";
import { phaseWeights } from "./phase-convolution.js";

/** TensorProto.DataType. */
const FLOAT = 1;
const INT64 = 7;

type Attributes = Readonly<Record<string, OnnxAttribute>>;
type Fold = (F: ReferenceBackend, inputs: Tensor[]) => Tensor;

interface Shared {
  readonly reference: ReferenceBackend;
  readonly nodes: DraftNode[];
  /** Output by operator, inputs and attributes. */
  readonly known: Map<string, OnnxRef>;
  readonly names: Map<string, number>;
  /** Identity numbers of constants, for {@link known}. */
  readonly ids: Map<Tensor, number>;
}

/** Emits inference graphs; parameters come from a state and become constants. */
export class OnnxBackend implements Backend<OnnxRef> {
  readonly training = false;
  readonly #prefix: string;
  readonly #shared: Shared;

  constructor(state: StateDict, parent?: OnnxBackend, prefix = "") {
    this.#prefix = prefix;
    this.#shared = parent
      ? parent.#shared
      : {
          reference: new ReferenceBackend(state),
          nodes: [],
          known: new Map(),
          names: new Map(),
          ids: new Map(),
        };
  }

  /** The input `name` of the graph. */
  input(name: string): OnnxRef {
    this.#shared.names.set(name, 1);
    return { kind: "value", name };
  }

  /** What was emitted, with the given graph outputs. */
  finish(outputs: Readonly<Record<string, OnnxRef>>): DraftGraph {
    const entries = Object.entries(outputs).map(([name, ref]): [string, string] => {
      const value = ref.kind === "value" ? ref : this.#node("Identity", [ref], {});
      return [name, value.name];
    });
    return { nodes: this.#shared.nodes, outputs: new Map(entries) };
  }

  scope(name: string): OnnxBackend {
    return new OnnxBackend(new Map(), this, this.path(name));
  }

  path(name?: string): string {
    if (name === undefined) return this.#prefix;
    return this.#prefix === "" ? name : `${this.#prefix}.${name}`;
  }

  param(name: string, shape: readonly number[]): OnnxRef {
    const full = this.path(name);
    return { kind: "constant", name: full, tensor: this.#shared.reference.param(full, shape) };
  }
  buffer(name: string, shape: readonly number[]): OnnxRef {
    return this.param(name, shape);
  }
  constant(values: ArrayLike<number>, shape: readonly number[]): OnnxRef {
    return { kind: "constant", name: null, tensor: tensor(shape, values) };
  }

  conv2d(x: OnnxRef, weight: OnnxRef, bias: OnnxRef | null, options?: ConvOptions): OnnxRef {
    const inputs = bias === null ? [x, weight] : [x, weight, bias];
    return this.#emit("Conv", inputs, this.#convAttributes(options), (F, [a, w, b]) =>
      F.conv2d(a!, w!, b ?? null, options),
    );
  }
  convTranspose2d(x: OnnxRef, weight: OnnxRef, bias: OnnxRef | null, options?: ConvOptions): OnnxRef {
    if (x.kind === "value" && weight.kind === "constant" && bias === null && isPhased(weight, options)) {
      const phases: OnnxRef = { kind: "constant", name: null, tensor: phaseWeights(weight.tensor) };
      const enlarged = this.depthToSpace(this.conv2d(x, phases, null, { padding: [1, 1, 1, 1] }), 2);
      return this.slice(this.slice(enlarged, 2, 1, -1), 3, 1, -1);
    }
    const inputs = bias === null ? [x, weight] : [x, weight, bias];
    return this.#emit("ConvTranspose", inputs, this.#convAttributes(options), (F, [a, w, b]) =>
      F.convTranspose2d(a!, w!, b ?? null, options),
    );
  }

  batchNorm(x: OnnxRef, p: BatchNormParameters<OnnxRef>, options: BatchNormOptions = {}): OnnxRef {
    const eps = options.eps ?? 1e-5;
    const inputs = [x, p.weight, p.bias, p.runningMean, p.runningVar];
    return this.#emit(
      "BatchNormalization",
      inputs,
      { epsilon: float(eps) },
      (F, [a, weight, bias, mean, v]) =>
        F.batchNorm(a!, { weight: weight!, bias: bias!, runningMean: mean!, runningVar: v! }, { eps }),
    );
  }

  /** The standard lets scale and bias broadcast, so `[C]` is written as `[C, 1, 1]`; x is `[N, C, H, W]`. */
  layerNorm(x: OnnxRef, weight: OnnxRef, bias: OnnxRef, eps: number): OnnxRef {
    const perChannel = (array: OnnxRef): OnnxRef => this.reshape(array, [-1, 1, 1]);
    const attributes = { axis: int(1), epsilon: float(eps) };
    return this.#emit("LayerNormalization", [x, perChannel(weight), perChannel(bias)], attributes);
  }

  relu(x: OnnxRef): OnnxRef {
    return this.#emit("Relu", [x], {}, (F, [a]) => F.relu(a!));
  }
  sigmoid(x: OnnxRef): OnnxRef {
    return this.#emit("Sigmoid", [x], {}, (F, [a]) => F.sigmoid(a!));
  }
  softmax(x: OnnxRef, axis: number): OnnxRef {
    return this.#emit("Softmax", [x], { axis: int(axis) }, (F, [a]) => F.softmax(a!, axis));
  }
  logSoftmax(x: OnnxRef, axis: number): OnnxRef {
    return this.#emit("LogSoftmax", [x], { axis: int(axis) }, (F, [a]) => F.logSoftmax(a!, axis));
  }
  log(x: OnnxRef): OnnxRef {
    return this.#emit("Log", [x], {}, (F, [a]) => F.log(a!));
  }
  exp(x: OnnxRef): OnnxRef {
    return this.#emit("Exp", [x], {}, (F, [a]) => F.exp(a!));
  }
  abs(x: OnnxRef): OnnxRef {
    return this.#emit("Abs", [x], {}, (F, [a]) => F.abs(a!));
  }
  clamp(x: OnnxRef, low: number, high: number): OnnxRef {
    const bounds = [this.constant([low], []), this.constant([high], [])];
    return this.#emit("Clip", [x, ...bounds], {}, (F, [a]) => F.clamp(a!, low, high));
  }
  affine(x: OnnxRef, factor: number, offset: number): OnnxRef {
    const scaled = factor === 1 ? x : this.mul(x, this.constant([factor], []));
    return offset === 0 ? scaled : this.add(scaled, this.constant([offset], []));
  }

  add(a: OnnxRef, b: OnnxRef): OnnxRef {
    return this.#emit("Add", [a, b], {}, (F, [p, q]) => F.add(p!, q!));
  }
  sub(a: OnnxRef, b: OnnxRef): OnnxRef {
    return this.#emit("Sub", [a, b], {}, (F, [p, q]) => F.sub(p!, q!));
  }
  mul(a: OnnxRef, b: OnnxRef): OnnxRef {
    return this.#emit("Mul", [a, b], {}, (F, [p, q]) => F.mul(p!, q!));
  }
  div(a: OnnxRef, b: OnnxRef): OnnxRef {
    return this.#emit("Div", [a, b], {}, (F, [p, q]) => F.div(p!, q!));
  }
  matmul(a: OnnxRef, b: OnnxRef): OnnxRef {
    return this.#emit("MatMul", [a, b], {}, (F, [p, q]) => F.matmul(p!, q!));
  }

  concat(xs: readonly OnnxRef[], axis: number): OnnxRef {
    return this.#emit("Concat", xs, { axis: int(axis) }, (F, all) => F.concat(all, axis));
  }

  slice(x: OnnxRef, axis: number, start: number, end?: number, step = 1): OnnxRef {
    const last = end ?? 2 ** 31 - 1; // ONNX clamps; this is "to the end" for every engine
    const args = [[start], [last], [axis], [step]].map(integers);
    return this.#emit("Slice", [x], {}, (F, [a]) => F.slice(a!, axis, start, end, step), args);
  }
  reshape(x: OnnxRef, shape: readonly number[]): OnnxRef {
    return this.#emit("Reshape", [x], {}, (F, [a]) => F.reshape(a!, shape), [integers(shape)]);
  }
  permute(x: OnnxRef, axes: readonly number[]): OnnxRef {
    return this.#emit("Transpose", [x], { perm: ints(axes) }, (F, [a]) => F.permute(a!, axes));
  }
  sum(x: OnnxRef, axes: readonly number[]): OnnxRef {
    return this.#emit("ReduceSum", [x], { keepdims: int(1) }, (F, [a]) => F.sum(a!, axes), [integers(axes)]);
  }
  mean(x: OnnxRef, axes: readonly number[]): OnnxRef {
    const attributes = { axes: ints(axes), keepdims: int(1) };
    return this.#emit("ReduceMean", [x], attributes, (F, [a]) => F.mean(a!, axes));
  }

  upsampleNearest(x: OnnxRef, factor: number): OnnxRef {
    const attributes = {
      mode: string("nearest"),
      coordinate_transformation_mode: string("asymmetric"),
      nearest_mode: string("floor"),
    };
    const scales = this.constant([1, 1, factor, factor], [4]);
    const fold: Fold = (F, [a]) => F.upsampleNearest(a!, factor);
    return this.#emit("Resize", [x], attributes, fold, [{ kind: "absent" }, scales]);
  }
  maxPool2d(x: OnnxRef, size: number, stride: number, padding = 0): OnnxRef {
    const attributes = {
      kernel_shape: ints([size, size]),
      strides: ints([stride, stride]),
      ...(padding > 0 && { pads: ints([padding, padding, padding, padding]) }),
    };
    return this.#emit("MaxPool", [x], attributes, (F, [a]) => F.maxPool2d(a!, size, stride, padding));
  }
  avgPool2d(x: OnnxRef, size: number, stride: number): OnnxRef {
    const attributes = { kernel_shape: ints([size, size]), strides: ints([stride, stride]) };
    return this.#emit("AveragePool", [x], attributes, (F, [a]) => F.avgPool2d(a!, size, stride));
  }
  depthToSpace(x: OnnxRef, factor: number): OnnxRef {
    const attributes = { blocksize: int(factor), mode: string("CRD") };
    return this.#emit("DepthToSpace", [x], attributes, (F, [a]) => F.depthToSpace(a!, factor));
  }

  /** Running counts of a map of ones are its columns and rows. */
  pixelGrid(x: OnnxRef): OnnxRef {
    const sides = this.slice(this.#emit("Shape", [x], {}), 0, 2);
    const ones = this.affine(this.#emit("ConstantOfShape", [sides], {}), 1, 1); // [H, W]
    const count = (axis: number): OnnxRef => {
      const inputs = [ones, this.#indices(this.constant([axis], []))];
      const counted = this.#emit("CumSum", inputs, { exclusive: int(1) });
      return this.#emit("Unsqueeze", [counted], {}, undefined, [integers([0, 1])]); // [1, 1, H, W]
    };
    return this.concat([count(1), count(0)], 1);
  }
  gather(x: OnnxRef, indices: OnnxRef, axis: number): OnnxRef {
    return this.#emit("Gather", [x, this.#indices(indices)], { axis: int(axis) });
  }
  topK(x: OnnxRef, k: number): OnnxRef {
    const count = this.#emit("Min", [this.#emit("Shape", [x], {})], {}, undefined, [integers([k])]);
    const attributes = { axis: int(0), largest: int(1), sorted: int(1) };
    return this.#floats(this.#emit("TopK", [x, count], attributes, undefined, [], 1));
  }
  positions(x: OnnxRef): OnnxRef {
    const above = this.#emit("Greater", [x, this.constant([0], [])], {});
    return this.#floats(this.reshape(this.#emit("NonZero", [above], {}), [-1]));
  }
  nonMaxSuppression(boxes: OnnxRef, scores: OnnxRef, options: SuppressionOptions): OnnxRef {
    const inputs = [this.reshape(boxes, [1, -1, 4]), this.reshape(scores, [1, 1, -1])];
    const limits = [options.iou, options.score].map((value) => this.constant([value], [1]));
    const all = integers([2 ** 31 - 1]);
    const kept = this.#emit("NonMaxSuppression", inputs, {}, undefined, [all, ...limits]); // [S, 3]
    return this.#floats(this.reshape(this.slice(kept, 1, 2), [-1]));
  }
  roiAlign(x: OnnxRef, rois: OnnxRef, { size, scale }: RoiAlignOptions): OnnxRef {
    const images = this.#indices(this.reshape(this.slice(rois, 1, 0, 1), [-1]));
    return this.#emit("RoiAlign", [x, this.slice(rois, 1, 1), images], {
      coordinate_transformation_mode: string("output_half_pixel"),
      output_height: int(size),
      output_width: int(size),
      sampling_ratio: int(2),
      spatial_scale: float(scale),
    });
  }
  read(): never {
    throw new EngineError(`${this.path()}: an exported graph has no values to read`);
  }
  detach(x: OnnxRef): OnnxRef {
    return x;
  }
  dropout(x: OnnxRef): OnnxRef {
    return x;
  }

  crossEntropy(): never {
    throw new EngineError(`${this.path()}: cross-entropy belongs to training and cannot be exported`);
  }
  oneHot(): never {
    throw new EngineError(`${this.path()}: one-hot targets belong to training and cannot be exported`);
  }

  /** Indices as the operators of ONNX take them. */
  #indices(x: OnnxRef): OnnxRef {
    return this.#emit("Cast", [x], { to: int(INT64) });
  }

  #floats(x: OnnxRef): OnnxRef {
    return this.#emit("Cast", [x], { to: int(FLOAT) });
  }

  #convAttributes(options: ConvOptions | undefined): Attributes {
    const { stride, padding, groups } = convGeometry(options);
    return { strides: ints([stride, stride]), pads: ints(padding), group: int(groups) };
  }

  /** A constant when all `inputs` are and the operation can be folded, else a node over `inputs` and `args`. */
  #emit(
    opType: string,
    inputs: readonly OnnxRef[],
    attributes: Attributes,
    fold?: Fold,
    args: readonly NodeInput[] = [],
    unread = 0,
  ): OnnxRef {
    if (fold && inputs.every((ref): ref is ConstantRef => ref.kind === "constant")) {
      const result = fold(
        this.#shared.reference,
        inputs.map((ref) => ref.tensor),
      );
      return { kind: "constant", name: null, tensor: result };
    }
    const all = [...inputs, ...args];
    const key = JSON.stringify([opType, attributes, all.map((ref) => this.#identity(ref))]);
    const known = this.#shared.known.get(key);
    if (known) return known;
    const ref = this.#node(opType, all, attributes, unread);
    this.#shared.known.set(key, ref);
    return ref;
  }

  #node(
    opType: string,
    inputs: readonly NodeInput[],
    attributes: Attributes,
    unread = 0,
  ): OnnxRef & { kind: "value" } {
    const base = `${this.#prefix}/${opType}`;
    const count = this.#shared.names.get(base) ?? 0;
    this.#shared.names.set(base, count + 1);
    const name = count === 0 ? base : `${base}_${count}`;
    this.#shared.nodes.push({
      name,
      scope: this.#prefix,
      opType,
      inputs: [...inputs],
      attributes,
      output: name,
      unread,
    });
    return { kind: "value", name };
  }

  #identity(ref: NodeInput): string {
    if (ref.kind === "value") return `v ${ref.name}`;
    if (ref.kind === "integers") return `i ${ref.values.join()}`;
    if (ref.kind === "absent") return "-";
    if (ref.tensor.data.length <= 8 && ref.name === null) {
      return `s [${ref.tensor.dims.join()}] ${ref.tensor.data.join()}`;
    }
    const id = this.#shared.ids.get(ref.tensor) ?? this.#shared.ids.size;
    this.#shared.ids.set(ref.tensor, id);
    return `c ${id}`;
  }
}

/** True for the geometry {@link phaseWeights} rewrites. */
function isPhased(weight: ConstantRef, options: ConvOptions | undefined): boolean {
  const { stride, padding, groups } = convGeometry(options);
  const [, , kh, kw] = weight.tensor.dims;
  return stride === 2 && groups === 1 && kh === 4 && kw === 4 && padding.every((p) => p === 1);
}

function integers(values: readonly number[]): IntegersRef {
  return { kind: "integers", values };
}
