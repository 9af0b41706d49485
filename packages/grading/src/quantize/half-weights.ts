/**
 * Weights stored in half precision, back as float32.
 *
 * @module
 */
import { halfToNumber, type OnnxGraph, type OnnxTensor } from "@renograde/formats";

/** TensorProto.DataType.FLOAT. */
const FLOAT = 1;

/** Replaces every Cast of a float16 constant to float32 by the float32 constant. */
export function unpackHalfWeights(graph: OnnxGraph): OnnxGraph {
  const halves = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const unpacked: OnnxTensor[] = [];
  const nodes = graph.nodes.filter((node) => {
    const half = node.opType === "Cast" ? halves.get(node.inputs[0]!) : undefined;
    const to = node.attributes.to;
    if (half?.dtype !== "float16" || to?.kind !== "int" || to.value !== FLOAT) return true;
    const data = Float32Array.from(half.data, halfToNumber);
    unpacked.push({ name: node.outputs[0]!, dtype: "float32", dims: half.dims, data });
    return false;
  });
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const kept = graph.initializers.filter((tensor) => used.has(tensor.name));
  return { ...graph, nodes, initializers: [...kept, ...unpacked] };
}
