/**
 * A model on several threads. ONNX Runtime shares the work of one window between threads less well than two windows
 * side by side use them (bench/results/inference-2-threads.md), and its run blocks the thread that calls it; so each
 * lane is a session in a thread of its own, with its own copy of the weights.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { ModelError } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { startWorker, type WorkerHandle } from "@renograde/slides/node";
import type { InferenceSession } from "../session.js";
import type { LaneCalls, LaneModel } from "./onnx-lane-worker.js";
import {
  type LaneOptions,
  type LoadedModel,
  type OnnxDevice,
  openOnnxLane,
  wholeNumber,
} from "./onnx-session.js";

/** Options of {@link openOnnxModel}. */
export interface OnnxOptions {
  /** Default `cpu`. */
  readonly device?: OnnxDevice;
  /** Threads of the CPU in all, default all that the process may use. */
  readonly threads?: number;
  /**
   * Windows at work at the same time, each with an equal share of the threads and its own copy of the weights (1 GB
   * at full width). Default 2 on the CPU where there are two threads, else 1. The result does not depend on it.
   */
  readonly lanes?: number;
  /** Windows per batch, default 1 on the CPU, where more gain nothing, and 8 elsewhere. */
  readonly batch?: number;
}

/**
 * Opens a Renograde model. With one lane the network runs in this thread and blocks it; with more, in workers, of which
 * the first is loaded at once and each further one when there is work for it.
 *
 * @throws UsageError for impossible numbers, and as {@link openOnnxLane} does
 */
export async function openOnnxModel(path: string, options: OnnxOptions = {}): Promise<LoadedModel> {
  const device = options.device ?? "cpu";
  const threads = wholeNumber("threads", options.threads ?? availableParallelism(), 1024);
  const batch = wholeNumber("batch", options.batch ?? (device === "cpu" ? 1 : 8), 1024);
  const most = device === "cpu" ? threads : 1;
  const lanes = wholeNumber("lanes", options.lanes ?? Math.min(2, most), most);
  const lane: LaneOptions = { device, threads: Math.floor(threads / lanes), batch };
  return lanes === 1 ? await openOnnxLane(path, lane) : await openLanes(path, lane, lanes);
}

/** One worker with its session. */
interface Lane {
  readonly worker: WorkerHandle<LaneCalls>;
  readonly opened: Promise<LaneModel>;
  /** Runs it has been given and not answered. */
  runs: number;
}

/** @param expected - what the lanes before have loaded */
function startLane(path: string, options: LaneOptions, expected?: ModelMetadata): Lane {
  const module = new URL("./onnx-lane-worker.js", import.meta.url);
  const worker = startWorker<LaneCalls>(module, "inference", { uninterruptible: true });
  const opened = worker.call("open", { path, options }).then((model) => {
    if (expected && JSON.stringify(model.metadata) !== JSON.stringify(expected)) {
      throw new ModelError(path, "the file was replaced while it was in use; start again");
    }
    return model;
  });
  // Each run that waits for it reports the failure.
  opened.catch(() => {});
  return { worker, opened, runs: 0 };
}

async function openLanes(path: string, options: LaneOptions, count: number): Promise<LoadedModel> {
  const first = startLane(path, options);
  const lanes = [first];
  const close = async (): Promise<void> => {
    await Promise.all(lanes.map(({ worker }) => worker.terminate()));
  };
  let model: LaneModel;
  try {
    model = await first.opened;
  } catch (error) {
    await close();
    throw error;
  }
  const { metadata, batch, engine } = model;
  /** The lane with the least to do; a new one rather than a busy one. */
  const choose = (): Lane => {
    const free = lanes.reduce((a, b) => (b.runs < a.runs ? b : a));
    if (free.runs === 0 || lanes.length === count) return free;
    const lane = startLane(path, options, metadata);
    lanes.push(lane);
    return lane;
  };
  const session: InferenceSession = {
    batch,
    engine,
    parallel: count,
    async run(input, n) {
      const lane = choose();
      lane.runs++;
      try {
        await lane.opened;
        const { buffer } = input;
        return await lane.worker.call(
          "run",
          { batch: input, n },
          buffer instanceof ArrayBuffer ? [buffer] : [],
        );
      } finally {
        lane.runs--;
      }
    },
    close,
  };
  return { path, metadata, session };
}
