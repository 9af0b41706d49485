/**
 * Network and weights to a self-describing ONNX file.
 *
 * @module
 */
import { UsageError } from "@renograde/core";
import {
  detectionColumns,
  encodeOnnxModel,
  type ModelMetadata,
  type OnnxGraph,
  type OnnxValue,
} from "@renograde/formats";
import { ONNX_OPSET } from "../backend.js";
import type { Rewrite } from "../layers/up-conv.js";
import type { Network } from "../networks/network.js";
import { createNetwork } from "../networks/registry.js";
import { declareParameters } from "../shape/summary.js";
import { checkState, type StateDict } from "../state.js";
import { storeWeightsAsHalf } from "./half-weights.js";
import { traceOnnx } from "./trace.js";

/** Name of the graph's input. */
export const ONNX_INPUT_NAME = "image";

/** How a network is written. */
export interface ExportOptions {
  /** Exact rewrites of the graph. Default {@link DEFAULT_EXPORT_REWRITE}. */
  readonly rewrite?: Rewrite;
  /** Fold batch norms into convolutions, in float64. Default true. */
  readonly foldBatchNorm?: boolean;
  /** Element type weights are stored in; computation is float32 either way. Default float32. */
  readonly weights?: "float32" | "float16";
}

/** The rewrite exported graphs use unless told otherwise: the fastest in ONNX Runtime (bench/results/onnx-rewrites.md). */
export const DEFAULT_EXPORT_REWRITE: Rewrite = "full";

/**
 * The network's inference graph: input `image` `[N, 3, H, W]` float32 in 0…1, outputs `maps` and, where the network
 * has tasks, `tasks`; batch, height and width are free. A network of detections takes one image at a time and gives
 * `detections` `[D, columns]`.
 *
 * @throws DataError when the state does not fit the network
 */
export function buildOnnxGraph(network: Network, state: StateDict, options: ExportOptions = {}): OnnxGraph {
  const rewrite = options.rewrite ?? DEFAULT_EXPORT_REWRITE;
  const exported = createNetwork(network.name, { ...network.options, rewrite });
  checkState(declareParameters(exported), state);
  const batch = exported.detect ? 1 : "N";
  const image: OnnxValue = { name: ONNX_INPUT_NAME, dtype: "float32", dims: [batch, 3, "H", "W"] };
  const outputs = exported.outputs.map(
    (output): OnnxValue => ({
      name: output.name,
      dtype: "float32",
      dims:
        output.name === "detections"
          ? ["D", detectionColumns(output.channels)]
          : ["N", output.channels.length, `${output.name}H`, `${output.name}W`],
    }),
  );
  const { foldBatchNorm = true } = options;
  const graph = traceOnnx(
    { name: network.name, inputs: [image], outputs, foldBatchNorm },
    state,
    (F, [x]) => {
      if (exported.detect) return { detections: exported.detect(F, x!) };
      const { maps, tasks } = exported.infer(F, x!);
      return tasks === undefined ? { maps } : { maps, tasks };
    },
  );
  return options.weights === "float16" ? storeWeightsAsHalf(graph) : graph;
}

/**
 * Writes the ONNX file of a network: {@link buildOnnxGraph} with the metadata as JSON under the key `renograde`.
 *
 * @param metadata see {@link describeModel}
 * @throws DataError when the state does not fit the network; UsageError when the metadata describe another one
 * @example
 * const bytes = exportOnnx(network, {}, state, describeModel(network, state, about));
 */
export function exportOnnx(
  network: Network,
  options: ExportOptions,
  state: StateDict,
  metadata: ModelMetadata,
): Uint8Array {
  const { preset, width, classes } = network.options;
  const expected = { network: network.name, preset, width, inputName: ONNX_INPUT_NAME };
  for (const [key, value] of Object.entries(expected)) {
    const received = metadata[key as keyof typeof expected];
    if (received !== value) {
      throw new UsageError(`metadata.${key}: expected ${value} as the network has it, received ${received}`);
    }
  }
  if (JSON.stringify(metadata.classes) !== JSON.stringify(classes)) {
    throw new UsageError(
      `metadata.classes: expected the network's scheme "${classes.name}", received "${metadata.classes.name}" or other classes`,
    );
  }
  return encodeOnnxModel(buildOnnxGraph(network, state, options), {
    opset: ONNX_OPSET,
    producer: { name: "renograde", version: metadata.renogradeVersion },
    metadata: { renograde: JSON.stringify(metadata) },
  });
}
