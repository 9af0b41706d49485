/**
 * From a run to a file: the weights of a checkpoint as ONNX with everything grading needs to know, or as they are, to
 * train on from.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { DataError, FileAccessError, isRenogradeError } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import {
  checkState,
  declareParameters,
  describeModel,
  exportOnnx,
  type Network,
  type StateDict,
} from "@renograde/nn";
import { writeFileAtomic } from "@renograde/slides/node";
import type { TrainConfig } from "../config/schema.js";
import { writeWeightsFile } from "../init/weights-file.js";
import { firstNotFinite, type RunState, readCheckpoint } from "../loop/checkpoint.js";
import { networkOf, postOptionsOf } from "../loop/engine.js";
import { type RunInfo, readRunConfig, readRunInfo, runPaths } from "../loop/run-folder.js";
import { packageVersion } from "../version.js";

/** Options of {@link exportRun}. */
export interface ExportRunOptions {
  /** Which weights; default `best`. A number is an epoch that `train.keepEvery` kept. */
  readonly checkpoint?: "best" | "last" | number;
  /** Element type the weights are stored in; computation is float32 either way. Default float32. */
  readonly weights?: "float32" | "float16";
}

function describeData(config: TrainConfig, info: RunInfo): string {
  if (config.model.data !== "") return config.model.data;
  const { train, valid } = info.images;
  const what = info.data.synthetic ? `Synthetic data "${info.data.name}"` : info.data.name;
  return `${what}: ${train.length} training and ${valid.length} validation images (${info.split.origin}).`;
}

function trainingFacts(config: TrainConfig, info: RunInfo, run: RunState): ModelMetadata["training"] {
  return {
    data: describeData(config, info),
    synthetic: config.model.synthetic || info.data.synthetic,
    seed: config.train.seed,
    epochs: run.epoch,
    steps: run.step,
    scores: run.scores,
    scoresOn:
      info.patches.valid === 0
        ? "nothing: the run had no validation images"
        : `the run's ${info.images.valid.length} validation images (${info.patches.valid} patches), which also selected the epoch`,
  };
}

function stainNormOf({
  stainNorm: method,
  stainTarget,
}: TrainConfig["data"]): Pick<ModelMetadata, "stainNorm"> {
  if (method === "none") return {};
  return { stainNorm: { method, target: stainTarget === null ? null : basename(stainTarget) } };
}

function checkpointPath(runDir: string, which: "best" | "last" | number): string {
  const paths = runPaths(runDir);
  return typeof which === "number" ? paths.epoch(which) : paths[which];
}

/** @throws FileAccessError naming the checkpoints there are, when this one is not among them */
async function checkPresence(runDir: string, path: string, which: "best" | "last" | number): Promise<void> {
  const names = await readdir(dirname(path)).catch((): string[] => []);
  if (names.includes(`${basename(path)}.safetensors`)) return;
  const present = names.flatMap((name) => /^(?:epoch-0*)?(.+)\.safetensors$/.exec(name)?.[1] ?? []).sort();
  const remedy =
    present.length === 0 ? "train it first" : `choose another with --checkpoint (${present.join(", ")})`;
  throw new FileAccessError(runDir, `the run has no checkpoint "${which}"; ${remedy}`);
}

/** A run, ready to be written as a file. */
interface ExportableRun {
  readonly config: TrainConfig;
  readonly network: Network;
  readonly state: StateDict;
  readonly metadata: ModelMetadata;
}

/** @throws FileAccessError, FileFormatError, DataError when the run is incomplete or damaged */
async function openExport(runDir: string, which: "best" | "last" | number): Promise<ExportableRun> {
  const config = await readRunConfig(runDir).catch((cause: unknown) => {
    if (!isRenogradeError(cause, "FileAccessError")) throw cause;
    throw new FileAccessError(runDir, "is no folder that renograde train wrote (it has no config.yaml)", {
      cause,
    });
  });
  const info = await readRunInfo(runDir);
  const path = checkpointPath(runDir, which);
  await checkPresence(runDir, path, which);
  const { run, network: state } = await readCheckpoint(path);
  const network = networkOf(config, info.classes);
  checkState(
    declareParameters(network),
    state,
    `${path}.safetensors: is a checkpoint of another network than ${runPaths(runDir).config} names`,
  );
  const broken = firstNotFinite(state);
  if (broken !== null) {
    throw new DataError(
      `${path}.safetensors: ${broken} holds values that are not finite; choose another checkpoint with --checkpoint, or train anew`,
    );
  }
  const { geometry: usual } = network;
  const output = config.data.crop - usual.rim;
  const metadata: ModelMetadata = {
    ...describeModel(network, state, {
      name: config.model.name ?? network.name,
      mpp: config.data.mpp,
      post: postOptionsOf(config, network),
      training: trainingFacts(config, info, run),
      licence: config.model.licence,
      intendedUse: "Research use only; not for diagnostic use.",
      renogradeVersion: packageVersion(),
    }),
    window: config.data.crop,
    output,
    kept: Math.max(8, output - (usual.output - usual.kept)),
    ...stainNormOf(config.data),
  };
  return { config, network, state, metadata };
}

/**
 * Writes the model of a run.
 *
 * The window in the metadata is the crop it was trained with; the kept centre is as much smaller than the output as with
 * the network's usual window (CHR-Net: 200 of 256), at least 8 px.
 *
 * @param runDir - folder that `train` wrote
 * @param out - the ONNX file to write
 * @returns the metadata of the file
 * @throws FileAccessError, FileFormatError when the run is incomplete or damaged
 */
export async function exportRun(
  runDir: string,
  out: string,
  options: ExportRunOptions = {},
): Promise<ModelMetadata> {
  const { network, state, metadata } = await openExport(runDir, options.checkpoint ?? "best");
  await writeFileAtomic(out, exportOnnx(network, { weights: options.weights ?? "float32" }, state, metadata));
  return metadata;
}

/**
 * Writes the weights of a run for others to train on from (`init.from`); see weights-file.ts.
 *
 * @param out - the safetensors file to write
 * @returns what {@link exportRun} would write into a model
 * @throws as {@link exportRun}
 */
export async function exportRunWeights(
  runDir: string,
  out: string,
  options: ExportRunOptions = {},
): Promise<ModelMetadata> {
  const { config, state, metadata } = await openExport(runDir, options.checkpoint ?? "best");
  const { name, licence, classes, mpp } = metadata;
  const origin = { name, licence, classes, mpp, net: config.net };
  await writeWeightsFile(out, state, origin, options.weights === "float16");
  return metadata;
}
