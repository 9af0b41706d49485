/**
 * A float32 graph as an 8-bit one, in the QDQ form of ONNX (operators of opset 13 and later, nothing vendor-specific): every
 * byte value is a QuantizeLinear and a DequantizeLinear, weights and biases are integers behind a DequantizeLinear.
 * ONNX Runtime's CPU provider joins them with the operators between into integer kernels (QLinearConv, QLinearAdd,
 * QLinearConcat, Resize on bytes); an engine without such kernels computes the same in float32.
 *
 * @module
 */
import { DataError } from "@renograde/core";
import type { OnnxGraph, OnnxNode, OnnxTensor } from "@renograde/formats";
import type { GraphIndex } from "./graph-index.js";
import { byteInputs, type QuantizationPlan } from "./plan.js";
import type { ByteScale, RangeMethod, ValueStatistics } from "./ranges.js";
import { quantizeConvolution } from "./weights.js";

/** Name of the constants and nodes that go with a value. */
const SUFFIX = { bytes: "/bytes", real: "/real", raw: "/raw", scale: "/scale", zero: "/zero" } as const;

/** Name under which {@link quantizeGraph} keeps `value` as byte nodes read it; its own where it is never bytes. */
export function roundedName(index: GraphIndex, plan: QuantizationPlan, value: string): string {
  const hasOwnName = madeByByteNode(index, plan, value) || !plan.values.includes(value);
  return hasOwnName ? value : value + SUFFIX.real;
}

function madeByByteNode(index: GraphIndex, plan: QuantizationPlan, value: string): boolean {
  const producer = index.producers.get(value);
  return producer !== undefined && plan.nodes.has(producer.name);
}

/**
 * Rewrites a graph to bytes.
 *
 * @param statistics - of every value of `plan.values`
 * @throws DataError when statistics are missing
 */
export function quantizeGraph(
  index: GraphIndex,
  plan: QuantizationPlan,
  statistics: ReadonlyMap<string, ValueStatistics>,
  method: RangeMethod,
): OnnxGraph {
  const { graph } = index;
  const nodes: OnnxNode[] = [];
  const constants: OnnxTensor[] = [];
  const byteValues = new Set(plan.values);
  const foldedRelus = new Set(plan.folded.values());
  const known = new Map<string, ByteScale>();

  const observed = (value: string): ValueStatistics => {
    const found = statistics.get(value);
    if (!found) throw new DataError(`${value}: calibration did not observe this value`);
    return found;
  };
  /** Scale of a value; its constants are written when it is first asked for. */
  const scaleOf = (value: string): ByteScale & { readonly owner: string } => {
    const owner = plan.parameters.get(value) ?? value;
    let scale = known.get(owner);
    if (!scale) {
      scale = observed(owner).choose(method);
      known.set(owner, scale);
      constants.push(
        { name: owner + SUFFIX.scale, dtype: "float32", dims: [], data: Float32Array.of(scale.scale) },
        { name: owner + SUFFIX.zero, dtype: "uint8", dims: [], data: Uint8Array.of(scale.zero) },
      );
    }
    return { ...scale, owner };
  };
  const emitBytes = (value: string): void => {
    const ofByteNode = madeByByteNode(index, plan, value);
    const { owner } = scaleOf(value);
    const parameters = [owner + SUFFIX.scale, owner + SUFFIX.zero];
    const [float, real] = ofByteNode ? [value + SUFFIX.raw, value] : [value, value + SUFFIX.real];
    const bytes = value + SUFFIX.bytes;
    nodes.push(
      linear("QuantizeLinear", bytes, [float, ...parameters]),
      linear("DequantizeLinear", real, [bytes, ...parameters]),
    );
  };

  for (const input of graph.inputs) if (byteValues.has(input.name)) emitBytes(input.name);
  for (const node of graph.nodes) {
    const out = node.outputs[0]!;
    if (!plan.nodes.has(node.name)) {
      nodes.push(node);
      for (const name of node.outputs) if (byteValues.has(name)) emitBytes(name);
      continue;
    }
    if (foldedRelus.has(out)) continue;
    const value = plan.folded.get(out) ?? out;
    const bytes = new Set(byteInputs(node));
    const inputs = node.inputs.map((name) => (bytes.has(name) ? roundedName(index, plan, name) : name));
    if (node.opType === "Conv") {
      const x = node.inputs[0]!;
      const [weight, bias] = emitConvolution(
        index,
        node,
        scaleOf(x).scale,
        observed(x).means(),
        nodes,
        constants,
      );
      inputs.splice(1, 2, weight, bias);
    }
    nodes.push({ ...node, inputs, outputs: [value + SUFFIX.raw] });
    emitBytes(value);
  }
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const kept = graph.initializers.filter((tensor) => used.has(tensor.name));
  return { ...graph, nodes, initializers: [...kept, ...constants] };
}

/** Adds the integer weights and bias of a convolution; returns their real forms. */
function emitConvolution(
  index: GraphIndex,
  node: OnnxNode,
  inputScale: number,
  inputMeans: Float64Array,
  nodes: OnnxNode[],
  constants: OnnxTensor[],
): [weight: string, bias: string] {
  const [, w, b] = node.inputs;
  const weight = index.constants.get(w!)!;
  const bias = b === undefined || b === "" ? undefined : index.constants.get(b);
  const quantized = quantizeConvolution({
    weights: weight.data as Float32Array,
    bias: bias === undefined ? null : (bias.data as Float32Array),
    out: weight.dims[0]!,
    inputScale,
    inputMeans,
  });
  const out = [weight.dims[0]!];
  const names = [`${node.name}/weight`, `${node.name}/bias`] as const;
  constants.push(
    { name: names[0] + SUFFIX.bytes, dtype: "int8", dims: weight.dims, data: quantized.weights },
    { name: names[0] + SUFFIX.scale, dtype: "float32", dims: out, data: quantized.weightScales },
    { name: `${names[0]}${SUFFIX.zero}`, dtype: "int8", dims: out, data: new Int8Array(out[0]!) },
    { name: names[1] + SUFFIX.bytes, dtype: "int32", dims: out, data: quantized.bias },
    { name: names[1] + SUFFIX.scale, dtype: "float32", dims: out, data: quantized.biasScales },
    { name: `${names[1]}${SUFFIX.zero}`, dtype: "int32", dims: out, data: new Int32Array(out[0]!) },
  );
  for (const name of names) {
    const inputs = [name + SUFFIX.bytes, name + SUFFIX.scale, name + SUFFIX.zero];
    nodes.push(linear("DequantizeLinear", name, inputs, 0));
  }
  return [names[0], names[1]];
}

function linear(opType: string, output: string, inputs: readonly string[], axis?: number): OnnxNode {
  return {
    name: `${output}/${opType}`,
    opType,
    inputs,
    outputs: [output],
    attributes: axis === undefined ? {} : { axis: { kind: "int", value: axis } },
  };
}
