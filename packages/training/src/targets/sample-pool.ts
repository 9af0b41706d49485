/**
 * Threads that prepare images and make samples, or the main thread in their place (`train.workers`).
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { startWorker, type WorkerHandle } from "@renograde/slides/node";
import type { Dataset } from "../datasets/dataset.js";
import { createSampleMaker, type SampleMaker, type SampleOptions } from "./sample-maker.js";
import type { SampleCalls } from "./sample-worker.js";

/** A {@link SampleMaker} that spreads its calls over threads. */
export interface SamplePool extends SampleMaker {
  /** Threads; 0 = the main thread does the work. */
  readonly workers: number;
  /** Ends the threads at once; calls that are still waiting fail with InterruptedError. */
  close(): Promise<void>;
}

/** `train.workers` resolved: null is one thread less than the machine has, but at least one. */
export function sampleWorkers(workers: number | null): number {
  return workers ?? Math.max(1, availableParallelism() - 1);
}

/** Starts `workers` threads for a dataset opened with `options.data.classMap`; 0 starts none. */
export function openSamplePool(dataset: Dataset, options: SampleOptions, workers: number): SamplePool {
  if (workers === 0) {
    return { workers, ...createSampleMaker(dataset, options), close: () => Promise.resolve() };
  }
  const setup = {
    root: dataset.root,
    imagePaths: dataset.entries.map((entry) => entry.imagePath),
    options: { data: options.data, aug: options.aug },
  };
  const threads = Array.from({ length: workers }, () => {
    const handle = startWorker<SampleCalls>(new URL("./sample-worker.js", import.meta.url), "sample");
    // A thread that cannot start fails the calls that follow with the same error.
    handle.call("open", setup).catch(() => undefined);
    return { handle, calls: 0 };
  });

  /** Hands work to the thread with the fewest calls under way. */
  async function hand<Result>(work: (handle: WorkerHandle<SampleCalls>) => Promise<Result>): Promise<Result> {
    const thread = threads.reduce((least, next) => (next.calls < least.calls ? next : least));
    thread.calls++;
    try {
      return await work(thread.handle);
    } finally {
      thread.calls--;
    }
  }

  return {
    workers,
    prepare: (index) => hand((handle) => handle.call("prepare", index)),
    write: (task) => hand((handle) => handle.call("write", task)),
    async close() {
      await Promise.all(threads.map(({ handle }) => handle.terminate()));
    },
  };
}
