/**
 * What a run needs before its first step: dataset, split, patches, network, and the files that describe the run.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { DataError, throwIfAborted, UsageError } from "@renograde/core";
import { declareParameters, elements } from "@renograde/nn";
import { writeFileAtomic } from "@renograde/slides/node";
import { type Device, loadTorch, setAlgorithms, setThreads } from "@renograde/torch";
import { windowFor } from "../augmentation/plan.js";
import { formatConfig } from "../config/load-config.js";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset } from "../datasets/dataset.js";
import { openDataset } from "../datasets/open-dataset.js";
import { type Split, splitDataset } from "../datasets/split.js";
import { joinTeam, placedDevice, type Team } from "../distributed/team.js";
import { type InitRecord, initialWeights, withInitialWeights } from "../init/initialise.js";
import { openPatchSource, type PatchSource } from "../targets/patch-source.js";
import { openSamplePool, type SamplePool, sampleWorkers } from "../targets/sample-pool.js";
import { packageVersion } from "../version.js";
import { createEngine, type TrainingEngine } from "./engine.js";
import {
  dataFingerprint,
  fixedDifferences,
  type RunInfo,
  readRunConfig,
  readRunInfo,
  runPaths,
  writeRunInfo,
} from "./run-folder.js";
import { planEpochs } from "./schedule.js";
import type { TrainOptions } from "./train.js";

/** The parts of a run. */
export interface OpenRun {
  readonly train: PatchSource;
  readonly valid: PatchSource;
  /** Makes the samples of both; closed at the end of the run. */
  readonly pool: SamplePool;
  readonly engine: TrainingEngine;
  /** The processes that train together; null where this is the only one. */
  readonly team: Team | null;
  /** The encoder has pretrained weights, so that phases with `freeze` freeze it. */
  readonly pretrained: boolean;
  /** Weights the run started with; null when all were fresh. */
  readonly init: InitRecord | null;
  /** Trained numbers of the network. */
  readonly parameters: number;
  readonly fingerprint: string;
  /** What {@link describeRun} writes. */
  readonly info: RunInfo;
}

/** Writes `config.yaml` and `run.json`; once nothing speaks against going on, for they replace those of the run. */
export async function describeRun({ config, runDir }: TrainOptions, open: OpenRun): Promise<void> {
  if (open.team?.leads === false) return;
  await writeFileAtomic(runPaths(runDir).config, formatConfig(config));
  await writeRunInfo(runDir, open.info);
}

/** Loads libtorch on the wanted device; returns a description of the engine. */
function prepareTorch(config: TrainConfig): string {
  const { device, threads } = config.train;
  // Waiting threads of libgomp spin by default; beside other work on the machine that made steps 8 times slower.
  process.env.OMP_WAIT_POLICY ??= "passive";
  const info = loadTorch();
  if (threads > 0) setThreads(threads);
  const match = /^(cpu|cuda)(?::(\d+))?$/.exec(device);
  if (match === null) {
    throw new UsageError(`train.device: expected cpu, cuda or cuda:<number>, received "${device}"`);
  }
  if (match[1] === "cuda" && Number(match[2] ?? 0) >= info.cudaDevices) {
    throw new UsageError(
      `train.device: "${device}" is not available, libtorch ${info.version} sees ${info.cudaDevices} CUDA devices; use cpu or a CUDA build of libtorch`,
    );
  }
  const { precision, deterministic } = config.train;
  if (match[1] === "cuda") setAlgorithms({ deterministic, tf32: precision !== "fp32" });
  return `libtorch ${info.version}, ${device}${precision === "fp32" ? "" : `, ${precision}`}`;
}

async function checkRunFolder(options: TrainOptions, resumed: boolean): Promise<void> {
  const paths = runPaths(options.runDir);
  if (!resumed) {
    if (!options.resume && existsSync(`${paths.last}.safetensors`)) {
      throw new UsageError(
        `${options.runDir}: already holds a run; resume it with --resume or choose another folder`,
      );
    }
    return;
  }
  const { processes = 1 } = await readRunInfo(options.runDir);
  if (processes !== (options.place?.size ?? 1)) {
    throw new UsageError(
      `${options.runDir}: was started with ${processes} process${processes > 1 ? "es" : ""}, now there ${options.place ? `are ${options.place.size}` : "is one"}; resume with as many (--processes ${processes}) or start a new run`,
    );
  }
  const different = fixedDifferences(await readRunConfig(options.runDir), options.config);
  if (different.length > 0) {
    throw new UsageError(
      `${options.runDir}: was started with other values of ${different.join(", ")}; resume with those of ${paths.config} or start a new run`,
    );
  }
}

/**
 * Opens data and network; writes nothing.
 *
 * @param resumed - whether a checkpoint will be loaded
 */
export async function openRun(options: TrainOptions, resumed: boolean): Promise<OpenRun> {
  const { config, dataDir } = options;
  await checkRunFolder(options, resumed);
  const device = placedDevice(config.train.device, options.place);
  const engineName = prepareTorch({ ...config, train: { ...config.train, device } });
  const dataset = await openDataset(dataDir, config.data);
  const split = await splitDataset(dataset, config.split);
  if (split.train.length === 0) {
    throw new DataError(
      `${dataDir}: no images to train on (split: ${split.origin}); put images and labels into a folder named train, or change split.* (\`renograde dataset split\` shows what it gives)`,
    );
  }
  const pool = openSamplePool(dataset, config, sampleWorkers(config.train.workers));
  let team: Team | null = null;
  try {
    if (options.place) {
      const timeoutMs = config.train.processTimeoutS * 1000;
      team = await joinTeam({
        place: options.place,
        timeoutMs,
        device: device as Device,
        signal: options.signal,
      });
    }
    return await openParts(options, { engineName, device, dataset, split, pool, resumed, team });
  } catch (error) {
    team?.leave();
    await pool.close();
    throw error;
  }
}

/** Patches, network and files of a run. */
async function openParts(
  { config, dataDir, runDir, signal, onProgress }: TrainOptions,
  found: {
    readonly engineName: string;
    readonly device: string;
    readonly dataset: Dataset;
    readonly split: Split;
    readonly pool: SamplePool;
    readonly resumed: boolean;
    readonly team: Team | null;
  },
): Promise<OpenRun> {
  const { engineName, device, dataset, split, pool, resumed, team } = found;
  const total = split.train.length + split.valid.length;
  const tell = onProgress ?? (() => undefined);
  const hooks = (before: number) => ({
    onImage: (done: number) => tell({ kind: "data", done: before + done, total }),
    onWarning: (message: string) => tell({ kind: "warning", message }),
    throwIfAborted: () => throwIfAborted(signal),
  });
  // Before the images: a file that does not fit is found at once. A resumed run has its weights in the checkpoint.
  const initial = resumed ? null : await initialWeights(config, dataset.classes);
  const init = resumed ? ((await readRunInfo(runDir)).init ?? null) : (initial?.record ?? null);
  for (const message of initial?.notes ?? []) tell({ kind: "warning", message });
  const train = await openPatchSource(dataset, split.train, config, pool, hooks(0));
  const smallest = Math.min(
    train.length,
    ...planEpochs(config.train.phases, config.train.batch).map((e) => e.batch),
  );
  if (team !== null && smallest < team.size) {
    throw new UsageError(
      `train.batch: ${team.size} processes cannot share a batch of ${smallest}; raise it or start fewer processes`,
    );
  }
  const valid = await openPatchSource(dataset, split.valid, config, pool, hooks(split.train.length));
  if (valid.length === 0) {
    tell({
      kind: "warning",
      message: `${dataDir}: no validation images (${split.origin}); no epoch can be selected as best`,
    });
  }
  const fingerprint = await dataFingerprint(dataset, [...split.train, ...split.valid]);
  const placed = { ...config, train: { ...config.train, device } };
  const engine = createEngine(placed, dataset.classes, team);
  if (initial !== null) {
    const { network, adam } = engine.state();
    engine.load({ network: withInitialWeights(network, initial), adam });
  }
  const specs = declareParameters(engine.network).filter((spec) => spec.role === "parameter");
  const parameters = specs.reduce((sum, spec) => sum + elements(spec.shape), 0);
  const names = (list: readonly number[]) => list.map((index) => dataset.entries[index]!.name);
  const info: RunInfo = {
    format: 1,
    renogradeVersion: packageVersion(),
    engine: engineName,
    network: config.net.network,
    parameters,
    classes: dataset.classes,
    data: {
      name: basename(resolve(dataDir)),
      synthetic: dataset.synthetic,
      layout: dataset.layout,
      fingerprint,
    },
    split,
    images: { train: names(split.train), valid: names(split.valid) },
    patches: { train: train.length, valid: valid.length },
    ...(team === null ? {} : { processes: team.size }),
    init,
  };
  const { window, crop } = config.data;
  const needed = windowFor(config.aug.preset, crop);
  if (window < needed) {
    tell({
      kind: "warning",
      message: `data.window ${window} is too small for aug.preset ${config.aug.preset} on crops of ${crop} px: corners of turned patches will be black; set data.window to ${needed + ((needed - crop) % 2)} or more, or aug.preset to flip`,
    });
  }
  const pretrained = init !== null;
  if (!pretrained && config.train.phases.some((phase) => phase.freeze)) {
    tell({
      kind: "warning",
      message:
        "the encoder has no pretrained weights, so no phase freezes it (train.phases[].freeze); give them with init.encoder",
    });
  }
  return { train, valid, pool, engine, team, pretrained, init, parameters, fingerprint, info };
}
