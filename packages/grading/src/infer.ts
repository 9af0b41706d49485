/**
 * From an image to the network's maps: windows in batches of one shape, kept centres stitched
 * (spec/postprocessing.md §1).
 *
 * @module
 */
import { DataError, EngineError, type NetworkMaps, type RgbImage, ShapeError } from "@renograde/core";
import type { ModelMetadata, ModelOutput } from "@renograde/formats";
import { inferDetections } from "./infer-detections.js";
import { runWindows } from "./run-windows.js";
import type { InferenceSession } from "./session.js";
import { createMaps, type Flip, NO_FLIP, planWindows, stitchWindow } from "./window-plan.js";

/** Options of {@link inferMaps}, all off by default. */
export interface InferOptions {
  /** `infer.step`: side of the kept centre, a multiple of 4; default the model's, 200. */
  readonly step?: number;
  /** `infer.flipTTA`: mean over the image and its three mirror images; four times the time; not in the paper. */
  readonly flipTTA?: boolean;
  readonly signal?: AbortSignal;
  /** Called after every batch with windows done and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called once, when the session has all windows while it still works on the last ones: time for the next image. */
  readonly onSubmitted?: () => void;
}

/** The network's maps of one image. */
export interface InferredMaps {
  /** `[channels, H, W]`, channels as `mapChannels` of the model's outputs lists them. */
  readonly maps: NetworkMaps;
  /** Both task softmaxes, `[channels, ⌈H/2⌉, ⌈W/2⌉]` at stride 2, where the model has them. */
  readonly tasks?: NetworkMaps;
}

const FLIPS: readonly Flip[] = [NO_FLIP, { x: true, y: false }, { x: false, y: true }, { x: true, y: true }];

/** The output called `name`, if the model has it. */
export function findOutput(metadata: ModelMetadata, name: ModelOutput["name"]): ModelOutput | undefined {
  return metadata.outputs.find((output) => output.name === name);
}

/** Size of one window's values of an output. */
function windowValues(metadata: ModelMetadata, output: ModelOutput): number {
  return output.channels.length * (metadata.output / output.stride) ** 2;
}

/** −1 for the channels whose values change sign in a mirrored image: offsets along a mirrored axis. */
function mirrorSigns(output: ModelOutput, flip: Flip): number[] {
  return output.channels.map((channel) => (channel.kind === "offset" && flip[channel.axis] ? -1 : 1));
}

/** @throws EngineError when an output is shorter than the batch, DataError when it holds NaN or infinity */
function checkOutput(name: string, data: Float32Array | undefined, perWindow: number, n: number): void {
  const length = data?.length ?? 0;
  if (data === undefined || length < n * perWindow) {
    throw new EngineError(
      `output "${name}": expected ${n * perWindow} values for ${n} windows as the model's metadata says, received ${length}`,
    );
  }
  for (let i = 0; i < n * perWindow; i++) {
    if (!Number.isFinite(data[i]!)) {
      throw new DataError(
        `output "${name}": the network returned ${data[i]} instead of a number; the model file is damaged or was exported wrongly`,
      );
    }
  }
}

/**
 * Runs the network over an image of any size from 1 × 1, at the model's pixel size.
 *
 * @throws EngineError when the engine refuses, DataError when it returns NaN, ShapeError when `step` is
 *   impossible, InterruptedError when `signal` is aborted
 */
export async function inferMaps(
  image: RgbImage,
  session: InferenceSession,
  metadata: ModelMetadata,
  options: InferOptions = {},
): Promise<InferredMaps> {
  if (image.data.length !== image.width * image.height * 3) {
    throw new ShapeError(
      `image: ${image.width} x ${image.height} RGB needs ${image.width * image.height * 3} bytes, received ${image.data.length}`,
    );
  }
  const detections = findOutput(metadata, "detections");
  if (detections) return { maps: await inferDetections(image, session, metadata, detections, options) };
  const plan = planWindows(image.width, image.height, metadata, options.step);
  const mapsOutput = findOutput(metadata, "maps");
  if (!mapsOutput) throw new DataError(`model "${metadata.name}" lists no output "maps"`);
  const tasksOutput = findOutput(metadata, "tasks");
  const maps = createMaps(plan, mapsOutput.channels.length, mapsOutput.stride);
  const tasks = tasksOutput && createMaps(plan, tasksOutput.channels.length, tasksOutput.stride);
  const flips = options.flipTTA ? FLIPS : [NO_FLIP];
  const { inputScale } = metadata;
  await runWindows({ ...options, image, plan, session, inputScale, flips }, ({ windows, output: result }) => {
    for (const [output, into, data] of [
      [mapsOutput, maps, result.maps],
      [tasksOutput, tasks, result.tasks],
    ] as const) {
      if (!output || !into) continue;
      const values = windowValues(metadata, output);
      checkOutput(output.name, data, values, windows.length);
      for (const [i, { index, flip }] of windows.entries()) {
        const weights = mirrorSigns(output, flip).map((sign) => sign / flips.length);
        stitchWindow(into, plan, index, output.stride, data!, i * values, weights, flip);
      }
    }
  });
  return tasks ? { maps, tasks } : { maps };
}
