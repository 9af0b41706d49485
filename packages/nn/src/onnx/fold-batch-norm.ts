/**
 * Folds batch norms into the convolutions before them, in float64: γ(W·x − μ)/√(σ²+ε) + β is one convolution with
 * other weights and a bias. The affine map may travel through what commutes with it:
 * sums, nearest upsampling, depth-to-space, crops.
 *
 * @module
 */
import { type Tensor, zeros } from "../reference/tensor.js";
import type { DraftGraph, DraftNode, NodeInput } from "./graph.js";

/** Rewrites `graph` in place; batch norms that follow nothing foldable stay. */
export function foldBatchNorms(graph: DraftGraph): void {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]));
  const uses = countUses(graph);
  const renamed = new Map<string, string>();
  const folded = new Set<DraftNode>();
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((input) =>
      input.kind === "value" ? { kind: "value", name: renamed.get(input.name) ?? input.name } : input,
    );
    if (node.opType !== "BatchNormalization") continue;
    const source = node.inputs[0]!;
    if (!canAbsorb(source, producers, uses)) continue;
    const { scale, shift } = affineOf(node);
    absorb(source, scale, shift, producers);
    folded.add(node);
    if (source.kind === "value") {
      renamed.set(node.output, source.name);
      uses.set(source.name, uses.get(node.output) ?? 0);
    }
  }
  for (const [output, value] of graph.outputs) graph.outputs.set(output, renamed.get(value) ?? value);
  graph.nodes = graph.nodes.filter((node) => !folded.has(node));
}

function countUses(graph: DraftGraph): Map<string, number> {
  const uses = new Map<string, number>();
  const use = (name: string): void => {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  };
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input.kind === "value") use(input.name);
  }
  for (const value of graph.outputs.values()) use(value);
  return uses;
}

/** Scale and shift per channel of a batch norm on running statistics. */
function affineOf(node: DraftNode): { scale: Float64Array; shift: Float64Array } {
  const [weight, bias, mean, variance] = node.inputs.slice(1).map(constantOf);
  const epsilon = node.attributes.epsilon;
  const eps = epsilon?.kind === "float" ? epsilon.value : 1e-5;
  const scale = Float64Array.from(weight!.data, (w, c) => w / Math.sqrt(variance!.data[c]! + eps));
  const shift = Float64Array.from(bias!.data, (b, c) => b - mean!.data[c]! * scale[c]!);
  return { scale, shift };
}

function constantOf(input: NodeInput): Tensor {
  if (input.kind !== "constant") throw new Error("a batch norm's parameters must be constants");
  return input.tensor;
}

/** True when the value is used once and comes from convolutions with constant weights, over what commutes. */
function canAbsorb(
  input: NodeInput,
  producers: ReadonlyMap<string, DraftNode>,
  uses: ReadonlyMap<string, number>,
): boolean {
  if (input.kind !== "value" || uses.get(input.name) !== 1) return false;
  const node = producers.get(input.name);
  switch (node?.opType) {
    case "Conv":
      return node.inputs[1]?.kind === "constant";
    case "ConvTranspose": {
      const group = node.attributes.group;
      return node.inputs[1]?.kind === "constant" && group?.kind === "int" && group.value === 1;
    }
    case "Add":
      return node.inputs.every((part) => canAbsorb(part, producers, uses));
    case "Resize":
    case "DepthToSpace":
      return canAbsorb(node.inputs[0]!, producers, uses);
    case "Slice":
      return keepsChannels(node) && canAbsorb(node.inputs[0]!, producers, uses);
    default:
      return false;
  }
}

/** True for a slice of rows or columns. */
function keepsChannels(slice: DraftNode): boolean {
  const axes = slice.inputs[3];
  return axes?.kind === "integers" && axes.values.every((axis) => axis >= 2);
}

/** Multiplies the value by `scale` and adds `shift`, per channel, inside the convolutions it comes from. */
function absorb(
  input: NodeInput,
  scale: Float64Array,
  shift: Float64Array,
  producers: ReadonlyMap<string, DraftNode>,
): void {
  const node = input.kind === "value" ? producers.get(input.name) : undefined;
  if (!node) throw new Error("only the result of a node absorbs a batch norm");
  if (node.opType === "Add") {
    const [first, ...rest] = node.inputs;
    absorb(first!, scale, shift, producers);
    for (const part of rest) absorb(part, scale, new Float64Array(shift.length), producers);
  } else if (node.opType === "Resize" || node.opType === "Slice") {
    absorb(node.inputs[0]!, scale, shift, producers);
  } else if (node.opType === "DepthToSpace") {
    const blocksize = node.attributes.blocksize;
    const phases = blocksize?.kind === "int" ? blocksize.value ** 2 : 1;
    const perPhase = (values: Float64Array): Float64Array =>
      Float64Array.from({ length: values.length * phases }, (_, i) => values[Math.floor(i / phases)]!);
    absorb(node.inputs[0]!, perPhase(scale), perPhase(shift), producers);
  } else {
    const [x, weight, bias] = node.inputs;
    const channelAxis = node.opType === "Conv" ? 0 : 1;
    const before = bias === undefined ? null : constantOf(bias);
    const after = zeros([shift.length]);
    for (let c = 0; c < shift.length; c++) after.data[c] = (before?.data[c] ?? 0) * scale[c]! + shift[c]!;
    const weightName = weight?.kind === "constant" ? weight.name : null;
    node.inputs = [
      x!,
      { kind: "constant", name: weightName, tensor: scaleAxis(constantOf(weight!), channelAxis, scale) },
      { kind: "constant", name: bias?.kind === "constant" ? bias.name : null, tensor: after },
    ];
    if (shift.every((s) => s === 0) && before === null) node.inputs.pop();
  }
}

function scaleAxis(x: Tensor, axis: number, scale: Float64Array): Tensor {
  const y = zeros(x.dims);
  const inner = x.dims.slice(axis + 1).reduce((p, v) => p * v, 1);
  const size = x.dims[axis]!;
  for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i]! * scale[Math.floor(i / inner) % size]!;
  return y;
}
