/**
 * Batches in the order they are wanted, filled ahead of their use so that the device does not wait.
 *
 * @module
 */
import { type Batch, createBatch, type SamplePlan } from "./batch.js";
import type { PatchSource } from "./patch-source.js";
import type { Variation } from "./sample-maker.js";

/** Samples of one batch. */
export interface BatchRequest {
  /** Numbers of patches; at most as many as a batch has room for. */
  readonly samples: Int32Array;
  readonly variation: Variation;
}

/** A filled batch. */
export interface FedBatch extends BatchRequest {
  /** Its first places hold the samples. Filled anew after the next call of {@link BatchFeed.next}. */
  readonly batch: Batch;
  /** Time the caller waited for it, ms. */
  readonly waitMs: number;
}

/** A sequence of filled batches. */
export interface BatchFeed {
  /**
   * The next batch.
   * @throws the error of a sample of this batch, such as an image that cannot be read
   * @throws RangeError after the last batch
   */
  next(): Promise<FedBatch>;
}

/**
 * Starts a feed.
 *
 * @param size - samples a batch has room for
 */
export function feedBatches(
  source: PatchSource,
  requests: Iterable<BatchRequest>,
  size: number,
  plan: SamplePlan,
): BatchFeed {
  const coming = requests[Symbol.iterator]();
  const free = Array.from({ length: source.ahead + 1 }, () => createBatch(size, plan));
  const queue: { readonly request: BatchRequest; readonly batch: Batch; readonly filled: Promise<void> }[] =
    [];
  let inUse: Batch | undefined;

  function fillFree(): void {
    while (free.length > 0) {
      const next = coming.next();
      if (next.done) return;
      const batch = free.pop()!;
      const filled = source.fill(batch, next.value.samples, next.value.variation);
      // Reported when its turn comes; never, when the feed is given up before.
      filled.catch(() => undefined);
      queue.push({ request: next.value, batch, filled });
    }
  }

  return {
    async next() {
      if (inUse) free.push(inUse);
      inUse = undefined;
      const startedMs = performance.now();
      fillFree();
      const first = queue.shift();
      if (!first) throw new RangeError("there are no further batches");
      await first.filled;
      inUse = first.batch;
      return { ...first.request, batch: first.batch, waitMs: performance.now() - startedMs };
    },
  };
}
