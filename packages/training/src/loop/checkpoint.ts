/**
 * Checkpoints: one safetensors file with parameters, buffers and optimiser, whose metadata hold the state of the run
 * as JSON; a readable copy of that JSON lies beside it. The safetensors file alone is complete and is replaced
 * atomically, so a kill at any moment leaves a usable one.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { DataError, FileFormatError } from "@renograde/core";
import {
  parseSafetensors,
  type Safetensor,
  type SafetensorSource,
  safetensorsChunks,
} from "@renograde/formats";
import type { StateDict, StateTensor } from "@renograde/nn";
import { readFileBytes, writeChunksAtomic, writeFileAtomic } from "@renograde/slides/node";
import type { AdamState } from "@renograde/torch";
import { z } from "zod";

const count = z.int().min(0);

/** Where a run stands. */
const runStateSchema = z.strictObject({
  format: z.literal(1),
  /** Steps taken in all. */
  step: count,
  /** Epochs finished, and steps finished of the one under way; with the seed they fix every random choice. */
  epoch: count,
  stepInEpoch: count,
  seed: count,
  /** Sums over the steps of the epoch under way, for its mean losses. */
  lossSums: z.record(z.string(), z.number()),
  /** Best validation so far. */
  best: z.strictObject({ name: z.string(), value: z.number(), epoch: count }).nullable(),
  /** Scores of the latest validation. */
  scores: z.record(z.string(), z.number()),
  /** SHA-256 of the configuration's options that decide the result, and of the data. */
  configHash: z.string(),
  dataFingerprint: z.string(),
  renogradeVersion: z.string(),
  /** Adam's counter of every tensor that has one. */
  adamSteps: z.record(z.string(), count),
});

/** State of a run as its checkpoints hold it. */
export type RunState = z.output<typeof runStateSchema>;

/** Everything a checkpoint holds. */
export interface Checkpoint {
  readonly run: RunState;
  readonly network: StateDict;
  readonly adam: AdamState;
}

const FIRST = "adam.m:";
const SECOND = "adam.v:";
const KEY = "renograde.run";

function source(value: StateTensor): SafetensorSource {
  return { dtype: value.data instanceof Float32Array ? "F32" : "F64", shape: value.shape, data: value.data };
}

/**
 * Writes `<path>.safetensors` and `<path>.json`, each atomically.
 *
 * @param path - without extension
 * @throws FileAccessError when the disk is full or the folder cannot be written
 */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { network, adam, run } = checkpoint;
  const tensors = new Map<string, SafetensorSource>();
  for (const [name, value] of network) tensors.set(name, source(value));
  for (const [name, value] of adam.first) tensors.set(FIRST + name, source(value));
  for (const [name, value] of adam.second) tensors.set(SECOND + name, source(value));
  const metadata: [string, string][] = [[KEY, JSON.stringify(run)]];
  await writeChunksAtomic(`${path}.safetensors`, safetensorsChunks(tensors, metadata));
  const { adamSteps: _, ...readable } = run;
  await writeFileAtomic(`${path}.json`, `${JSON.stringify(readable, null, 2)}\n`);
}

/** Name of the first tensor that holds NaN or infinity, or null. */
export function firstNotFinite(network: StateDict): string | null {
  for (const [name, { data }] of network) {
    // 0 as long as all are finite, else NaN: much faster than a call for each of the millions of values.
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i]! - data[i]!;
    if (sum !== 0) return name;
  }
  return null;
}

/** Whether a checkpoint was written at `path` (without extension). */
export function hasCheckpoint(path: string): boolean {
  return existsSync(`${path}.safetensors`);
}

function toState(
  tensors: readonly (readonly [string, Safetensor])[],
  file: string,
): Map<string, StateTensor> {
  return new Map(
    tensors.map(([name, { data, shape }]) => {
      if (!(data instanceof Float32Array) && !(data instanceof Float64Array)) {
        throw new FileFormatError(file, "checkpoint", `tensor "${name}" is not floating point`);
      }
      return [name, { shape, data }];
    }),
  );
}

/**
 * Reads a checkpoint.
 *
 * @param path - without extension
 * @throws FileAccessError when there is none; FileFormatError when the file is damaged or no checkpoint
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = `${path}.safetensors`;
  const { tensors, metadata } = parseSafetensors(await readFileBytes(file), file);
  const text = metadata.get(KEY);
  if (text === undefined) {
    throw new FileFormatError(file, "checkpoint", "holds weights but no state of a run; it is no checkpoint");
  }
  const parsed = runStateSchema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join(".") ?? "";
    throw new FileFormatError(file, "checkpoint", `the state of the run is damaged at "${where}"`);
  }
  const entries = [...tensors];
  const moments = (prefix: string) =>
    toState(
      entries.filter(([name]) => name.startsWith(prefix)).map(([name, t]) => [name.slice(prefix.length), t]),
      file,
    );
  const steps = new Map(Object.entries(parsed.data.adamSteps));
  const first = moments(FIRST);
  const second = moments(SECOND);
  if (first.size !== steps.size || second.size !== steps.size) {
    throw new DataError(`${file}: the optimiser's state is incomplete; use an older checkpoint`);
  }
  const network = toState(
    entries.filter(([name]) => !name.startsWith(FIRST) && !name.startsWith(SECOND)),
    file,
  );
  return { run: parsed.data, network, adam: { steps, first, second } };
}
