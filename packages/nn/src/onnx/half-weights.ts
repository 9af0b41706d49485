/**
 * Weights stored in half precision: half the file, the same arithmetic.
 *
 * @module
 */
import { numberToHalf, type OnnxGraph, type OnnxNode, type OnnxTensor } from "@renograde/formats";

/** Smaller constants stay as they are: they weigh nothing, and biases are worth their digits. */
const LEAST_ELEMENTS = 256;
/** Largest finite half-precision number. */
const LARGEST = 65504;
/** TensorProto.DataType.FLOAT. */
const FLOAT = 1;

/**
 * Stores float32 initialisers of 256 and more elements as float16 with a Cast back to float32, which ONNX Runtime
 * folds when it loads the file. Each weight is rounded to 11 significant bits (relative error at most 2⁻¹¹).
 */
export function storeWeightsAsHalf(graph: OnnxGraph): OnnxGraph {
  const casts: OnnxNode[] = [];
  const initializers = graph.initializers.map((tensor): OnnxTensor => {
    if (tensor.dtype !== "float32" || tensor.data.length < LEAST_ELEMENTS) return tensor;
    if (tensor.data.some((v) => Math.abs(v) > LARGEST)) return tensor;
    const half = `${tensor.name}.half`;
    casts.push({
      name: `${tensor.name}.cast`,
      opType: "Cast",
      inputs: [half],
      outputs: [tensor.name],
      attributes: { to: { kind: "int", value: FLOAT } },
    });
    return {
      name: half,
      dtype: "float16",
      dims: tensor.dims,
      data: Uint16Array.from(tensor.data, numberToHalf),
    };
  });
  return { ...graph, nodes: [...casts, ...graph.nodes], initializers };
}
