/**
 * Observing a graph at work: shapes and statistics of its values, and how far the values of its 8-bit form are off.
 * The engine comes as an argument, so that this runs anywhere.
 *
 * @module
 */
import { EngineError, throwIfAborted } from "@renograde/core";
import type { OnnxGraph, OnnxNode, OnnxValue } from "@renograde/formats";
import { extractSubgraph, type GraphIndex } from "./graph-index.js";
import type { Shapes } from "./plan.js";
import { ValueStatistics } from "./ranges.js";

/** A value an engine returned. */
export interface GraphOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** A graph an engine has loaded. */
export interface GraphRunner {
  /** Runs it on one input; all outputs by name. @throws EngineError when the engine refuses */
  run(input: Float32Array, dims: readonly number[]): Promise<ReadonlyMap<string, GraphOutput>>;
  close(): Promise<void>;
}

/** Loads a graph of one input. @throws EngineError when the engine refuses */
export type OpenGraph = (graph: OnnxGraph) => Promise<GraphRunner>;

/** Windows to observe a model on. */
export interface CalibrationInput {
  /** Shape of every window, `[1, 3, window, window]`. */
  readonly dims: readonly number[];
  readonly windows: readonly Float32Array[];
}

/** What may stop and watch a long observation. */
export interface ObserveOptions {
  readonly signal?: AbortSignal;
  /** Called after every run of a part of the network with runs done and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Values fetched together take at most this many numbers: 512 MB. */
const MAX_VALUES = 2 ** 27;

/** Runs one window and asks for shapes only. @param values - values of rank 4 */
export async function measureShapes(
  index: GraphIndex,
  values: readonly string[],
  open: OpenGraph,
  input: CalibrationInput,
): Promise<Shapes> {
  const suffix = "/shape";
  const nodes = values.map(
    (value): OnnxNode => ({
      name: value + suffix,
      opType: "Shape",
      inputs: [value],
      outputs: [value + suffix],
      attributes: {},
    }),
  );
  const outputs = values.map((value): OnnxValue => ({ name: value + suffix, dtype: "int64", dims: [""] }));
  const graph = { ...index.graph, nodes: [...index.graph.nodes, ...nodes] };
  const runner = await open(extractSubgraph(graph, outputs));
  try {
    const result = await runner.run(input.windows[0]!, input.dims);
    return new Map(
      values.map((value) => [value, Array.from(result.get(value + suffix)?.data ?? [], Number)]),
    );
  } finally {
    await runner.close();
  }
}

/** Splits values into groups that fit into memory together. */
function groupValues(values: readonly string[], shapes: Shapes): string[][] {
  const groups: string[][] = [];
  let room = 0;
  for (const value of values) {
    const size = (shapes.get(value) ?? []).reduce((p, n) => p * n, 1);
    if (size > room || groups.length === 0) {
      groups.push([]);
      room = MAX_VALUES;
    }
    groups.at(-1)!.push(value);
    room -= size;
  }
  return groups;
}

/** The part of a graph that makes `values`, of rank 4. */
function partFor(graph: OnnxGraph, values: readonly string[]): OnnxGraph {
  const outputs = values.map((name): OnnxValue => ({ name, dtype: "float32", dims: ["", "", "", ""] }));
  return extractSubgraph(graph, outputs);
}

function floats(
  result: ReadonlyMap<string, GraphOutput>,
  value: string,
): { dims: readonly number[]; data: Float32Array } {
  const found = result.get(value);
  if (!(found?.data instanceof Float32Array)) {
    throw new EngineError(`value "${value}": expected float32, the engine returned another type`);
  }
  return { dims: found.dims, data: found.data };
}

/** Statistics of `values` over all windows. @throws DataError when a value is not finite */
export async function collectStatistics(
  index: GraphIndex,
  values: readonly string[],
  shapes: Shapes,
  open: OpenGraph,
  input: CalibrationInput,
  options: ObserveOptions = {},
): Promise<Map<string, ValueStatistics>> {
  const statistics = new Map(values.map((value) => [value, new ValueStatistics(value)]));
  const groups = groupValues(values, shapes);
  let done = 0;
  for (const group of groups) {
    throwIfAborted(options.signal);
    const runner = await open(partFor(index.graph, group));
    try {
      for (const window of input.windows) {
        throwIfAborted(options.signal);
        const result = await runner.run(window, input.dims);
        for (const value of group) {
          const { data, dims } = floats(result, value);
          statistics.get(value)!.add(data, dims);
        }
        options.onProgress?.(++done, groups.length * input.windows.length);
      }
    } finally {
      await runner.close();
    }
  }
  return statistics;
}

/** How well a value survives in the 8-bit graph, the errors of everything before it included. */
export interface ValueError {
  readonly value: string;
  /** 10 · log₁₀(Σ x² / Σ (x − x̂)²); Infinity where nothing differs. */
  readonly signalToNoiseDb: number;
  readonly maxError: number;
}

/**
 * Compares values of a graph with those of its 8-bit form on the same windows, in execution order.
 *
 * @param nameInQuantized - name of a value in the 8-bit graph, see `roundedName`
 */
export async function compareValues(
  index: GraphIndex,
  quantized: OnnxGraph,
  values: readonly string[],
  nameInQuantized: (value: string) => string,
  open: OpenGraph,
  input: CalibrationInput,
  options: Pick<ObserveOptions, "signal"> = {},
): Promise<ValueError[]> {
  const shapes = await measureShapes(index, values, open, input);
  const errors: ValueError[] = [];
  for (const group of groupValues(values, shapes)) {
    throwIfAborted(options.signal);
    const sums = group.map((value) => ({ value, signal: 0, noise: 0, max: 0 }));
    const exact = await open(partFor(index.graph, group));
    const rounded = await open(partFor(quantized, group.map(nameInQuantized)));
    try {
      for (const window of input.windows) {
        const a = await exact.run(window, input.dims);
        const b = await rounded.run(window, input.dims);
        for (const sum of sums) {
          const x = floats(a, sum.value).data;
          const y = floats(b, nameInQuantized(sum.value)).data;
          for (let i = 0; i < x.length; i++) {
            const difference = x[i]! - y[i]!;
            sum.signal += x[i]! * x[i]!;
            sum.noise += difference * difference;
            sum.max = Math.max(sum.max, Math.abs(difference));
          }
        }
      }
    } finally {
      await exact.close();
      await rounded.close();
    }
    for (const { value, signal, noise, max } of sums) {
      const signalToNoiseDb = noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
      errors.push({ value, signalToNoiseDb, maxError: max });
    }
  }
  return errors;
}
