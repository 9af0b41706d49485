/**
 * From a float32 model file to an 8-bit one (`renograde export --int8`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { isRenogradeError, ModelError, UsageError } from "@renograde/core";
import {
  decodeOnnxModel,
  encodeModelMetadata,
  encodeOnnxModel,
  type ModelMetadata,
  type OnnxGraph,
  parseModelMetadata,
} from "@renograde/formats";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { type CalibrationInput, compareValues, type ValueError } from "../quantize/calibrate.js";
import type { KeptConvolution, PlanOptions } from "../quantize/plan.js";
import { type QuantizedModel, quantizeOnnxModel } from "../quantize/quantize.js";
import { roundedName } from "../quantize/quantize-graph.js";
import { RANGE_METHODS, type RangeMethod } from "../quantize/ranges.js";
import { type CalibrationSource, cutCalibrationWindows } from "./calibration-windows.js";
import { onnxGraphOpener } from "./onnx-session.js";

/** Options of {@link quantizeModel}. */
export interface QuantizeModelOptions extends PlanOptions {
  /** A float32 model of `renograde export`. */
  readonly modelPath: string;
  /** Images like those the model will grade; eight or more of different slides are advisable. */
  readonly calibration: CalibrationSource;
  /** The file to write; not `modelPath`. */
  readonly outPath: string;
  /** Windows to calibrate on, default 32. */
  readonly windows?: number;
  /** Default `mse`. */
  readonly range?: RangeMethod;
  /** Also measure how far every 8-bit value is off; takes about twice as long. Default false. */
  readonly report?: boolean;
  /** Threads inside an operator, default all that the process may use. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Called after every run of a part of the network with runs done and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What {@link quantizeModel} did. */
export interface QuantizeSummary {
  readonly outPath: string;
  readonly metadata: ModelMetadata;
  /** Convolutions in bytes. */
  readonly convolutions: number;
  /** Convolutions that stay in float32, and why. */
  readonly kept: readonly KeptConvolution[];
  /** Share of the multiplications of all convolutions that is done in bytes, 0 … 1. */
  readonly int8Share: number;
  readonly windows: number;
  readonly images: number;
  /** Sizes of the given file and the one written. */
  readonly bytes: { readonly before: number; readonly after: number };
  /** With `report`: every 8-bit value in execution order, on the calibration windows. */
  readonly errors?: readonly ValueError[];
}

/**
 * Quantises a model: weights and activations of nearly all convolutions to 8 bits, ranges from calibration images.
 * The file keeps name (with `-int8`), classes, post-processing and all other metadata, and is written completely or not
 * at all. Same model, same images, same machine: same bytes.
 *
 * @throws UsageError when outputs would replace the model, nothing was named or an option is impossible
 * @throws ModelError when the model has no metadata, is quantised already or has nothing to quantise
 * @throws FileAccessError, FileFormatError when a file cannot be read or written
 * @throws EngineError when ONNX Runtime refuses, InterruptedError when `signal` is aborted
 */
export async function quantizeModel(options: QuantizeModelOptions): Promise<QuantizeSummary> {
  const { modelPath, outPath, signal } = options;
  if (resolve(modelPath) === resolve(outPath)) {
    throw new UsageError(`${outPath}: the int8 model would replace the float32 one; choose another name`);
  }
  if (options.range !== undefined && !RANGE_METHODS.includes(options.range)) {
    throw new UsageError(`range: expected ${RANGE_METHODS.join(", ")}, received ${String(options.range)}`);
  }
  const bytes = await readFileBytes(modelPath);
  const model = decodeOnnxModel(bytes, modelPath);
  const metadata = parseModelMetadata(model.metadata ?? {}, modelPath);
  if (metadata.outputs.some((output) => output.name === "detections")) {
    throw new UsageError(
      `${modelPath}: int8 is for networks with maps, this one finds objects (${metadata.network}); use the float32 model`,
    );
  }
  const input = await cutCalibrationWindows(options.calibration, metadata, options.windows, signal);
  const open = onnxGraphOpener(model, options.threads);
  let quantized: QuantizedModel;
  try {
    quantized = await quantizeOnnxModel(model, open, input, options);
  } catch (error) {
    if (!isRenogradeError(error, "DataError")) throw error;
    throw new ModelError(modelPath, error.message, { cause: error });
  }
  const { graph } = quantized.model;
  const described = describeInt8(metadata, graph, input.windows.length, input.images);
  const encoded = encodeOnnxModel(graph, {
    ...quantized.model,
    metadata: { ...model.metadata, ...encodeModelMetadata(described) },
  });
  const errors = options.report ? await measureErrors(quantized, options, input) : undefined;
  await writeFileAtomic(outPath, encoded);
  const { plan, index } = quantized;
  const convolutions = index.graph.nodes.filter((node) => node.opType === "Conv").length;
  return {
    outPath,
    metadata: described,
    convolutions: convolutions - plan.kept.length,
    kept: plan.kept,
    int8Share: plan.macs.int8 / plan.macs.total,
    windows: input.windows.length,
    images: input.images,
    bytes: { before: bytes.length, after: encoded.length },
    ...(errors && { errors }),
  };
}

async function measureErrors(
  { model, index, plan }: QuantizedModel,
  options: QuantizeModelOptions,
  input: CalibrationInput,
): Promise<ValueError[]> {
  return await compareValues(
    index,
    model.graph,
    plan.values,
    (value) => roundedName(index, plan, value),
    onnxGraphOpener(model, options.threads),
    input,
    options,
  );
}

/** The metadata of the 8-bit model: another name, another parameter hash, and how it came about. */
function describeInt8(
  metadata: ModelMetadata,
  graph: OnnxGraph,
  windows: number,
  images: number,
): ModelMetadata {
  const { training } = metadata;
  const hash = createHash("sha256");
  for (const { name, dims, data } of graph.initializers) {
    hash.update(`${name} [${dims.join()}]\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const note = `Quantised to int8 with ranges from ${windows} windows of ${images} ${images === 1 ? "image" : "images"}.`;
  return {
    ...metadata,
    name: `${metadata.name}-int8`,
    precision: "int8",
    training: {
      ...training,
      data: `${training.data} ${note}`,
      scoresOn: training.scoresOn && `${training.scoresOn}; measured before quantisation to int8`,
    },
    parameterHash: hash.digest("hex"),
  };
}
