/**
 * One protocol for all rows of a table: the configuration of a row is the same for every network but for what
 * belongs to the network itself (spec/training.md §11, spec/baselines.md §2).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { mapFiles, parseConfig } from "../config/load-config.js";
import type { TrainConfig } from "../config/schema.js";

/** What the rows of a table have in common. */
export interface Protocol {
  /** YAML of a training configuration; empty: the paper's. */
  readonly config: string;
  /** Name of that file, for messages. */
  readonly source: string;
  /** Its folder, from which the files it names are taken. Default: the working directory. */
  readonly folder?: string;
  /** Overrides such as `train.batch=4`, for every row. */
  readonly set: readonly string[];
  /** Epochs of every phase; the rate drops after half of them. Default: each network's own. */
  readonly epochs?: number;
  /** Channel multiplier of every network. Default 1. */
  readonly width?: number;
  /** Number of runs per row. */
  readonly seeds: number;
  /** Parts of a cross-validation, from 2: every image is tested once per seed. Default: the dataset's own split. */
  readonly folds?: number;
}

/**
 * Configuration of one run of a row.
 *
 * @param seed - from 0
 * @param fold - from 1; without folds it is ignored
 * @throws ConfigError listing every mistake
 */
export function rowConfig(protocol: Protocol, network: string, seed: number, fold = 1): TrainConfig {
  const { config, source, folder = ".", set, epochs, width, folds } = protocol;
  const own = [`net.network=${network}`, ...(width === undefined ? [] : [`net.width=${width}`])];
  const base = parseConfig(config, { source, folder, set: [...own, ...set] });
  const phases = base.train.phases.map((phase) =>
    epochs === undefined ? phase : { ...phase, epochs, lrDropAfter: Math.ceil(epochs / 2) },
  );
  return {
    ...base,
    split: folds === undefined ? base.split : { ...base.split, folds, fold },
    train: { ...base.train, seed: base.train.seed + seed, phases },
    model: { ...base.model, name: network },
  };
}

/** SHA-256 of everything that decides a run's result; of files it names, their names. */
export function protocolHash(given: TrainConfig, dataFingerprint: string): string {
  const config = mapFiles(given, (path) => basename(path));
  const { threads, workers, device, ...train } = config.train as TrainConfig["train"] & { workers?: number };
  return createHash("sha256")
    .update(JSON.stringify([{ ...config, train }, dataFingerprint]))
    .digest("hex");
}
