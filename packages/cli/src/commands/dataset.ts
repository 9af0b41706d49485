/**
 * `renograde dataset`: check, stats, split and synthesize.
 *
 * @module
 */
import { join } from "node:path";
import type { Dataset, SetName, Split } from "@renograde/training";
import { Command, Option } from "commander";
import {
  type Context,
  type JsonOption,
  pathOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../context.js";
import type { Run } from "../program.js";
import { counted } from "../progress.js";
import { formatTable, integer } from "../tables.js";

interface SplitCommandOptions {
  readonly by: "image" | "slide" | "patient";
  readonly seed: number;
  readonly json?: JsonOption;
}

const SET_NAMES: readonly SetName[] = ["train", "valid", "test"];

async function open(
  folder: string,
  options: SplitCommandOptions,
): Promise<{ dataset: Dataset; split: Split }> {
  const { openDataset, splitDataset } = await import("@renograde/training");
  const dataset = await openDataset(folder);
  const split = await splitDataset(dataset, {
    by: options.by,
    seed: options.seed,
    fractions: [0.7, 0.1, 0.2],
  });
  return { dataset, split };
}

/** Reads everything once and reports; `check` fails when there are findings, `stats` does not. */
async function survey(
  context: Context,
  folder: string,
  options: SplitCommandOptions,
  strict: boolean,
): Promise<void> {
  const { datasetStats } = await import("@renograde/training");
  const { dataset, split } = await open(folder, options);
  const stage = context.progress.stage(strict ? "checking" : "counting", "images");
  const stats = await datasetStats(dataset, split, {
    signal: context.signal,
    onProgress: (done, total) => stage.update(done, total),
  });
  stage.end(counted(stats.total.images, "image"));
  const document = {
    folder,
    layout: dataset.layout,
    synthetic: dataset.synthetic,
    split: split.origin,
    ...stats,
  };
  await printResult(context, options.json, document, () => {
    const row = (name: string, set: typeof stats.total): string[] => [
      name,
      integer(set.images),
      integer(set.nuclei),
      ...set.perClass.map(
        (n) => `${integer(n)} (${set.nuclei === 0 ? "–" : `${((100 * n) / set.nuclei).toFixed(1)} %`})`,
      ),
      integer(set.slides),
      integer(set.patients),
    ];
    const shared = (what: string, names: readonly string[]): string[] =>
      names.length === 0
        ? []
        : [
            `${names.length} ${what} occur in more than one set: scores measure recognition within ${what}, not of new ones`,
          ];
    return [
      `${folder}: ${dataset.layout} layout, split: ${split.origin}${dataset.synthetic ? "; SYNTHETIC data" : ""}`,
      "",
      formatTable([
        ["set", "images", "nuclei", ...stats.classNames, "slides", "patients"],
        ...SET_NAMES.map((name) => row(name, stats.sets[name])),
        row("all", stats.total),
      ]),
      ...shared("slides", stats.sharedSlides),
      ...shared("patients", stats.sharedPatients),
      ...(stats.warnings.length === 0
        ? ["nothing to complain about"]
        : [`${stats.warnings.length} findings:`, ...stats.warnings.map((w) => `  ${w}`)]),
    ].join("\n");
  });
  if (strict && stats.warnings.length > 0) context.exitCode = 1;
}

async function writeSplit(context: Context, folder: string, options: SplitCommandOptions): Promise<void> {
  const { dataset, split } = await open(folder, options);
  const names = (set: SetName): string[] => split[set].map((index) => dataset.entries[index]!.name);
  const document = {
    folder,
    origin: split.origin,
    comparableWithTable1: split.origin === "folders",
    train: names("train"),
    valid: names("valid"),
    test: names("test"),
  };
  await printResult(context, options.json, document, () =>
    [
      `${folder}: ${split.origin}${document.comparableWithTable1 ? "" : " (not comparable with the paper's Table 1)"}`,
      ...SET_NAMES.flatMap((set) => [
        `${set}: ${document[set].length} images`,
        ...document[set].map((name) => `  ${name}`),
      ]),
    ].join("\n"),
  );
}

interface SynthesizeOptions {
  readonly out: string;
  readonly train: number;
  readonly valid: number;
  readonly test: number;
  readonly size: number;
  readonly seed: number;
  readonly section?: number;
  readonly mpp: number;
  readonly name?: string;
  readonly json?: JsonOption;
}

async function synthesize(context: Context, options: SynthesizeOptions): Promise<void> {
  const { writeSyntheticDataset, writeSyntheticSection } = await import("@renograde/training");
  if (options.section !== undefined) {
    const stage = context.progress.stage("drawing", "sections");
    const written = await writeSyntheticSection({
      outDir: options.out,
      name: options.name ?? `synthetic-${options.seed}`,
      size: options.section,
      seed: options.seed,
      mpp: options.mpp,
    });
    stage.end(`${integer(written.nuclei)} nuclei on ${options.section} x ${options.section} px`);
    await printResult(
      context,
      options.json,
      { synthetic: true, ...written },
      () => `SYNTHETIC section ${written.imagePath}; truth ${written.labelPath} and ${written.classPath}`,
    );
    return;
  }
  const stage = context.progress.stage("drawing", "patches");
  const summary = await writeSyntheticDataset({
    outDir: options.out,
    train: options.train,
    valid: options.valid,
    test: options.test,
    size: options.size,
    seed: options.seed,
    section: { mpp: options.mpp },
    signal: context.signal,
    onProgress: (p) => stage.update(p.done, p.total, p.name),
  });
  stage.end(`${summary.written} written, ${summary.skipped} were there`);
  await printResult(
    context,
    options.json,
    { synthetic: true, outDir: options.out, ...summary },
    () => `SYNTHETIC dataset in ${options.out} (${join(options.out, "SYNTHETIC.json")} says how it was made)`,
  );
}

/** Registers `renograde dataset` and its subcommands. */
export function registerDataset(program: Command, run: Run): void {
  const dataset = program
    .command("dataset")
    .description("everything about data: check, stats, split, synthesize")
    .helpCommand(false);
  const withSplit = (command: Command): Command =>
    command
      .argument("<dir>", "dataset folder: RCCNucSeg, or images/ with labels/ and classes/")
      .addOption(
        new Option("--by <unit>", "unit of the split; folders train/valid/test are kept with image")
          .choices(["image", "slide", "patient"])
          .default("image"),
      )
      .option("--seed <n>", "seed of a random split", wholeNumber("--seed", 0), 10)
      .option("--json [file]", "print one JSON document, or write it to a file");
  const subcommands = [
    withSplit(new Command("check"))
      .description("read every file, report what is wrong, count nuclei")
      .addHelpText("after", "\nExample: renograde dataset check RCCNucSeg")
      .action(async (folder: string, options: SplitCommandOptions) => {
        await run((context) => survey(context, folder, options, true));
      }),
    withSplit(new Command("stats"))
      .description("count images, nuclei and classes per set")
      .addHelpText("after", "\nExample: renograde dataset stats RCCNucSeg --json stats.json")
      .action(async (folder: string, options: SplitCommandOptions) => {
        await run((context) => survey(context, folder, options, false));
      }),
    withSplit(new Command("split"))
      .description("say which image is in which set")
      .addHelpText("after", "\nExample: renograde dataset split RCCNucSeg --by patient --json split.json")
      .action(async (folder: string, options: SplitCommandOptions) => {
        await run((context) => writeSplit(context, folder, options));
      }),
    new Command("synthesize")
      .description("draw SYNTHETIC clear cell carcinoma with exact truth: a dataset, or one section")
      .requiredOption("-o, --out <dir>", "folder to write into", pathOf("--out"))
      .option("--train <n>", "training patches", wholeNumber("--train", 0), 70)
      .option("--valid <n>", "validation patches", wholeNumber("--valid", 0), 10)
      .option("--test <n>", "test patches", wholeNumber("--test", 0), 20)
      .option("--size <px>", "side of a patch", wholeNumber("--size", 64), 512)
      .option(
        "--section <px>",
        "draw one section of this side instead, with label PNG truth",
        wholeNumber("--section", 64),
      )
      .option("--name <name>", "base name of the section")
      .option("--mpp <number>", "micrometres per pixel", positiveNumber("--mpp"), 0.25)
      .option("--seed <n>", "the same seed draws the same pixels", wholeNumber("--seed", 0), 1)
      .option("--json [file]", "print one JSON document, or write it to a file")
      .addHelpText(
        "after",
        "\nExamples:\n  renograde dataset synthesize --out synthetic --train 70 --valid 10 --test 20\n  renograde dataset synthesize --out section --section 1024 --seed 7",
      )
      .action(async (options: SynthesizeOptions) => {
        await run((context) => synthesize(context, options));
      }),
  ];
  for (const subcommand of subcommands) dataset.addCommand(subcommand.copyInheritedSettings(dataset));
}
