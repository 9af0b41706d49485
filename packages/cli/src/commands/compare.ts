/**
 * `renograde compare`: two predictions, models or runs side by side.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { isRenogradeError, UsageError } from "@renograde/core";
import type { Command } from "commander";
import {
  type Context,
  collect,
  type JsonOption,
  pathOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../context.js";
import { metricOptions } from "../metric-settings.js";
import { shippedModelPath } from "../models.js";
import type { Run } from "../program.js";
import { counted } from "../progress.js";

interface CompareOptions {
  readonly truth: string;
  readonly images?: string;
  readonly out?: string;
  readonly csv?: string;
  readonly mpp?: number;
  readonly threads?: number;
  readonly set: string[];
  readonly json?: JsonOption;
}

/** The file of a shipped model where `side` is the name of one and no path. */
async function modelOrPath(side: string): Promise<string> {
  return existsSync(side) ? side : ((await shippedModelPath(side)) ?? side);
}

/** What one side is. */
type Kind = "folder" | "model" | "run";

function kindOf(path: string): Kind {
  if (path.endsWith(".onnx")) return "model";
  return existsSync(join(path, "run.json")) && existsSync(join(path, "config.yaml")) ? "run" : "folder";
}

/** Images of the truth: below `--images`, or those of the dataset that the truth folder is; undefined when there are none. */
async function findImages({ images, truth }: CompareOptions): Promise<string[] | undefined> {
  if (images !== undefined) {
    const { listInputs } = await import("@renograde/slides/node");
    return (await listInputs([images])).map((file) => file.path);
  }
  const { openDataset } = await import("@renograde/training");
  try {
    return (await openDataset(truth)).entries.map((entry) => entry.imagePath);
  } catch (error) {
    if (isRenogradeError(error)) return undefined;
    throw error;
  }
}

const nameOf = (path: string): string => basename(path).replace(/\.[^.]*$/, "");

/** The prediction folder of one side; models and runs are graded first. */
async function predictionFolder(
  context: Context,
  path: string,
  side: "a" | "b",
  images: readonly string[] | undefined,
  options: CompareOptions,
): Promise<string> {
  const kind = kindOf(path);
  if (kind === "folder") return path;
  if (options.out === undefined) {
    throw new UsageError(`${path} is a ${kind}: compare needs --out DIR for what it predicts`);
  }
  if (images === undefined) {
    throw new UsageError(
      `${path} is a ${kind}, but ${options.truth} is no dataset folder with images to grade; name them with --images DIR`,
    );
  }
  let model = path;
  if (kind === "run") {
    const { exportRun } = await import("@renograde/training");
    model = join(options.out, `${side}.onnx`);
    await exportRun(path, model);
  }
  const { gradeInputs } = await import("@renograde/grading/node");
  const outDir = join(options.out, side);
  const stage = context.progress.stage(`grading with ${side.toUpperCase()}`, "images");
  const { failures, images: graded } = await gradeInputs({
    inputs: images,
    outDir,
    model,
    formats: ["mat"],
    ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    signal: context.signal,
    onWarning: (sentence) => context.progress.warn(sentence),
    onProgress: (p) => stage.update(p.image - 1, p.images, p.stem),
  });
  stage.end(counted(graded.length, "image"));
  for (const failure of failures) context.progress.error(failure.message);
  if (failures.length > 0) context.exitCode = 1;
  return outDir;
}

async function compare(context: Context, a: string, b: string, options: CompareOptions): Promise<void> {
  const chosen = metricOptions(options.set);
  if (resolve(a) === resolve(b)) throw new UsageError(`${a}: named twice; name two things to compare`);
  const grading = await import("@renograde/grading/node");
  const { writeFileAtomic } = await import("@renograde/slides/node");
  const [pathA, pathB] = [await modelOrPath(a), await modelOrPath(b)];
  const needed = options.out !== undefined || kindOf(pathA) !== "folder" || kindOf(pathB) !== "folder";
  const images = needed ? await findImages(options) : undefined;
  const folderA = await predictionFolder(context, pathA, "a", images, options);
  const folderB = await predictionFolder(context, pathB, "b", images, options);
  const stage = context.progress.stage("comparing", "images");
  const comparison = await grading.compareFolders({
    truthDir: options.truth,
    a: folderA,
    b: folderB,
    names: [a, b],
    options: chosen,
    signal: context.signal,
    onProgress: ({ done, total, name }) => stage.update(done, total, name),
  });
  stage.end(counted(comparison.images.length, "image"));
  if (options.csv !== undefined) await writeFileAtomic(options.csv, grading.formatComparisonCsv(comparison));
  let page: string | undefined;
  if (options.out !== undefined) {
    const pictures = await grading.comparePictures(comparison, (name) => {
      const paths = (images ?? []).filter((path) => nameOf(path) === basename(name));
      return paths.length === 1 ? paths[0] : undefined;
    });
    page = join(options.out, "compare.html");
    await writeFileAtomic(page, grading.comparePage(comparison, pictures));
  }
  const document = { ...grading.summaryOfComparison(comparison), ...(page !== undefined && { page }) };
  await printResult(context, options.json, document, () =>
    [
      grading.formatComparisonTable(comparison),
      page === undefined ? "as a page with pictures: add --out DIR" : `as a page with pictures: ${page}`,
    ].join("\n"),
  );
}

/** Registers `renograde compare`. */
export function registerCompare(program: Command, run: Run): void {
  program
    .command("compare")
    .description("two predictions of the same images, two models or two runs, side by side")
    .argument(
      "<a>",
      "prediction folder, model (.onnx, or the name of a shipped one) or run folder",
      pathOf("A"),
    )
    .argument("<b>", "what to compare it with", pathOf("B"))
    .requiredOption("--truth <dir>", "folder of true annotations, or a dataset folder", pathOf("--truth"))
    .option(
      "--images <dir>",
      "the images, for models, runs and pictures; default those of the dataset folder",
      pathOf("--images"),
    )
    .option("-o, --out <dir>", "folder of compare.html, and of what models and runs predict", pathOf("--out"))
    .option("--csv <file>", "write the scores of every image")
    .option(
      "--mpp <number>",
      "micrometres per pixel of the images; default what files record",
      positiveNumber("--mpp"),
    )
    .option("--threads <n>", "threads of the engine; default all", wholeNumber("--threads", 1))
    .option("--set <key=value>", "metrics.* options of the specification, repeatable", collect, [])
    .option("--json [file]", "print the comparison as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      `
Differences are B − A, with their 95 % interval over resampled images, the same for both.

Examples:
  renograde compare results-1 results-2 --truth truth
  renograde compare first.onnx second.onnx --truth RCCNucSeg/Test --out compared
  renograde compare runs/first runs/second --truth RCCNucSeg/Test --out compared --csv images.csv`,
    )
    .action(async (a: string, b: string, options: CompareOptions) => {
      await run((context) => compare(context, a, b, options));
    });
}
