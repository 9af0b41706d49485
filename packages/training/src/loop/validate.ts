/**
 * Validation of a network on a set of patches (spec/training.md §9).
 *
 * @module
 */
import { DataError, type PostOptions, throwIfAborted } from "@renograde/core";
import type { PatchKeeper } from "../run-page/patch-pictures.js";
import { batchClasses, samplePlan } from "../targets/batch.js";
import { type BatchRequest, feedBatches } from "../targets/batch-feed.js";
import type { PatchSource } from "../targets/patch-source.js";
import type { TrainingEngine } from "./engine.js";
import { createQualityKeeper } from "./quality.js";
import { createScoreKeeper, distanceTarget, mapLayout, type ValidationScores } from "./scores.js";

/** The network gives NaN where it is to be scored: its weights are of no use. */
export class DivergedError extends DataError {}

/** All patches in batches of `size`, without variation. */
function* requestsInOrder(length: number, size: number): Generator<BatchRequest> {
  for (let at = 0; at < length; at += size) {
    const samples = Int32Array.from({ length: Math.min(size, length - at) }, (_, i) => at + i);
    yield { samples, variation: null };
  }
}

/**
 * Scores the network, with running statistics, on the plain centres of all patches of `source`.
 *
 * @throws InterruptedError when `signal` is aborted
 * @throws DivergedError naming the patch where the network gives NaN
 */
export async function validate(
  engine: TrainingEngine,
  source: PatchSource,
  options: {
    readonly data: { readonly crop: number; readonly erodeBoundary: number };
    readonly batch: number;
    /** Post-process every patch with these constants and measure PQ. */
    readonly quality?: PostOptions | undefined;
    /** Collects patches to be shown. */
    readonly patches?: PatchKeeper | null;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: (done: number, total: number) => void;
  },
): Promise<ValidationScores> {
  const plan = samplePlan(engine.network, options.data);
  const size = Math.min(options.batch, source.length);
  const feed = feedBatches(source, requestsInOrder(source.length, size), size, plan);
  const keeper = createScoreKeeper(mapLayout(engine.network), plan.output);
  const target = distanceTarget(engine.network);
  const quality = options.quality && createQualityKeeper(engine.network, options.quality, plan.output);
  for (let done = 0; done < source.length; ) {
    throwIfAborted(options.signal);
    const { batch, samples } = await feed.next();
    const classes = batchClasses(batch);
    const distance = (target && batch.targets.get(target)) ?? [];
    const maps = engine.predict(batch, samples.length);
    const wrong = maps.findIndex(Number.isNaN);
    if (wrong >= 0) {
      const patch = source.describe(samples[Math.floor((wrong * samples.length) / maps.length)]!);
      throw new DivergedError(`the network gives NaN on ${patch}: training has diverged`);
    }
    const dice = keeper.add(maps, classes, distance, samples.length);
    const pq = quality?.add(maps, batch.instances, classes, samples.length) ?? null;
    options.patches?.add(batch, maps, samples, { dice, pq });
    done += samples.length;
    options.onProgress?.(done, source.length);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return quality ? { ...keeper.scores(), quality: quality.scores() } : keeper.scores();
}
