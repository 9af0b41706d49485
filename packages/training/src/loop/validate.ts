/**
 * Validation of a network on a set of patches (spec/training.md §9).
 *
 * @module
 */
import { throwIfAborted } from "@renograde/core";
import { createBatch } from "../targets/batch.js";
import type { PatchSource } from "../targets/patch-source.js";
import type { TrainingEngine } from "./engine.js";
import { createScoreKeeper, type ValidationScores } from "./scores.js";

/**
 * Scores the network, with running statistics, on the plain centres of all patches of `source`.
 *
 * @throws InterruptedError when `signal` is aborted
 */
export async function validate(
  engine: TrainingEngine,
  source: PatchSource,
  options: {
    readonly crop: number;
    readonly batch: number;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: (done: number, total: number) => void;
  },
): Promise<ValidationScores> {
  const batch = createBatch(Math.min(options.batch, source.length), options.crop);
  const classCount = engine.network.options.classes.classes.length;
  const keeper = createScoreKeeper(classCount, batch.output, engine.hasDistance);
  for (let at = 0; at < source.length; at += batch.size) {
    throwIfAborted(options.signal);
    const samples = Array.from({ length: Math.min(batch.size, source.length - at) }, (_, i) => at + i);
    await source.fill(batch, samples, null);
    keeper.add(engine.predict(batch, samples.length), batch.classes, batch.distance, samples.length);
    options.onProgress?.(at + samples.length, source.length);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return keeper.scores();
}
