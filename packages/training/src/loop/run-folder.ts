/**
 * The files of a run and what they are called; the layout is described in this package's README.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join, relative, sep } from "node:path";
import { type ClassScheme, FileFormatError, validateClassScheme } from "@renograde/core";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { parseConfig } from "../config/load-config.js";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset } from "../datasets/dataset.js";
import type { Split } from "../datasets/split.js";
import type { InitRecord } from "../init/initialise.js";

/** Paths of a run folder. Checkpoints are given without extension. */
export interface RunPaths {
  readonly config: string;
  readonly run: string;
  readonly log: string;
  /** Self-contained page of the run (`train.page`). */
  readonly page: string;
  readonly last: string;
  readonly best: string;
  /** Checkpoint kept after an epoch (`train.keepEvery`). */
  epoch(number: number): string;
  readonly badBatch: string;
}

/** The paths of the run in `folder`. */
export function runPaths(folder: string): RunPaths {
  return {
    config: join(folder, "config.yaml"),
    run: join(folder, "run.json"),
    log: join(folder, "log.jsonl"),
    page: join(folder, "run.html"),
    last: join(folder, "checkpoints", "last"),
    best: join(folder, "checkpoints", "best"),
    epoch: (number) => join(folder, "checkpoints", `epoch-${`${number}`.padStart(4, "0")}`),
    badBatch: join(folder, "bad-batch.safetensors"),
  };
}

/** `run.json`: what a run was started with, beside its configuration. */
export interface RunInfo {
  readonly format: 1;
  readonly renogradeVersion: string;
  readonly engine: string;
  readonly network: string;
  readonly parameters: number;
  readonly classes: ClassScheme;
  /** Name of the data folder, whether it says it is synthetic, its layout and fingerprint. */
  readonly data: {
    readonly name: string;
    readonly synthetic: boolean;
    readonly layout: string;
    readonly fingerprint: string;
  };
  readonly split: Split;
  /** Image names per set, as the split's indices mean them. */
  readonly images: { readonly train: readonly string[]; readonly valid: readonly string[] };
  readonly patches: { readonly train: number; readonly valid: number };
  /** Processes that train together; absent where it is one. */
  readonly processes?: number;
  /** Weights the run started with (`init.*`); null when all were fresh, absent in runs before 0.2. */
  readonly init?: InitRecord | null;
}

/** Writes `run.json`. */
export async function writeRunInfo(folder: string, info: RunInfo): Promise<void> {
  await writeFileAtomic(runPaths(folder).run, `${JSON.stringify(info, null, 2)}\n`);
}

/** Reads `run.json`. @throws FileAccessError, FileFormatError when there is none or it is damaged */
export async function readRunInfo(folder: string): Promise<RunInfo> {
  const path = runPaths(folder).run;
  const text = new TextDecoder().decode(await readFileBytes(path));
  let info: RunInfo;
  try {
    info = JSON.parse(text) as RunInfo;
    validateClassScheme(info.classes);
  } catch (cause) {
    throw new FileFormatError(path, "run.json", "is damaged; export needs the file training wrote", {
      cause,
    });
  }
  return info;
}

/** Reads the configuration a run was started with. */
export async function readRunConfig(folder: string): Promise<TrainConfig> {
  const path = runPaths(folder).config;
  return parseConfig(new TextDecoder().decode(await readFileBytes(path)), { source: path });
}

/** Options that may change when a run is resumed: none of them alters what a finished step has done. */
const FREE_OPTIONS = new Set([
  "data.cacheMiB",
  "train.accumulate",
  "train.device",
  "train.memoryLimitGiB",
  "train.threads",
  "train.workers",
  "train.processTimeoutS",
  "train.validBatch",
  "train.validEvery",
  "train.saveEvery",
  "train.logEvery",
  "train.keepEvery",
  "train.tensorboard",
  "train.page",
  "train.phases",
]);
const FREE_GROUPS = new Set(["post", "model"]);

function flatten(config: TrainConfig): Map<string, string> {
  const result = new Map<string, string>();
  for (const [group, options] of Object.entries(config)) {
    if (typeof options !== "object") result.set(group, JSON.stringify(options));
    else {
      for (const [key, value] of Object.entries(options))
        result.set(`${group}.${key}`, JSON.stringify(value));
    }
  }
  return result;
}

function isFree(name: string): boolean {
  return FREE_OPTIONS.has(name) || FREE_GROUPS.has(name.split(".")[0]!);
}

/** Names of the options that decide the result and differ between two configurations. */
export function fixedDifferences(a: TrainConfig, b: TrainConfig): string[] {
  const other = flatten(b);
  return [...flatten(a)]
    .filter(([name, value]) => !isFree(name) && other.get(name) !== value)
    .map(([name]) => name);
}

/** SHA-256 of the options that decide the result. */
export function configHash(config: TrainConfig): string {
  const fixed = [...flatten(config)].filter(([name]) => !isFree(name));
  return createHash("sha256").update(JSON.stringify(fixed)).digest("hex");
}

/** SHA-256 over names and contents of all files of the given images. */
export async function dataFingerprint(dataset: Dataset, images: readonly number[]): Promise<string> {
  const hash = createHash("sha256");
  for (const index of images) {
    const { imagePath, labelPath, classPath } = dataset.entries[index]!;
    for (const path of [imagePath, labelPath, classPath]) {
      if (path === null) continue;
      hash.update(`${relative(dataset.root, path).split(sep).join("/")}\n`);
      hash.update(
        createHash("sha256")
          .update(await readFileBytes(path))
          .digest(),
      );
    }
  }
  return hash.digest("hex");
}
