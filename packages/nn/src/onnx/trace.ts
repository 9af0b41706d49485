/**
 * Any function of a backend as an ONNX graph.
 *
 * @module
 */
import type { OnnxGraph, OnnxValue } from "@renograde/formats";
import type { Backend } from "../backend.js";
import type { StateDict } from "../state.js";
import { assembleGraph } from "./assemble.js";
import { foldBatchNorms } from "./fold-batch-norm.js";
import type { OnnxRef } from "./graph.js";
import { OnnxBackend } from "./onnx-backend.js";

/** What a graph is called and how it meets the outside. */
export interface TraceOptions {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  /** Each is a key of the function's result. */
  readonly outputs: readonly OnnxValue[];
  /** Fold batch norms into convolutions, in float64. Default true. */
  readonly foldBatchNorm?: boolean;
}

/**
 * Runs `forward` on the ONNX interpreter and gives the graph it emitted.
 *
 * @param state values of the parameters; they become initialisers
 * @param forward receives the inputs in order
 */
export function traceOnnx(
  options: TraceOptions,
  state: StateDict,
  forward: (F: Backend<OnnxRef>, inputs: readonly OnnxRef[]) => Readonly<Record<string, OnnxRef>>,
): OnnxGraph {
  const F = new OnnxBackend(state);
  const inputs = options.inputs.map((input) => F.input(input.name));
  const draft = F.finish(forward(F, inputs));
  if (options.foldBatchNorm !== false) foldBatchNorms(draft);
  return assembleGraph(options.name, draft, options.inputs, options.outputs);
}
