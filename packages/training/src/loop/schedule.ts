/**
 * What happens in which epoch: learning rates, orders and batches, all functions of the configuration and the seed,
 * so that a run can be resumed anywhere (spec/training.md §5, §8, §10).
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import type { PhaseConfig } from "../config/schema.js";

/** One epoch of a run; epochs are numbered from 1 over all phases. */
export interface EpochPlan {
  readonly epoch: number;
  /** Index into `train.phases`. */
  readonly phase: number;
  readonly lr: number;
  /** Patches per step. */
  readonly batch: number;
  /** The pretrained encoder stands still. */
  readonly freeze: boolean;
  /** First epoch of its phase. */
  readonly startsPhase: boolean;
  /** True in the last phase; only its epochs compete for `best` (§9). */
  readonly lastPhase: boolean;
}

/**
 * The epochs of all phases in order. The rate drops once `lrDropAfter` epochs of a phase have finished (§8).
 *
 * @param batch - patches per step where a phase does not say
 */
export function planEpochs(phases: readonly PhaseConfig[], batch: number): EpochPlan[] {
  const result: EpochPlan[] = [];
  for (const [phase, settings] of phases.entries()) {
    const { epochs, lr, lrDrop, lrDropAfter, lrDecay, lrDecayEvery } = settings;
    for (let i = 0; i < epochs; i++) {
      result.push({
        epoch: result.length + 1,
        phase,
        lr: (i >= lrDropAfter ? lrDrop : lr) * lrDecay ** Math.floor(i / lrDecayEvery),
        batch: settings.batch ?? batch,
        freeze: settings.freeze,
        startsPhase: i === 0,
        lastPhase: phase === phases.length - 1,
      });
    }
  }
  return result;
}

/** Steps of one epoch: full batches only, unless there are fewer samples than one batch holds (§5). */
export function stepsPerEpoch(samples: number, batch: number): number {
  return samples < batch ? Math.min(1, samples) : Math.floor(samples / batch);
}

/** The samples of each batch of one epoch: a fresh permutation per (seed, epoch). */
export function planBatches(seed: number, epoch: number, samples: number, batch: number): Int32Array[] {
  const order = createRandom(seed, "order", epoch).shuffle(Int32Array.from({ length: samples }, (_, i) => i));
  return Array.from({ length: stepsPerEpoch(samples, batch) }, (_, i) =>
    order.slice(i * batch, (i + 1) * batch),
  );
}
