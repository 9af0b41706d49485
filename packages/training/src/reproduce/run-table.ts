/**
 * A table of the paper on a dataset: every row trained, exported, graded and measured under one protocol, for every
 * seed; what is finished is kept and skipped the next time (spec/baselines.md §1, §2).
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { DataError, InterruptedError, isRenogradeError, throwIfAborted, UsageError } from "@renograde/core";
import { networks, summarize } from "@renograde/nn";
import { encodePng, writeFileAtomic } from "@renograde/slides/node";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset } from "../datasets/dataset.js";
import { openDataset } from "../datasets/open-dataset.js";
import { splitDataset } from "../datasets/split.js";
import { exportRun } from "../export/export-run.js";
import { networkOf } from "../loop/engine.js";
import type { TrainEvent } from "../loop/events.js";
import { dataFingerprint, runPaths } from "../loop/run-folder.js";
import { RunBusyError } from "../loop/run-lock.js";
import { type LogRecord, readLog } from "../loop/run-log.js";
import { train } from "../loop/train.js";
import { type ImageGrader, measureModel, readTruth } from "./measure.js";
import { type Protocol, protocolHash, rowConfig } from "./protocol.js";
import { TABLES, type TableName, type TableRow } from "./published.js";
import { type RunResult, readResult, writeResult } from "./result-file.js";
import { type RowScores, summariseRow } from "./summarise.js";

/** Test images that are drawn for the qualitative comparison. */
const PICTURES = 4;

/** What to reproduce. */
export interface TableOptions {
  readonly table: TableName;
  readonly dataDir: string;
  /** Folder of runs, models, results and the table. */
  readonly outDir: string;
  readonly protocol: Protocol;
  /** Networks to leave out of the table's rows; default none. */
  readonly rows?: readonly string[];
  /** Opens an exported model for grading. */
  readonly openGrader: (modelPath: string) => Promise<ImageGrader>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TableEvent) => void;
}

/** Something happened. */
export type TableEvent =
  | {
      readonly kind: "run";
      readonly title: string;
      readonly seed: number;
      /** From 1; null without cross-validation. */
      readonly fold: number | null;
      readonly run: number;
      readonly runs: number;
      readonly finished: boolean;
    }
  | { readonly kind: "train"; readonly event: TrainEvent }
  | { readonly kind: "grade"; readonly done: number; readonly total: number }
  | {
      readonly kind: "failed";
      readonly title: string;
      readonly seed: number;
      readonly fold: number | null;
      readonly message: string;
    }
  | {
      /** Left for later. */
      readonly kind: "busy";
      readonly title: string;
      readonly seed: number;
      readonly fold: number | null;
      /** The process that is at it. */
      readonly pid: number;
    };

/** A row with our scores. */
export interface ReproducedRow {
  readonly row: TableRow;
  /** One per seed; the folds of a cross-validation joined. */
  readonly runs: readonly RunResult[];
  /** Null when no run of the row succeeded. */
  readonly scores: RowScores | null;
}

/** A reproduced table. */
export interface ReproducedTable {
  readonly table: TableName;
  readonly rows: readonly ReproducedRow[];
  readonly dataset: {
    readonly name: string;
    readonly synthetic: boolean;
    readonly classes: Dataset["classes"];
    readonly origin: string;
    readonly train: number;
    readonly valid: number;
    readonly test: number;
  };
  readonly protocol: Protocol;
  /** Names of the drawn test images; their pictures are in `truth/` and in each run's folder. */
  readonly pictures: readonly string[];
  readonly failures: readonly string[];
  /** Runs that other processes were still at when this one had nothing left to do. */
  readonly elsewhere: readonly string[];
}

/** Files of one run of a row. */
function runFolder(outDir: string, network: string, seed: number, fold: number | null) {
  const folder = join(outDir, "runs", network, `seed-${seed + 1}`, fold === null ? "" : `fold-${fold}`);
  return {
    run: join(folder, "run"),
    model: join(folder, "model.onnx"),
    result: join(folder, "result.json"),
    picture: (name: string) => join(folder, "pictures", `${name}.png`),
  };
}

/** Path of the drawing of a test image: of the first run's prediction, or of the truth with `network` null. */
export function picturePath(
  table: ReproducedTable,
  outDir: string,
  network: string | null,
  name: string,
): string {
  return network === null
    ? truthPath(outDir, name)
    : runFolder(outDir, network, 0, table.protocol.folds === undefined ? null : 1).picture(name);
}

const truthPath = (outDir: string, name: string): string => join(outDir, "truth", `${name}.png`);

/** Seconds a run was at work: times between lines of its log, without the gaps before it was resumed. */
export function trainingSeconds(log: readonly LogRecord[]): number {
  let seconds = 0;
  for (const [i, record] of log.entries()) {
    const before = log[i - 1];
    if (before === undefined || record.kind === "start" || record.kind === "resume") continue;
    seconds += (Date.parse(String(record.time)) - Date.parse(String(before.time))) / 1000;
  }
  return seconds;
}

interface PlannedRun {
  readonly row: TableRow;
  /** From 0. */
  readonly seed: number;
  /** From 1; null without cross-validation. */
  readonly fold: number | null;
}

/** `CHR-Net, seed 1, fold 2`; seed and fold from 1. */
export function runName({ title, seed, fold }: { title: string; seed: number; fold: number | null }): string {
  return `${title}, seed ${seed}${fold === null ? "" : `, fold ${fold}`}`;
}

/** Every run, seed after seed, so that a table with every row exists as early as can be. */
function planRuns(rows: readonly TableRow[], seeds: number, folds: readonly (number | null)[]): PlannedRun[] {
  return Array.from({ length: seeds }, (_, seed) =>
    rows.flatMap((row) => folds.map((fold) => ({ row, seed, fold }))),
  ).flat();
}

/**
 * Reproduces a table. Finished runs of the same protocol and data are not repeated; a run that fails is reported and
 * the others go on. Several processes may work on one table: a run that another one is at is left for later, so the
 * process that ends last has the whole table.
 *
 * @throws UsageError for a network that does not exist, or a folder with results of another protocol
 * @throws DataError without test images
 * @throws InterruptedError when `signal` is aborted; the run under way resumes the next time
 */
export async function reproduceTable(options: TableOptions): Promise<ReproducedTable> {
  const { table, dataDir, outDir, protocol, signal } = options;
  const rows = TABLES[table].rows.filter((row) => options.rows?.includes(row.network) ?? true);
  const unknown = rows.find((row) => !networks.has(row.network));
  if (rows.length === 0 || unknown) {
    const known = TABLES[table].rows.map((row) => row.network).join(", ");
    throw new UsageError(
      `--rows: expected networks of ${table} (${known}), received ${options.rows?.join(", ")}`,
    );
  }
  const first = rowConfig(protocol, rows[0]!.network, 0);
  const dataset = await openDataset(dataDir, first.data);
  const split = await splitDataset(dataset, first.split);
  if (split.test.length === 0) throw new DataError(`${dataDir}: no test images (${split.origin})`);
  const fingerprint = await dataFingerprint(dataset, [...split.train, ...split.valid, ...split.test]);
  const folds =
    protocol.folds === undefined ? [null] : Array.from({ length: protocol.folds }, (_, f) => f + 1);
  const pictures = split.test.slice(0, PICTURES).map((index) => dataset.entries[index]!.name);

  const finished = new Map(rows.map((row) => [row.network, [] as RunResult[][]]));
  const failures: string[] = [];
  const elsewhere: string[] = [];
  const plan = planRuns(rows, protocol.seeds, folds);
  /** Does a planned run, or returns the process that is at it. */
  const attempt = async ({ row, seed, fold }: PlannedRun, index: number): Promise<number | null> => {
    throwIfAborted(signal);
    const event = { title: row.title, seed: seed + 1, fold };
    try {
      const config = rowConfig(protocol, row.network, seed, fold ?? 1);
      const hash = protocolHash(config, fingerprint);
      const { result: path } = runFolder(outDir, row.network, seed, fold);
      const known = await readResult(path);
      if (known !== null && known.protocol !== hash) {
        throw new UsageError(
          `${path}: is of another configuration or other data; choose another --out, or delete that folder`,
        );
      }
      options.onProgress?.({
        kind: "run",
        ...event,
        run: index + 1,
        runs: plan.length,
        finished: known !== null,
      });
      const result = known ?? (await runRow(options, row, { seed, fold, config, dataset, hash }));
      const seeds = finished.get(row.network)!;
      seeds[seed] = [...(seeds[seed] ?? []), result];
    } catch (error) {
      if (error instanceof RunBusyError) return error.pid;
      // A wrong call or Ctrl-C ends everything; what happens to one run does not.
      if (!isRenogradeError(error) || error.exitCode === 2 || signal?.aborted) throw error;
      const { message } = error;
      failures.push(`${runName(event)}: ${message}`);
      options.onProgress?.({ kind: "failed", ...event, message });
    }
    return null;
  };
  const postponed: number[] = [];
  for (const [index, run] of plan.entries()) {
    const pid = await attempt(run, index);
    if (pid === null) continue;
    postponed.push(index);
    const { row, seed, fold } = run;
    options.onProgress?.({ kind: "busy", title: row.title, seed: seed + 1, fold, pid });
  }
  for (const index of postponed) {
    const { row, seed, fold } = plan[index]!;
    if ((await attempt(plan[index]!, index)) === null) continue;
    elsewhere.push(runName({ title: row.title, seed: seed + 1, fold }));
  }
  /** Without the images of a fold that failed, a seed would be compared on other images: it is left out. */
  const runsOf = (row: TableRow): RunResult[] =>
    finished
      .get(row.network)!
      .filter((parts) => parts.length === folds.length)
      .map(joinFolds);
  return {
    table,
    rows: rows.map((row) => {
      const runs = runsOf(row);
      const metrics = runs.map((run) => run.images.map((image) => image.metrics));
      return { row, runs, scores: runs.length === 0 ? null : summariseRow(metrics, dataset.classes, 1) };
    }),
    dataset: {
      name: basename(resolve(dataDir)),
      synthetic: dataset.synthetic,
      classes: dataset.classes,
      origin: protocol.folds === undefined ? split.origin : crossValidation(protocol.folds, first),
      train: split.train.length,
      valid: split.valid.length,
      test: protocol.folds === undefined ? split.test.length : dataset.entries.length,
    },
    protocol,
    pictures,
    failures,
    elsewhere,
  };
}

/** The folds of one seed as one result: every image measured once; times added up. */
export function joinFolds(parts: readonly RunResult[]): RunResult {
  const images = parts.flatMap((part) => part.images).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...parts[0]!,
    steps: parts.reduce((sum, part) => sum + (part.steps ?? Number.NaN), 0),
    trainSeconds: parts.reduce((sum, part) => sum + part.trainSeconds, 0),
    gradeMs: parts.reduce((sum, part) => sum + part.gradeMs, 0) / parts.length,
    images,
  };
}

const crossValidation = (folds: number, { split }: TrainConfig): string =>
  `${folds}-fold cross-validation by ${split.by}, classes balanced, seed ${split.seed}`;

interface Run {
  readonly seed: number;
  readonly fold: number | null;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly hash: string;
}

/** Trains, exports, grades and measures one run, and stores its result. */
async function runRow(
  options: TableOptions,
  row: TableRow,
  { seed, fold, config, dataset, hash }: Run,
): Promise<RunResult> {
  const { outDir, signal } = options;
  const files = runFolder(outDir, row.network, seed, fold);
  const split = await splitDataset(dataset, config.split);
  const trained = await train({
    config,
    dataDir: options.dataDir,
    runDir: files.run,
    resume: true,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (event) => options.onProgress?.({ kind: "train", event }),
  }).catch((cause: unknown) => {
    if (!isRenogradeError(cause, "InterruptedError")) throw cause;
    throw new InterruptedError(`interrupted while ${row.network} was trained; the same command goes on`, {
      cause,
    });
  });
  await exportRun(files.run, files.model, { checkpoint: trained.best === null ? "last" : "best" });
  const grader = await options.openGrader(files.model);
  try {
    const { images, gradeMs } = await measureModel(grader, dataset, split.test, {
      mpp: config.data.mpp,
      pictures: seed === 0 && (fold ?? 1) === 1 ? PICTURES : 0,
      signal,
      onProgress: (done, total) => options.onProgress?.({ kind: "grade", done, total }),
      onPicture: async (name, picture) => {
        await writeFileAtomic(files.picture(name), await encodePng(picture));
        const index = split.test.find((i) => dataset.entries[i]!.name === name)!;
        await drawTruth(grader, dataset, index, config.data.mpp, truthPath(outDir, name));
      },
    });
    const network = networkOf(config, dataset.classes);
    const { parameters, macs } = summarize(network, config.data.crop).total;
    const result: RunResult = {
      format: 1,
      network: row.network,
      seed: config.train.seed,
      protocol: hash,
      width: config.net.width,
      parameters,
      macs: macs.full,
      epochs: trained.epochs,
      steps: trained.steps,
      trainSeconds: trainingSeconds(await readLog(runPaths(files.run).log)),
      gradeMs,
      images,
    };
    await writeResult(files.result, result);
    return result;
  } finally {
    await grader.close();
  }
}

/** Draws the annotation of an image, once per table. */
async function drawTruth(grader: ImageGrader, dataset: Dataset, index: number, mpp: number, path: string) {
  if (existsSync(path)) return;
  const { image, truth } = await readTruth(dataset, index);
  await writeFileAtomic(path, await encodePng(grader.draw(image, truth, mpp)));
}
