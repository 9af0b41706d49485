/**
 * Small graphs with everything quantisation meets in a real network: convolutions with and without ReLU, strides, an
 * enlargement, a join, a sum; weights are seeded.
 *
 * @module
 */
import { createRandom, type Random } from "@renograde/core";
import {
  encodeModelMetadata,
  encodeOnnxModel,
  type ModelMetadata,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from "@renograde/formats";
import { fakeMetadata } from "./fake-model.js";

/** Collects nodes and constants. */
export class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  private readonly random: Random;

  constructor(seed: number) {
    this.random = createRandom(seed, "small-network");
  }

  /** Appends a node; its output has its name. */
  add(
    name: string,
    opType: string,
    inputs: readonly string[],
    attributes: OnnxNode["attributes"] = {},
  ): string {
    this.nodes.push({ name, opType, inputs, outputs: [name], attributes });
    return name;
  }

  /** Appends a convolution with bias; weights are uniform in ± sqrt(3 / (in · kernel²)). */
  conv(
    name: string,
    x: string,
    sizes: { cin: number; out: number; kernel: number; stride?: number; pad?: number },
  ): string {
    const { cin, out, kernel, stride = 1, pad = (kernel - 1) / 2 } = sizes;
    const limit = Math.sqrt(3 / (cin * kernel * kernel));
    this.constant(`${name}.w`, [out, cin, kernel, kernel], () => this.random.uniform(-limit, limit));
    this.constant(`${name}.b`, [out], () => this.random.uniform(-0.2, 0.2));
    const attributes = { strides: ints([stride, stride]), pads: ints([pad, pad, pad, pad]) };
    return this.add(name, "Conv", [x, `${name}.w`, `${name}.b`], attributes);
  }

  /** Adds a float32 constant. */
  constant(name: string, dims: readonly number[], value: (i: number) => number): string {
    const length = dims.reduce((p, n) => p * n, 1);
    const data = Float32Array.from({ length }, (_, i) => value(i));
    this.initializers.push({ name, dtype: "float32", dims, data });
    return name;
  }
}

function ints(value: readonly number[]): OnnxAttribute {
  return { kind: "ints", value };
}

/** Enlarges by `factor`, each pixel repeated. */
function upsample(g: GraphBuilder, name: string, x: string, factor: number): string {
  g.constant(`${name}.scales`, [4], (i) => (i < 2 ? 1 : factor));
  return g.add(name, "Resize", [x, "", `${name}.scales`], {
    mode: { kind: "string", value: "nearest" },
    coordinate_transformation_mode: { kind: "string", value: "asymmetric" },
    nearest_mode: { kind: "string", value: "floor" },
  });
}

/** Body of both graphs: 8 channels in and out, a U with a skip and a residual sum; even sides. */
function addBody(g: GraphBuilder, x: string): string {
  const a = g.add("a.relu", "Relu", [g.conv("a", x, { cin: 8, out: 8, kernel: 3 })]);
  const b = g.add("b.relu", "Relu", [g.conv("b", a, { cin: 8, out: 16, kernel: 3, stride: 2 })]);
  const joined = g.add("joined", "Concat", [upsample(g, "up", b, 2), a], { axis: { kind: "int", value: 1 } });
  const c = g.conv("c", joined, { cin: 24, out: 8, kernel: 1 });
  return g.add("sum.relu", "Relu", [g.add("sum", "Add", [c, x])]);
}

/** A graph that runs on bytes from end to end: `image` `[1, 8, side, side]` to `y` of the same shape. */
export function byteNetwork(side: number, seed = 1): OnnxGraph {
  const g = new GraphBuilder(seed);
  g.conv("y", addBody(g, "image"), { cin: 8, out: 8, kernel: 3 });
  return {
    name: "bytes",
    nodes: g.nodes,
    initializers: g.initializers,
    inputs: [{ name: "image", dtype: "float32", dims: [1, 8, side, side] }],
    outputs: [{ name: "y", dtype: "float32", dims: [1, 8, side, side] }],
  };
}

/** Sizes of {@link smallModel}. */
export const SMALL_SIZES = { window: 38, output: 32, kept: 24 } as const;

/** A model file with a stem of 3 channels and sigmoid outputs around the body. */
export function smallModel(metadata: Partial<ModelMetadata> = {}, seed = 1): Uint8Array {
  const g = new GraphBuilder(seed);
  const stem = g.add("stem.relu", "Relu", [g.conv("stem", "image", { cin: 3, out: 8, kernel: 7, pad: 0 })]);
  g.add("maps", "Sigmoid", [g.conv("out", addBody(g, stem), { cin: 8, out: 7, kernel: 1 })]);
  const all = fakeMetadata({ name: "small", ...SMALL_SIZES, ...metadata });
  const { window, output } = SMALL_SIZES;
  const graph: OnnxGraph = {
    name: "small",
    nodes: g.nodes,
    initializers: g.initializers,
    inputs: [{ name: "image", dtype: "float32", dims: ["N", 3, window, window] }],
    outputs: [{ name: "maps", dtype: "float32", dims: ["N", 7, output, output] }],
  };
  const outputs = all.outputs.filter(({ name }) => name === "maps");
  return encodeOnnxModel(graph, { opset: 17, metadata: encodeModelMetadata({ ...all, outputs }) });
}
