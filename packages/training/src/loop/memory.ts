/**
 * Running out of memory: how much a step needs, the batch that fits, and the sentence that says so.
 *
 * On the CPU the need is a straight line through the measured peaks of passes with one and two patches: trying passes
 * that nearly fill a machine would get this or another process killed. The memory of a GPU is not counted here: there
 * the answer is searched for by trying.
 *
 * @module
 */
import { EngineError } from "@renograde/core";
import { activationCount, NOT_FROZEN } from "@renograde/nn";
import {
  availableMainMemory,
  memoryStats,
  OutOfMemoryError,
  type ProcessPlace,
  setMemoryBound,
} from "@renograde/torch";
import type { TrainConfig } from "../config/schema.js";
import type { Batch } from "../targets/batch.js";
import { partSize, type StepPlan, type TrainingEngine } from "./engine.js";

/** Main memory of a pass, bytes: `fixed + perPatch · patches`. */
interface MemoryNeed {
  readonly fixed: number;
  readonly perPatch: number;
}

/** Part of the memory that is left for everything but tensors: images read ahead, pictures, the page of the run. */
const RESERVE = 0.1;
/** Passes need up to about this many times what {@link activationCount} says; below it nothing is measured. */
const CAUTION = 3;

/**
 * Bounds the main memory of tensors by `train.memoryLimitGiB` and by what is free now, of which each process of this
 * machine gets its share. Called before every step, for others take memory too; what this process holds stays its own.
 */
export function boundMemory(config: TrainConfig, place: ProcessPlace | null | undefined): void {
  const { allocated, cached } = memoryStats();
  // `--processes` starts all of them here; who starts processes otherwise has one machine for each, or sets a limit.
  const sharers = place?.address === "127.0.0.1" ? place.size : 1;
  const free = allocated + cached + (availableMainMemory() * (1 - RESERVE)) / sharers;
  const limit = config.train.memoryLimitGiB ?? Number.POSITIVE_INFINITY;
  setMemoryBound(Math.min(free, limit * 2 ** 30));
}

/** Largest number of patches up to `top` that a pass succeeds with; 0 when not even one. */
function largestFitting(fits: (patches: number) => boolean, top: number): number {
  let [low, high] = [0, top + 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** One digit after the point below ten, none above. */
function inUnits(bytes: number): string {
  const [value, unit] = bytes < 2 ** 30 ? [bytes / 2 ** 20, "MiB"] : [bytes / 2 ** 30, "GiB"];
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

const count = (n: number): string => `${n} patch${n === 1 ? "" : "es"}`;

/** Options with which no pass takes more than `fits` patches of this process' share of a batch. */
function remedy(config: TrainConfig, fits: number, processes: number, mayResume: boolean): string {
  const { batch, phases } = config.train;
  const batches = phases.map((phase) => phase.batch ?? batch);
  const largest = Math.max(...batches);
  const atMost = fits * processes;
  const smaller = batches.every((size) => size === batch)
    ? `train.batch ${atMost}`
    : `batches of at most ${atMost} in train.phases`;
  const perPass = (parts: number): number => Math.ceil(Math.ceil(largest / processes) / parts);
  let parts = config.train.accumulate;
  while (batches.some((size) => size % parts !== 0) || perPass(parts) > fits) {
    parts++;
    if (parts > largest) return `set ${smaller}`;
  }
  return mayResume
    ? `go on with --resume --set train.accumulate=${parts}`
    : `set train.accumulate ${parts} (the same batch in parts), or ${smaller}`;
}

/** Where memory ran out, for the sentence. */
export interface Shortage {
  readonly config: TrainConfig;
  readonly engine: TrainingEngine;
  readonly batch: Batch;
  /** Patches of the pass that does not fit. */
  readonly patches: number;
  readonly plan: StepPlan;
  /** Number of processes that share a batch. */
  readonly processes: number;
  /** A checkpoint was written, so the run can go on. */
  readonly saved: boolean;
  readonly cause?: OutOfMemoryError | undefined;
}

/** Whether a pass of `patches` patches fits; nothing changes. */
function rehearsal({ engine, batch, plan }: Shortage): (patches: number) => boolean {
  return (patches) => {
    try {
      engine.rehearse(batch, patches, plan);
      return true;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return false;
      throw error;
    }
  };
}

/** Measured on one and two patches. @throws OutOfMemoryError when they do not fit */
function measureNeed({ engine, batch, plan }: Pick<Shortage, "engine" | "batch" | "plan">): MemoryNeed {
  const one = engine.rehearse(batch, 1, plan);
  const two = engine.rehearse(batch, 2, plan);
  const perPatch = Math.max(two - one, 1);
  return { perPatch, fixed: Math.max(0, one - perPatch) + memoryStats().allocated };
}

/**
 * The error of a step that does not fit: what ran out, what is needed, what is there, and what fits.
 *
 * @param measured - the need, where it is known
 */
export function shortageError(shortage: Shortage, measured: MemoryNeed | null = null): EngineError {
  const { config, patches, plan, processes, saved, cause } = shortage;
  const onGpu = config.train.device.startsWith("cuda");
  const { bound } = memoryStats();
  let need = measured;
  if (need === null && !onGpu && patches > 1) {
    try {
      need = measureNeed(shortage);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }
  const wanted = need === null ? null : need.fixed + need.perPatch * patches;
  // Where there should be room, a limit is in force that is not known here, such as that of ulimit.
  const isKnown = wanted === null || wanted > bound;
  const room = need === null ? 0 : Math.floor((bound - need.fixed) / need.perPatch);
  // Where measuring failed, two patches are too much.
  const most = need === null && !onGpu ? Math.min(1, patches - 1) : patches - 1;
  const fits = need !== null && isKnown ? Math.max(0, room) : largestFitting(rehearsal(shortage), most);
  const total = /total capacity(?: of)? ([\d.]+ [GM]iB)/i.exec(cause?.message ?? "")?.[1];
  const there = onGpu ? total : isKnown ? inUnits(bound) : undefined;
  const numbers = [
    wanted === null ? `${patches === 1 ? "is" : "are"} too much` : `need about ${inUnits(wanted)}`,
    ...(there === undefined ? [] : [`${there} are there`]),
  ];
  const what = onGpu ? `the memory of ${config.train.device}` : "main memory";
  const cure =
    fits === 0
      ? "not even one fits: use a smaller net.width or data.crop, or a machine with more memory"
      : `${count(fits)} at once fit${fits === 1 ? "s" : ""}: ${remedy(config, fits, processes, saved)}`;
  return new EngineError(
    `${what} is not enough${cause === undefined ? "" : ` at step ${plan.step + 1}`}: ${count(patches)} at once ${numbers.join(", ")}; ${cure}`,
    { cause },
  );
}

/**
 * Tells before the first step whether the largest step of a run will fit into main memory, instead of hours later.
 * Measures only where that is in doubt, and a GPU never.
 *
 * @param batch - a filled batch of the run
 * @returns the error to stop with, or null
 */
export function foreseeShortage(shortage: Omit<Shortage, "patches" | "cause">): EngineError | null {
  const { config, engine, batch, processes } = shortage;
  if (config.train.device.startsWith("cuda")) return null;
  const { batch: usual, phases } = config.train;
  const largest = Math.max(...phases.map((phase) => phase.batch ?? usual));
  const patches = Math.min(partSize(Math.ceil(largest / processes), config.train), batch.size);
  const perPatch = 4 * activationCount(engine.network, batch.plan.crop);
  const { allocated, bound } = memoryStats();
  const moments = engine.momentsToCome();
  // Gradients take half of what both moments take.
  if (allocated + 1.5 * moments + CAUTION * perPatch * patches <= bound || patches <= 2) return null;
  const plan = {
    ...shortage.plan,
    freeze: phases.every((phase) => phase.freeze) ? shortage.plan.freeze : NOT_FROZEN,
  };
  const asked = { ...shortage, plan, patches };
  try {
    const need = measureNeed(asked);
    return need.fixed + need.perPatch * patches <= bound ? null : shortageError(asked, need);
  } catch (error) {
    if (error instanceof OutOfMemoryError) return shortageError(asked);
    throw error;
  }
}
