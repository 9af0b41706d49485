/**
 * `renograde export`: the checkpoint of a run, or published weights, as a self-describing ONNX model, in 32 bits or in 8.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelMetadata } from "@renograde/formats";
import { type Command, Option } from "commander";
import { type Context, collect, type JsonOption, printResult, wholeNumber } from "../context.js";
import type { Run } from "../program.js";

interface ExportOptions {
  readonly out: string;
  readonly checkpoint: "best" | "last" | number;
  readonly config?: string;
  readonly set: string[];
  readonly half?: boolean;
  readonly int8?: boolean;
  readonly calibrate: string[];
  readonly windows?: number;
  readonly json?: JsonOption;
}

interface Exported {
  readonly metadata: ModelMetadata;
  /** What quantisation did, for people. */
  readonly note?: string;
}

/** Quantises a float32 model file. */
async function quantize(context: Context, modelPath: string, options: ExportOptions): Promise<Exported> {
  const { quantizeModel } = await import("@renograde/grading/node");
  const stage = context.progress.stage("quantising", "runs");
  const summary = await quantizeModel({
    modelPath,
    calibration: options.calibrate,
    outPath: options.out,
    ...(options.windows === undefined ? {} : { windows: options.windows }),
    signal: context.signal,
    onProgress: (done, total) => stage.update(done, total),
  });
  stage.end(`${summary.windows} windows of ${summary.images} images`);
  return {
    metadata: summary.metadata,
    note: `${summary.convolutions} convolutions in 8 bits (${(100 * summary.int8Share).toFixed(1)} % of the multiply-adds), ${summary.kept.length} in float32`,
  };
}

/** Published weights are a file, or the prefix of a TensorFlow checkpoint; a run is a folder. */
function isWeights(source: string): boolean {
  if (!existsSync(source)) return existsSync(`${source}.index`);
  return !statSync(source).isDirectory();
}

/** Weights to train on from are asked for by the name of the file. */
function isWeightsOut(out: string): boolean {
  return out.endsWith(".safetensors");
}

/** The model of a run or of published weights, in floats. */
async function exportFloats(
  source: string,
  out: string,
  weights: "float32" | "float16",
  options: ExportOptions,
): Promise<ModelMetadata> {
  const training = await import("@renograde/training");
  if (isWeights(source)) {
    if (isWeightsOut(out)) {
      const { UsageError } = await import("@renograde/core");
      throw new UsageError(
        `${source} is a file of weights already; export it as .onnx, or give init.from its path`,
      );
    }
    const config = await training.readConfig(options.config, options.set);
    return await training.exportWeights(source, out, config, { weights });
  }
  if (options.config !== undefined || options.set.length > 0) {
    const { UsageError } = await import("@renograde/core");
    throw new UsageError(
      `--config and --set go with files of weights; the run ${source} has its own configuration`,
    );
  }
  const write = isWeightsOut(out) ? training.exportRunWeights : training.exportRun;
  return await write(source, out, { checkpoint: options.checkpoint, weights });
}

async function exportSource(context: Context, source: string, options: ExportOptions): Promise<Exported> {
  const { UsageError } = await import("@renograde/core");
  const isModel = source.endsWith(".onnx");
  if (options.int8 !== true) {
    if (isModel)
      throw new UsageError(
        `${source} is a model already; export takes a run folder, a file of weights, or a model with --int8`,
      );
    if (options.calibrate.length > 0) throw new UsageError("--calibrate goes with --int8");
    const weights = options.half === true ? "float16" : "float32";
    return { metadata: await exportFloats(source, options.out, weights, options) };
  }
  if (options.half === true) throw new UsageError("choose one of --half and --int8");
  if (isWeightsOut(options.out))
    throw new UsageError("--int8 makes a model to grade with; give --out an .onnx file");
  if (options.calibrate.length === 0) {
    throw new UsageError("--int8 needs --calibrate DIR: images like those the model will grade");
  }
  if (isModel) return await quantize(context, source, options);
  const folder = await mkdtemp(join(tmpdir(), "renograde-"));
  const floating = join(folder, "float32.onnx");
  try {
    await exportFloats(source, floating, "float32", options);
    return await quantize(context, floating, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function exportModel(context: Context, source: string, options: ExportOptions): Promise<void> {
  const { metadata, note } = await exportSource(context, source, options);
  const { size } = await stat(options.out);
  await printResult(context, options.json, { path: options.out, bytes: size, metadata }, () =>
    [
      `${options.out}: ${metadata.name}, ${metadata.network}, width ${metadata.width}, ${metadata.precision}, ${(size / 1e6).toFixed(1)} MB`,
      ...(note === undefined ? [] : [note]),
      `classes ${metadata.classes.classes.map((c) => c.name).join(", ")}; ${metadata.mpp} µm/px; licence ${metadata.licence}`,
      isWeightsOut(options.out)
        ? `next: renograde train --data DATASET --run RUN --set init.from=${options.out} --set net.network=${metadata.network} --set net.width=${metadata.width}`
        : `next: renograde grade IMAGE --model ${options.out} --out results`,
    ].join("\n"),
  );
}

/** Registers `renograde export`. */
export function registerExport(program: Command, run: Run): void {
  program
    .command("export")
    .description(
      "write the model of a run, or published weights, as one ONNX file that says everything grading needs",
    )
    .argument(
      "<source>",
      "run folder that renograde train wrote, or a file of weights; with --int8 also a model file",
    )
    .requiredOption(
      "-o, --out <file>",
      "the ONNX file to write; with the ending .safetensors the weights of a run, to train on from (init.from)",
    )
    .addOption(
      new Option("--checkpoint <which>", "which weights of the run: best, last, or a kept epoch's number")
        .argParser((text) =>
          text === "best" || text === "last" ? text : wholeNumber("--checkpoint", 1)(text),
        )
        .default("best"),
    )
    .option("-c, --config <file>", "for a file of weights: YAML file of options (network, preset, licence)")
    .option(
      "--set <key=value>",
      "for a file of weights: one option, repeatable, for instance preset=reference",
      collect,
      [],
    )
    .option("--half", "store the weights as 16-bit floats: half the size; computation stays in 32 bits")
    .option(
      "--int8",
      "quantise weights and activations to 8 bits: about twice as fast, a quarter of the size",
    )
    .option(
      "--calibrate <path>",
      "images to find the 8-bit ranges on, or a folder of them; repeatable",
      collect,
      [],
    )
    .option("--windows <n>", "windows to calibrate on (default 32)", wholeNumber("--windows", 1))
    .option("--json [file]", "print the metadata as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExamples:\n  renograde export runs/first --out first.onnx\n  renograde export runs/first --half --out first.safetensors\n  renograde export first.onnx --int8 --calibrate images/ --out first-int8.onnx\n  renograde export model-40800.index --set preset=reference --set model.licence=CC-BY-4.0 --out published.onnx",
    )
    .action(async (source: string, options: ExportOptions) => {
      await run((context) => exportModel(context, source, options));
    });
}
