/**
 * `renograde postprocess`: kept maps in, nuclei out, without the network.
 *
 * @module
 */
import { RCC_CLASSES } from "@renograde/core";
import type { ImageFormat } from "@renograde/grading/node";
import type { Command } from "commander";
import {
  type Context,
  collect,
  collectPaths,
  type JsonOption,
  listOf,
  pathOf,
  positiveNumber,
} from "../context.js";
import { readModelFile, resolveModel } from "../models.js";
import { postAndInferOptions } from "../post-settings.js";
import type { Run } from "../program.js";
import { counted } from "../progress.js";
import { printSummary } from "../summary.js";

const FORMATS = ["json", "geojson", "csv", "mat", "labels"] as const satisfies readonly ImageFormat[];

interface PostprocessOptions {
  readonly out: string;
  readonly model?: string;
  readonly mpp?: number;
  readonly formats?: (typeof FORMATS)[number][];
  readonly set: string[];
  readonly json?: JsonOption;
}

async function postprocess(context: Context, inputs: string[], options: PostprocessOptions): Promise<void> {
  const { postprocessInputs } = await import("@renograde/grading/node");
  const { post } = postAndInferOptions(options.set, ["post"]);
  const model =
    options.model === undefined
      ? undefined
      : (await readModelFile(await resolveModel(options.model))).metadata;
  const stage = context.progress.stage("post-processing", "maps");
  const summary = await postprocessInputs({
    inputs,
    outDir: options.out,
    ...(model === undefined ? {} : { model }),
    ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
    ...(options.formats === undefined ? {} : { formats: options.formats }),
    ...(post === undefined ? {} : { post }),
    signal: context.signal,
    onWarning: (sentence) => context.progress.warn(sentence),
    onProgress: (done, total) => stage.update(done, total),
  });
  stage.end(counted(summary.images.length, "map"));
  await printSummary(context, summary, model?.classes ?? RCC_CLASSES, options);
  if (model === undefined && summary.failures.length > 0) {
    context.progress.info("maps of a model with other classes or outputs need that model: pass --model");
  }
}

/** Registers `renograde postprocess`. */
export function registerPostprocess(program: Command, run: Run): void {
  program
    .command("postprocess")
    .description("find and type the nuclei of maps that grade --maps kept (.npy), without the network")
    .argument("<maps...>", ".npy files and folders of them", collectPaths)
    .requiredOption("-o, --out <dir>", "prediction folder", pathOf("--out"))
    .option(
      "-m, --model <model>",
      "the model that made the maps, ONNX file or name of a shipped one: its classes, constants and pixel size hold (default: kidney grades, the paper's constants)",
    )
    .option("--mpp <number>", "micrometres per pixel of the maps", positiveNumber("--mpp"))
    .option(
      "-f, --formats <list>",
      `comma-separated: ${FORMATS.join(", ")} (default: all but labels)`,
      listOf("--formats", FORMATS),
    )
    .option("--set <key=value>", "post.* options of the specification, repeatable", collect, [])
    .option("--json [file]", "print the summary as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExample: renograde postprocess results/tile.maps.npy --model model.onnx --out again --set post.h=100",
    )
    .action(async (inputs: string[], options: PostprocessOptions) => {
      await run((context) => postprocess(context, inputs, options));
    });
}
