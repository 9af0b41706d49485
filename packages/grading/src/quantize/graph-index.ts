/**
 * Who makes and who reads every value of an ONNX graph, and the part of a graph that some values need.
 *
 * @module
 */
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from "@renograde/formats";

/** Look-up tables of one graph. */
export interface GraphIndex {
  readonly graph: OnnxGraph;
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  /** The node that makes a value; graph inputs and constants have none. */
  readonly producers: ReadonlyMap<string, OnnxNode>;
  /** Nodes that read a value, each once, in execution order. */
  readonly consumers: ReadonlyMap<string, readonly OnnxNode[]>;
  readonly outputs: ReadonlySet<string>;
}

/** Builds the tables. */
export function indexGraph(graph: OnnxGraph): GraphIndex {
  const producers = new Map<string, OnnxNode>();
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) if (name !== "") producers.set(name, node);
    for (const name of new Set(node.inputs)) {
      const readers = consumers.get(name);
      if (readers) readers.push(node);
      else consumers.set(name, [node]);
    }
  }
  return {
    graph,
    constants: new Map(graph.initializers.map((tensor) => [tensor.name, tensor])),
    producers,
    consumers,
    outputs: new Set(graph.outputs.map((output) => output.name)),
  };
}

/** The only node that reads `value`, where there is exactly one and the value is no output of the graph. */
export function onlyConsumer(index: GraphIndex, value: string): OnnxNode | undefined {
  const readers = index.consumers.get(value) ?? [];
  return readers.length === 1 && !index.outputs.has(value) ? readers[0] : undefined;
}

/** The part of the graph that makes `outputs`, with them as its outputs. */
export function extractSubgraph(graph: OnnxGraph, outputs: readonly OnnxValue[]): OnnxGraph {
  const needed = new Set(outputs.map((output) => output.name));
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    nodes.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  return {
    name: graph.name,
    nodes: nodes.reverse(),
    initializers: graph.initializers.filter((tensor) => needed.has(tensor.name)),
    inputs: graph.inputs.filter((input) => needed.has(input.name)),
    outputs,
  };
}
