/**
 * From a draft to the ONNX graph that is written: constants become float32 and int64 initialisers under unique names.
 *
 * @module
 */
import type { OnnxGraph, OnnxTensor, OnnxValue } from "@renograde/formats";
import type { Tensor } from "../reference/tensor.js";
import type { DraftGraph, DraftNode, NodeInput } from "./graph.js";

/** Names of a node's further inputs, for constants that are no parameter. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  Conv: ["x", "weight", "bias"],
  ConvTranspose: ["x", "weight", "bias"],
  LayerNormalization: ["x", "weight", "bias"],
  Resize: ["x", "roi", "scales"],
  Reshape: ["x", "shape"],
  Slice: ["x", "starts", "ends", "axes", "steps"],
  ReduceSum: ["x", "axes"],
  NonMaxSuppression: ["boxes", "scores", "most", "iou", "score"],
};

/**
 * Turns a draft into a graph: names every value and constant once, constants of equal content shared.
 *
 * @param inputs the graph's inputs, as the file describes them
 * @param outputs the graph's outputs; each is a key of `draft.outputs`
 */
export function assembleGraph(
  name: string,
  draft: DraftGraph,
  inputs: readonly OnnxValue[],
  outputs: readonly OnnxValue[],
): OnnxGraph {
  const initializers: OnnxTensor[] = [];
  const taken = new Set<string>(draft.nodes.map((node) => node.output));
  const known = new Map<Tensor | string, string>();
  const claim = (wanted: string): string => {
    let unique = wanted;
    for (let i = 1; taken.has(unique); i++) unique = `${wanted}_${i}`;
    taken.add(unique);
    return unique;
  };
  const outputName = new Map([...draft.outputs].map(([output, value]) => [value, output]));
  const nameOf = (input: NodeInput, node: DraftNode, position: number): string => {
    if (input.kind === "absent") return "";
    if (input.kind === "value") return outputName.get(input.name) ?? input.name;
    const key = input.kind === "constant" ? input.tensor : input.values.join();
    const existing = known.get(key);
    if (existing !== undefined) return existing;
    const role = ROLES[node.opType]?.[position] ?? `constant${position}`;
    if (input.kind === "integers") {
      const integerName = claim(`int64[${key}]`);
      known.set(key, integerName);
      const data = BigInt64Array.from(input.values, BigInt);
      initializers.push({ name: integerName, dtype: "int64", dims: [data.length], data });
      return integerName;
    }
    const constantName = claim(input.name ?? `${node.scope}.${role}`);
    known.set(key, constantName);
    initializers.push({
      name: constantName,
      dtype: "float32",
      dims: input.tensor.dims,
      data: Float32Array.from(input.tensor.data),
    });
    return constantName;
  };
  const nodes = draft.nodes.map((node) => ({
    name: node.name,
    opType: node.opType,
    inputs: node.inputs.map((input, i) => nameOf(input, node, i)),
    outputs: [
      ...Array.from({ length: node.unread ?? 0 }, (_, i) => `${node.output}.unread${i}`),
      outputName.get(node.output) ?? node.output,
    ],
    attributes: node.attributes,
  }));
  return { name, nodes, initializers, inputs, outputs };
}
