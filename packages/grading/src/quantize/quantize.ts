/**
 * Static 8-bit quantisation of a model in memory: plan, observe, rewrite.
 *
 * @module
 */
import { DataError, throwIfAborted } from "@renograde/core";
import type { OnnxModel } from "@renograde/formats";
import {
  type CalibrationInput,
  collectStatistics,
  measureShapes,
  type ObserveOptions,
  type OpenGraph,
} from "./calibrate.js";
import { type GraphIndex, indexGraph } from "./graph-index.js";
import { unpackHalfWeights } from "./half-weights.js";
import { type PlanOptions, planQuantization, type QuantizationPlan } from "./plan.js";
import { quantizeGraph } from "./quantize-graph.js";
import type { RangeMethod } from "./ranges.js";

/** Options of {@link quantizeOnnxModel}. */
export interface QuantizeOptions extends PlanOptions, ObserveOptions {
  /** Default {@link DEFAULT_RANGE_METHOD}. */
  readonly range?: RangeMethod;
}

/** The method ranges are chosen with unless told otherwise. */
export const DEFAULT_RANGE_METHOD: RangeMethod = "mse";

/** A quantised model and how it came about. */
export interface QuantizedModel {
  /** The model with the 8-bit graph; its metadata are still those of the float model. */
  readonly model: OnnxModel;
  readonly index: GraphIndex;
  readonly plan: QuantizationPlan;
}

/** Opset from which scales may differ from channel to channel. */
const MIN_OPSET = 13;

/**
 * Quantises a float32 model: convolutions and what lies between them to bytes, the rest as it was; weights stored as
 * float16 are taken as float32.
 * Same model, same windows, same engine: same graph.
 *
 * @throws DataError when nothing can be quantised, the opset is too old, there are no windows or a value is not finite
 * @throws EngineError when the engine refuses, InterruptedError when `signal` is aborted
 */
export async function quantizeOnnxModel(
  model: OnnxModel,
  open: OpenGraph,
  input: CalibrationInput,
  options: QuantizeOptions = {},
): Promise<QuantizedModel> {
  const { opset } = model;
  const graph = unpackHalfWeights(model.graph);
  if (opset < MIN_OPSET) {
    throw new DataError(`graph '${graph.name}' has opset ${opset}; quantisation needs ${MIN_OPSET} or later`);
  }
  if (graph.nodes.some((node) => node.opType === "QuantizeLinear" || node.opType === "QLinearConv")) {
    throw new DataError(`graph '${graph.name}' is quantised already; start from the float32 model`);
  }
  if (input.windows.length === 0) throw new DataError("calibration needs at least one window, received none");
  const index = indexGraph(graph);
  const ends = graph.nodes
    .filter((node) => node.opType === "Conv")
    .flatMap((node) => [node.inputs[0]!, node.outputs[0]!]);
  if (ends.length === 0) {
    throw new DataError(`graph '${graph.name}' holds no convolution, so there is nothing to quantise`);
  }
  throwIfAborted(options.signal);
  const endShapes = await measureShapes(index, [...new Set(ends)], open, input);
  const plan = planQuantization(index, endShapes, options);
  if (plan.macs.int8 === 0) {
    const reasons = plan.kept.map(({ name, reason }) => `${name} ${reason}`).join("; ");
    throw new DataError(`graph '${graph.name}' holds no convolution that can be quantised: ${reasons}`);
  }
  const shapes = await measureShapes(index, plan.values, open, input);
  const statistics = await collectStatistics(index, plan.values, shapes, open, input, options);
  const quantized = quantizeGraph(index, plan, statistics, options.range ?? DEFAULT_RANGE_METHOD);
  return { model: { ...model, graph: quantized }, index, plan };
}
