/**
 * ONNX Runtime on Node behind {@link InferenceSession}: the only file that imports onnxruntime-node, on first use.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { EngineError, MissingDependencyError, ModelError, UsageError } from "@renograde/core";
import {
  encodeOnnxModel,
  type ModelMetadata,
  type OnnxModelOptions,
  parseModelMetadata,
  readOnnxMetadata,
} from "@renograde/formats";
import { readFileBytes } from "@renograde/slides/node";
import type * as Runtime from "onnxruntime-node";
import type { GraphOutput, OpenGraph } from "../quantize/calibrate.js";
import type { InferenceSession } from "../session.js";

/** Where the network runs. `webgpu` and `cuda` need a GPU, and ONNX Runtime's provider for it. */
export type OnnxDevice = "cpu" | "webgpu" | "cuda";

/** Devices of `openOnnxModel`, for help texts. */
export const ONNX_DEVICES: readonly OnnxDevice[] = ["cpu", "webgpu", "cuda"];

const DEVICE_NAMES: Readonly<Record<OnnxDevice, string>> = { cpu: "CPU", webgpu: "WebGPU", cuda: "CUDA" };

/** How one session of ONNX Runtime is made. */
export interface LaneOptions {
  readonly device: OnnxDevice;
  /** Threads inside an operator on the CPU. */
  readonly threads: number;
  /** Windows per batch, unless the model fixes it. */
  readonly batch: number;
}

/** A model ready to run, with what its file says. */
export interface LoadedModel {
  readonly path: string;
  readonly metadata: ModelMetadata;
  readonly session: InferenceSession;
}

let loading: Promise<typeof Runtime> | undefined;

function loadRuntime(): Promise<typeof Runtime> {
  loading ??= import("onnxruntime-node").then(
    (runtime) => {
      // Errors arrive as exceptions; the engine's own log would only repeat them on the terminal.
      runtime.env.logLevel = "fatal";
      return runtime;
    },
    (cause: unknown) => {
      loading = undefined;
      throw new MissingDependencyError(
        "onnxruntime-node",
        "onnxruntime-node, which runs the network, cannot be loaded on this machine; run npm install in the folder of Renograde",
        { cause },
      );
    },
  );
  return loading;
}

/** The version of ONNX Runtime, such as `1.30.0`; loads it. @throws MissingDependencyError when it cannot be loaded */
export async function onnxRuntimeVersion(): Promise<string> {
  const { env } = await loadRuntime();
  return env.versions.node ?? env.versions.common;
}

/** First line of an engine's message without the source position and condition that C++ checks put before it. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").replace(/^\/.* was false\. /, "").trim();
}

/** Checks a number of options. @throws UsageError */
export function wholeNumber(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new UsageError(`${name}: expected a whole number from 1 to ${most}, received ${value}`);
  }
  return value;
}

/**
 * Opens a Renograde model in this thread: metadata from the file's own bytes, a session with one batch shape, all graph
 * optimisations, operators one after another. A run blocks the thread.
 *
 * @throws FileAccessError when the file cannot be read
 * @throws FileFormatError when it is no ONNX file or truncated
 * @throws ModelError when it carries no Renograde metadata, or its inputs and outputs are others than they say
 * @throws EngineError when the device is not available
 */
export async function openOnnxLane(path: string, options: LaneOptions): Promise<LoadedModel> {
  const { device, threads, batch } = options;
  const bytes = await readFileBytes(path);
  const metadata = parseModelMetadata(readOnnxMetadata(bytes, path), path);
  const runtime = await loadRuntime();
  let session: Runtime.InferenceSession;
  try {
    session = await runtime.InferenceSession.create(bytes, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      logSeverityLevel: 4,
    });
  } catch (cause) {
    if (device !== "cpu") {
      throw new EngineError(
        `device "${device}" cannot run ${path} (${reason(cause)}); use --device cpu or install its provider for ONNX Runtime`,
        { cause },
      );
    }
    throw new ModelError(path, `ONNX Runtime cannot load the model (${reason(cause)}); export it again`, {
      cause,
    });
  }
  checkNames(session, metadata, path);
  const fixed = checkInput(session, metadata, path);
  const engine = `ONNX Runtime ${await onnxRuntimeVersion()}, ${DEVICE_NAMES[device]}`;
  return { path, metadata, session: wrap(runtime, session, metadata, fixed ?? batch, engine) };
}

function checkNames(session: Runtime.InferenceSession, metadata: ModelMetadata, path: string): void {
  const wanted = [
    ["input", session.inputNames, [metadata.inputName]],
    ["output", session.outputNames, metadata.outputs.map((output) => output.name)],
  ] as const;
  for (const [kind, found, names] of wanted) {
    const missing = names.find((name) => !found.includes(name));
    if (missing !== undefined) {
      throw new ModelError(
        path,
        `its metadata names the ${kind} "${missing}", but the graph has ${found.map((n) => `"${n}"`).join(", ")}; export it again`,
      );
    }
  }
}

/** Checks the input's shape where the graph fixes it; returns a fixed batch size. */
function checkInput(
  session: Runtime.InferenceSession,
  metadata: ModelMetadata,
  path: string,
): number | undefined {
  const input = session.inputMetadata[session.inputNames.indexOf(metadata.inputName)];
  if (!input?.isTensor) return undefined;
  const wanted = [undefined, 3, metadata.window, metadata.window];
  const fits =
    input.type === "float32" &&
    input.shape.length === 4 &&
    input.shape.every((size, i) => typeof size === "string" || size < 1 || (wanted[i] ?? size) === size);
  if (!fits) {
    throw new ModelError(
      path,
      `its input is ${input.type} [${input.shape.join(", ")}], but the metadata needs float32 [N, 3, ${metadata.window}, ${metadata.window}]; export it again`,
    );
  }
  const batch = input.shape[0];
  return typeof batch === "number" && batch > 0 ? batch : undefined;
}

function wrap(
  runtime: typeof Runtime,
  session: Runtime.InferenceSession,
  metadata: ModelMetadata,
  batch: number,
  engine: string,
): InferenceSession {
  const shape = [batch, 3, metadata.window, metadata.window];
  return {
    batch,
    engine,
    async run(input) {
      let result: Runtime.InferenceSession.ReturnType;
      try {
        result = await session.run({ [metadata.inputName]: new runtime.Tensor("float32", input, shape) });
      } catch (cause) {
        throw new EngineError(`ONNX Runtime failed: ${reason(cause)}`, { cause });
      }
      const read = (name: string): Float32Array => {
        const data = result[name]?.data;
        if (!(data instanceof Float32Array)) {
          throw new EngineError(
            `output "${name}": expected float32, received ${result[name]?.type ?? "nothing"}`,
          );
        }
        return data;
      };
      return Object.fromEntries(metadata.outputs.map(({ name }) => [name, read(name)]));
    },
    async close() {
      await session.release();
    },
  };
}

/**
 * Loads graphs on the CPU to look at their inner values (calibration).
 *
 * @param model - versions of the operators the graphs use
 * @param threads - inside an operator, default all that the process may use
 */
export function onnxGraphOpener(model: OnnxModelOptions, threads?: number): OpenGraph {
  const intraOpNumThreads = wholeNumber("threads", threads ?? availableParallelism(), 1024);
  return async (graph) => {
    const runtime = await loadRuntime();
    const inputName = graph.inputs[0]?.name ?? "";
    let session: Runtime.InferenceSession;
    try {
      session = await runtime.InferenceSession.create(encodeOnnxModel(graph, model), {
        executionProviders: ["cpu"],
        intraOpNumThreads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      });
    } catch (cause) {
      throw new EngineError(`ONNX Runtime cannot load a part of the network: ${reason(cause)}`, { cause });
    }
    return {
      async run(input, dims) {
        let result: Runtime.InferenceSession.ReturnType;
        try {
          result = await session.run({ [inputName]: new runtime.Tensor("float32", input, dims) });
        } catch (cause) {
          throw new EngineError(`ONNX Runtime failed: ${reason(cause)}`, { cause });
        }
        const outputs = new Map<string, GraphOutput>();
        for (const [name, { dims: shape, data }] of Object.entries(result)) {
          if (!(data instanceof Float32Array || data instanceof BigInt64Array)) {
            throw new EngineError(`value "${name}": expected float32 or int64, received another type`);
          }
          outputs.set(name, { dims: shape, data });
        }
        return outputs;
      },
      async close() {
        await session.release();
      },
    };
  };
}
