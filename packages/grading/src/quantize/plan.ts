/**
 * Which nodes of a graph run on 8-bit integers. Convolutions carry nearly all the work; sums, joins, enlargements, cuts
 * and poolings follow where they lie between convolutions, so that maps stay bytes all along. Everything else, softmax,
 * sigmoid, layer norm and the attention of GC blocks among it, stays in float32.
 *
 * @module
 */
import type { OnnxNode } from "@renograde/formats";
import { type GraphIndex, onlyConsumer } from "./graph-index.js";

/** Shape of every value that was measured, by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Choices of {@link planQuantization}. */
export interface PlanOptions {
  /** Nodes whose names start with one of these stay in float32, such as `encoder.stem` or `lunet`. */
  readonly keepFloat?: readonly string[];
}

/** A convolution that stays in float32, and why. */
export interface KeptConvolution {
  readonly name: string;
  readonly reason: string;
}

/** What will be 8-bit. */
export interface QuantizationPlan {
  /** Names of the nodes that run on bytes. */
  readonly nodes: ReadonlySet<string>;
  /** Output of a byte node to the output of the ReLU folded into it: its bytes begin at 0. */
  readonly folded: ReadonlyMap<string, string>;
  /** Values that exist as bytes, in execution order. */
  readonly values: readonly string[];
  /** Value to the value whose scale and zero point it uses; itself where it has its own. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly kept: readonly KeptConvolution[];
  /** Multiplications of one run of the measured shape: in bytes, and in all convolutions. */
  readonly macs: { readonly int8: number; readonly total: number };
}

/** Below this many input channels a convolution reads pixels or probabilities, and is small. */
const MIN_INPUT_CHANNELS = 8;
/** Below this many output channels a convolution makes logits, which are sensitive, and is small. */
const MIN_OUTPUT_CHANNELS = 8;

/** Operators that move bytes without changing them. */
const SAME_RANGE = new Set(["Resize", "MaxPool", "DepthToSpace", "Slice"]);

/**
 * Decides what runs on bytes.
 *
 * @param shapes - of all inputs and outputs of convolutions, from `measureShapes`
 */
export function planQuantization(
  index: GraphIndex,
  shapes: Shapes,
  options: PlanOptions = {},
): QuantizationPlan {
  const { graph } = index;
  const kept: KeptConvolution[] = [];
  const nodes = new Set<string>();
  const macs = { int8: 0, total: 0 };
  for (const node of graph.nodes) {
    if (node.opType !== "Conv") continue;
    const reason = whyFloat(index, node, shapes, options.keepFloat ?? []);
    const work = countMacs(index, node, shapes);
    macs.total += work;
    if (reason === null) {
      nodes.add(node.name);
      macs.int8 += work;
    } else {
      kept.push({ name: node.name, reason });
    }
  }
  addCarriers(index, nodes, options.keepFloat ?? []);
  const folded = foldRelus(index, nodes);
  const values = listValues(index, nodes, folded);
  return { nodes, folded, values, parameters: shareParameters(index, nodes, folded, values), kept, macs };
}

function isNamed(node: OnnxNode, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => node.name.startsWith(prefix));
}

/** Why a convolution stays in float32, or null. */
function whyFloat(
  index: GraphIndex,
  node: OnnxNode,
  shapes: Shapes,
  keepFloat: readonly string[],
): string | null {
  const [x, w, b] = node.inputs;
  const weight = index.constants.get(w ?? "");
  const bias = b === undefined || b === "" ? undefined : index.constants.get(b);
  const shape = shapes.get(x ?? "");
  const group = node.attributes.group;
  if (isNamed(node, keepFloat)) return "asked for";
  if (weight?.dtype !== "float32" || weight.dims.length !== 4) return "its weights are not constant";
  if (b !== undefined && b !== "" && bias?.dtype !== "float32") return "its bias is not constant";
  if (group?.kind === "int" && group.value !== 1) return "it is grouped";
  if (weight.dims[1]! < MIN_INPUT_CHANNELS) return `reads fewer than ${MIN_INPUT_CHANNELS} channels`;
  if (weight.dims[0]! < MIN_OUTPUT_CHANNELS) return `makes fewer than ${MIN_OUTPUT_CHANNELS} channels`;
  if (shape?.length !== 4) return "its input has no known shape";
  if (shape[2]! * shape[3]! === 1) return "works on single pixels";
  return null;
}

function countMacs(index: GraphIndex, node: OnnxNode, shapes: Shapes): number {
  const weight = index.constants.get(node.inputs[1] ?? "");
  const out = shapes.get(node.outputs[0]!);
  if (!weight || !out) return 0;
  return weight.dims.slice(1).reduce((p, n) => p * n, 1) * out.reduce((p, n) => p * n, 1);
}

/** Adds sums, joins, enlargements, cuts, poolings and ReLUs that a byte node reads; from the end to the start. */
function addCarriers(index: GraphIndex, nodes: Set<string>, keepFloat: readonly string[]): void {
  for (const node of index.graph.nodes.toReversed()) {
    if (!canCarry(index, node) || isNamed(node, keepFloat)) continue;
    const readers = index.consumers.get(node.outputs[0]!) ?? [];
    if (readers.some((reader) => nodes.has(reader.name))) nodes.add(node.name);
  }
}

function canCarry(index: GraphIndex, node: OnnxNode): boolean {
  if (node.outputs.length !== 1) return false;
  const mode = node.attributes.mode;
  switch (node.opType) {
    case "Add":
    case "Concat":
      return node.inputs.every((name) => !index.constants.has(name));
    case "Resize":
      return mode?.kind === "string" && mode.value === "nearest" && !index.constants.has(node.inputs[0]!);
    case "MaxPool":
    case "DepthToSpace":
    case "Slice":
    case "Relu":
      return !index.constants.has(node.inputs[0]!);
    default:
      return false;
  }
}

/** Folds every ReLU that alone reads a byte convolution or sum; other ReLUs leave `nodes`. */
function foldRelus(index: GraphIndex, nodes: Set<string>): Map<string, string> {
  const folded = new Map<string, string>();
  for (const node of index.graph.nodes) {
    if (node.opType !== "Relu") continue;
    const from = node.inputs[0]!;
    const producer = index.producers.get(from);
    const alone = onlyConsumer(index, from) === node;
    if (producer && nodes.has(producer.name) && alone && /^(Conv|Add)$/.test(producer.opType)) {
      nodes.add(node.name);
      folded.set(from, node.outputs[0]!);
    } else {
      nodes.delete(node.name);
    }
  }
  return folded;
}

/** Variable inputs of a byte node that must be bytes: all but the sizes of Resize and constants. */
export function byteInputs(node: OnnxNode): readonly string[] {
  return node.opType === "Add" || node.opType === "Concat" ? node.inputs : node.inputs.slice(0, 1);
}

function listValues(
  index: GraphIndex,
  nodes: ReadonlySet<string>,
  folded: ReadonlyMap<string, string>,
): string[] {
  const wanted = new Set<string>();
  for (const node of index.graph.nodes) {
    if (!nodes.has(node.name)) continue;
    if (node.opType !== "Relu") for (const name of byteInputs(node)) wanted.add(name);
    const out = node.outputs[0]!;
    if (!folded.has(out)) wanted.add(out);
  }
  const order = [
    ...index.graph.inputs.map((input) => input.name),
    ...index.graph.nodes.flatMap((n) => n.outputs),
  ];
  return order.filter((name) => wanted.has(name));
}

/**
 * Lets values use one scale where this saves rounding: enlarging, cutting and pooling keep bytes as they are, and what is made
 * only to be joined takes the scale of the joined map, if nothing in it is negative.
 */
function shareParameters(
  index: GraphIndex,
  nodes: ReadonlySet<string>,
  folded: ReadonlyMap<string, string>,
  values: readonly string[],
): Map<string, string> {
  const relus = new Set(folded.values());
  const byteProducer = (value: string): OnnxNode | undefined => {
    const node = index.producers.get(value);
    return node && nodes.has(node.name) ? node : undefined;
  };
  const nonNegative = (value: string): boolean => {
    if (relus.has(value) || index.producers.get(value)?.opType === "Relu") return true;
    const node = byteProducer(value);
    return node !== undefined && node.opType !== "Conv" && byteInputs(node).every(nonNegative);
  };
  /** Nothing else reads the value, nor the bytes it is a copy of. */
  const isFree = (value: string): boolean => {
    if (!onlyConsumer(index, value)) return false;
    const node = byteProducer(value);
    return node === undefined || !SAME_RANGE.has(node.opType) || isFree(node.inputs[0]!);
  };
  const own = new Map<string, string>();
  for (const value of values.toReversed()) {
    if (!own.has(value)) own.set(value, value);
    const node = byteProducer(value);
    if (node?.opType === "Concat" && nonNegative(value)) {
      for (const name of node.inputs) if (isFree(name)) own.set(name, own.get(value)!);
    } else if (node && SAME_RANGE.has(node.opType)) {
      const from = node.inputs[0]!;
      if (isFree(from)) own.set(from, own.get(value)!);
      else own.set(value, from);
    }
  }
  const resolve = (value: string): string => {
    const next = own.get(value)!;
    return next === value ? value : resolve(next);
  };
  return new Map(values.map((value) => [value, resolve(value)]));
}
