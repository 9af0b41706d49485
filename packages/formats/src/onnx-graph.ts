/**
 * An ONNX graph as plain data, and the checks every graph passes before it is written and after it is read.
 *
 * @module
 */
import { elementCount } from "./element-types.js";

/** Element types and the arrays that hold them; `float16` as bit patterns. */
export interface OnnxArrays {
  float32: Float32Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int8: Int8Array;
  uint8: Uint8Array;
}

/** Name of an element type. */
export type OnnxDtype = keyof OnnxArrays;

/** A constant tensor, row-major; an empty `dims` is a scalar. */
export type OnnxTensor = {
  [D in OnnxDtype]: {
    readonly name: string;
    readonly dtype: D;
    readonly dims: readonly number[];
    readonly data: OnnxArrays[D];
  };
}[OnnxDtype];

/** An attribute of a node. Integers are 64-bit in the file and must be safe integers here; floats are float32 there. */
export type OnnxAttribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: OnnxTensor };

/** One operation. An empty name among the inputs or outputs is an optional one left out. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Default: the ONNX operators themselves. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or output of the graph; a size that is not fixed is a name, an empty name is an unknown size. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly dims: readonly (number | string)[];
}

/** A graph; nodes are in an order in which they can be executed. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** What a file says beside the graph. */
export interface OnnxModelOptions {
  /** Version of the ONNX operators, such as 17. */
  readonly opset: number;
  /** Versions of other operator domains that nodes use, such as `com.microsoft`. */
  readonly domains?: Readonly<Record<string, number>>;
  readonly producer?: { readonly name: string; readonly version: string };
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A whole file. */
export interface OnnxModel extends OnnxModelOptions {
  readonly graph: OnnxGraph;
}

/** The first thing wrong with a graph, as the end of a sentence, or null. */
export function findOnnxGraphProblem(graph: OnnxGraph): string | null {
  const defined = new Set<string>();
  const define = (name: string, what: string): string | null => {
    if (defined.has(name)) return `${what} '${name}' is defined twice`;
    defined.add(name);
    return null;
  };
  for (const input of graph.inputs) {
    const problem = findSizeProblem(input) ?? define(input.name, "input");
    if (problem !== null) return problem;
  }
  for (const tensor of graph.initializers) {
    const problem = findTensorProblem(tensor);
    if (problem !== null) return problem;
    // Files of older versions list initializers among the inputs, too.
    defined.add(tensor.name);
  }
  for (const node of graph.nodes) {
    const label = `node '${node.name}' (${node.opType})`;
    if (node.opType === "") return `node '${node.name}' names no operator`;
    const missing = node.inputs.find((name) => name !== "" && !defined.has(name));
    if (missing !== undefined) return `${label} uses '${missing}', which nothing before it defines`;
    for (const name of node.outputs) {
      const problem = name === "" ? null : define(name, `${label}: output`);
      if (problem !== null) return problem;
    }
    for (const [name, attribute] of Object.entries(node.attributes)) {
      const problem = findAttributeProblem(attribute);
      if (problem !== null) return `${label}: attribute '${name}' ${problem}`;
    }
  }
  if (graph.outputs.length === 0) return "it has no outputs";
  for (const output of graph.outputs) {
    if (!defined.has(output.name)) return `output '${output.name}' is not defined by any node`;
    const problem = findSizeProblem(output);
    if (problem !== null) return problem;
  }
  return null;
}

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;

function findSizeProblem(value: OnnxValue): string | null {
  const wrong = value.dims.find((size) => typeof size === "number" && !isSize(size));
  return wrong === undefined ? null : `'${value.name}' has the impossible size ${wrong}`;
}

function findTensorProblem(tensor: OnnxTensor): string | null {
  return tensor.dims.every(isSize) && elementCount(tensor.dims) === tensor.data.length
    ? null
    : `tensor '${tensor.name}' of shape [${tensor.dims.join(", ")}] holds ${tensor.data.length} elements`;
}

function findAttributeProblem(attribute: OnnxAttribute): string | null {
  switch (attribute.kind) {
    case "int":
      return Number.isSafeInteger(attribute.value) ? null : `is not a whole number: ${attribute.value}`;
    case "ints":
      return attribute.value.every(Number.isSafeInteger)
        ? null
        : `are not whole numbers: ${attribute.value.join(", ")}`;
    case "tensor":
      return findTensorProblem(attribute.value);
    default:
      return null;
  }
}
