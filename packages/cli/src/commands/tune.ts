/**
 * `renograde tune`: the post-processing constants of a model, found on a validation set.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { majorityTypes, type PostOptions, UsageError } from "@renograde/core";
import type { TunedOption, TuneScore } from "@renograde/grading";
import type { TuneImage, TuneSummary } from "@renograde/grading/node";
import type { Dataset, SetName, Split } from "@renograde/training";
import { type Command, Option } from "commander";
import {
  type Context,
  type JsonOption,
  pathOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../context.js";
import { resolveModel } from "../models.js";
import type { Run } from "../program.js";
import { counted, type Stage } from "../progress.js";
import { formatTable, integer } from "../tables.js";
import { PUBLISHED_FRACTIONS, SET_NAMES } from "./dataset/open.js";

const SCORES = ["pq", "aPQ", "aji", "dice"] as const satisfies readonly TuneScore[];

interface TuneOptions {
  readonly data: string;
  readonly setName: SetName | "all";
  readonly split?: string;
  readonly classes?: string;
  readonly score: TuneScore;
  readonly out?: string;
  readonly mpp?: number;
  readonly threads?: number;
  readonly memory: number;
  readonly json?: JsonOption;
}

/** Numbers of the images of a set. @throws UsageError when there are none */
function imagesOf(dataset: Dataset, split: Split, set: SetName | "all"): readonly number[] {
  const indices = set === "all" ? [...dataset.entries.keys()] : split[set];
  if (indices.length === 0) {
    const sizes = SET_NAMES.map((name) => `${name} ${split[name].length}`).join(", ");
    throw new UsageError(
      `--set-name ${set}: ${dataset.root} has no image in this set (${split.origin}: ${sizes}); choose another, or all`,
    );
  }
  return indices;
}

/** An image of a dataset as `tuneModel` wants it. */
function tuneImage(context: Context, dataset: Dataset, index: number, mpp: number | undefined): TuneImage {
  const { name, imagePath } = dataset.entries[index]!;
  return {
    name,
    async load() {
      const { image, instances, classes, warnings } = await dataset.load(index);
      for (const warning of warnings) context.progress.warn(warning);
      const { readImage } = await import("@renograde/slides/node");
      const pixelSize =
        mpp === undefined ? (await readImage(imagePath)).pixelSize : { mpp, source: "--mpp option" };
      const { types } = majorityTypes(instances, classes);
      return { image, truth: { labels: instances, types }, ...(pixelSize && { pixelSize }) };
    },
  };
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

/** What was found, as text. */
function tuneTable(summary: TuneSummary, names: readonly TunedOption[], model: string, data: string): string {
  const { before, after, score, gain, heldOutGain, candidates, outPath } = summary;
  const changed = names.filter((name) => before[name] !== after[name]);
  const value = (post: PostOptions, name: TunedOption): string => String(post[name]);
  return [
    `${model}: method ${before.method}, ${score} on ${data}`,
    "",
    formatTable([
      ["constant", "now", "best"],
      ...names.map((name) => [`post.${name}`, value(before, name), value(after, name)]),
      [score, summary.scoreBefore.toFixed(4), summary.scoreAfter.toFixed(4)],
    ]),
    "",
    `gain ${signed(gain.value)}, 95 % interval ${signed(gain.low)} to ${signed(gain.high)}, on the images that chose`,
    ...(heldOutGain === null
      ? []
      : [
          `gain ${signed(heldOutGain.value)}, 95 % interval ${signed(heldOutGain.low)} to ${signed(heldOutGain.high)}, on images left out of the choice`,
        ]),
    `${integer(candidates)} sets of constants tried`,
    ...(outPath === undefined
      ? changed.length === 0
        ? []
        : [
            `nothing was written; store them with --out FILE.onnx, or try them: renograde grade IMAGE --out results ${changed.map((name) => `--set post.${name}=${after[name]}`).join(" ")}`,
          ]
      : [`written: ${outPath}`]),
  ].join("\n");
}

async function tune(context: Context, modelName: string, options: TuneOptions): Promise<void> {
  if (options.out !== undefined && !options.out.endsWith(".onnx")) {
    throw new UsageError(`--out ${options.out}: expected a file name that ends in .onnx`);
  }
  const model = await resolveModel(modelName);
  const { openDataset, splitDataset } = await import("@renograde/training");
  const { tunedOptions } = await import("@renograde/grading");
  const { tuneModel } = await import("@renograde/grading/node");
  const dataset = await openDataset(options.data, { classMap: options.classes ?? null });
  const split = await splitDataset(dataset, {
    by: "image",
    seed: 10,
    fractions: PUBLISHED_FRACTIONS,
    file: options.split ?? null,
  });
  const indices = imagesOf(dataset, split, options.setName);
  if (options.setName === "test") {
    context.progress.warn("constants tuned on test images make scores on these images worthless");
  }
  const origin = options.setName === "all" ? "all images" : `set ${options.setName}, ${split.origin}`;
  const data = `${dataset.synthetic ? "synthetic data " : ""}${basename(resolve(options.data))}: ${counted(indices.length, "image")} (${origin})`;
  const stages = new Map<string, Stage>();
  const summary = await tuneModel({
    modelPath: model,
    images: indices.map((index) => tuneImage(context, dataset, index, options.mpp)),
    data,
    ...(dataset.hasClasses && { classes: dataset.classes }),
    score: options.score,
    ...(options.out !== undefined && { outPath: options.out }),
    ...(options.threads !== undefined && { threads: options.threads }),
    memoryMiB: options.memory,
    signal: context.signal,
    onProgress: ({ stage, done, total }) => {
      let shown = stages.get(stage);
      if (shown === undefined) {
        stages.get("network")?.end();
        shown = context.progress.stage(
          stage === "network" ? "network" : "post-processing",
          stage === "network" ? "images" : "scores",
        );
        stages.set(stage, shown);
      }
      shown.update(done, total);
    },
  });
  stages.get("search")?.end();
  for (const warning of summary.warnings) context.progress.warn(warning);
  await printResult(context, options.json, { model, data, ...summary }, () =>
    tuneTable(summary, tunedOptions(summary.before.method), model, data),
  );
}

/** Registers `renograde tune`. */
export function registerTune(program: Command, run: Run): void {
  program
    .command("tune")
    .description("find the post-processing constants of a model on images with truth, and store them in it")
    .argument("<model>", "ONNX file or name of a shipped model")
    .requiredOption(
      "--data <dir>",
      "dataset folder: RCCNucSeg, or images/ with labels/ and classes/",
      pathOf("--data"),
    )
    .addOption(
      new Option("--set-name <set>", "images to tune on").choices([...SET_NAMES, "all"]).default("valid"),
    )
    .option(
      "--split <file>",
      "split file of dataset split; default: the folders train, valid and test, else the trainer's split",
      pathOf("--split"),
    )
    .option(
      "--classes <file>",
      "mapping file of the classes; default: classes.json of the folder",
      pathOf("--classes"),
    )
    .addOption(new Option("--score <score>", "what to make large").choices(SCORES).default("pq"))
    .option(
      "-o, --out <file>",
      "write the model with the constants found; without it they are only shown",
      pathOf("--out"),
    )
    .option(
      "--mpp <number>",
      "micrometres per pixel of the images; default what files record",
      positiveNumber("--mpp"),
    )
    .option(
      "--threads <n>",
      "threads of the engine and of the search; default all",
      wholeNumber("--threads", 1),
    )
    .option(
      "--memory <MiB>",
      "maps kept in memory; more go to a temporary folder",
      wholeNumber("--memory", 0),
      1024,
    )
    .option("--json [file]", "print the result as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      `
The network runs once per image; then the constants its method has (watershed: h, threshold, minArea; components:
minArea, dilate; distance: h, threshold; hover-net: minArea; detections: threshold, minArea) are tried on the kept maps,
first on a coarse grid, then in halved steps around the best.

Examples:
  renograde tune first.onnx --data RCCNucSeg --out tuned.onnx
  renograde tune first.onnx --data dataset --set-name all --score aPQ`,
    )
    .action(async (model: string, options: TuneOptions) => {
      await run((context) => tune(context, model, options));
    });
}
