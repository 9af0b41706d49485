/**
 * `renograde dataset split`: which image is in which set, and a new split by image, slide or patient.
 *
 * @module
 */
import type { Dataset, Split } from "@renograde/training";
import { Command, Option } from "commander";
import { type Context, type JsonOption, pathOf, printResult, wholeNumber } from "../../context.js";
import type { Run } from "../../program.js";
import {
  classesOption,
  datasetOptions,
  fractionsOf,
  PUBLISHED_FRACTIONS,
  patientPatternOption,
  type SET_NAMES,
  setsTable,
  sharingNotes,
} from "./open.js";

interface SplitCommandOptions {
  readonly by?: "image" | "slide" | "patient";
  readonly seed: number;
  readonly fractions: [number, number, number];
  readonly classes?: string;
  readonly patientPattern?: string;
  readonly out?: string;
  readonly json?: JsonOption;
}

/** With `--by` a new split, without it the one the trainer would use. */
async function openSplit(
  context: Context,
  folder: string,
  options: SplitCommandOptions,
): Promise<{ dataset: Dataset; split: Split }> {
  const { openDataset, splitDataset, stratifiedSplit } = await import("@renograde/training");
  const dataset = await openDataset(folder, datasetOptions(options));
  const { by, seed, fractions } = options;
  if (by === undefined) {
    return { dataset, split: await splitDataset(dataset, { by: "image", seed, fractions }) };
  }
  const stage = context.progress.stage("reading", "images");
  const split = await stratifiedSplit(
    dataset,
    { by, seed, fractions },
    { signal: context.signal, onProgress: (done, total) => stage.update(done, total) },
  );
  stage.end();
  return { dataset, split };
}

async function writeSplit(
  context: Context,
  dataset: Dataset,
  split: Split,
  out: string,
): Promise<{ readonly path: string; readonly next: string }> {
  const { copySplit, formatSplitFile } = await import("@renograde/training");
  const { writeFileAtomic } = await import("@renograde/slides/node");
  if (out.toLowerCase().endsWith(".json")) {
    await writeFileAtomic(out, formatSplitFile(dataset, split));
    return { path: out, next: `renograde train --data ${dataset.root} --set split.file=${out} --run RUN` };
  }
  const stage = context.progress.stage("copying", "images");
  const { copied, skipped } = await copySplit(dataset, split, out, {
    signal: context.signal,
    onProgress: (done, total) => stage.update(done, total),
  });
  stage.end(`${copied} copied, ${skipped} were there`);
  return { path: out, next: `renograde train --data ${out} --run RUN` };
}

async function runSplit(context: Context, folder: string, options: SplitCommandOptions): Promise<void> {
  const { datasetStats } = await import("@renograde/training");
  const { dataset, split } = await openSplit(context, folder, options);
  const stage = context.progress.stage("counting", "images");
  const stats = await datasetStats(dataset, split, {
    signal: context.signal,
    onProgress: (done, total) => stage.update(done, total),
  });
  stage.end();
  const written = options.out === undefined ? null : await writeSplit(context, dataset, split, options.out);
  const names = (set: (typeof SET_NAMES)[number]): string[] =>
    split[set].map((index) => dataset.entries[index]!.name);
  const comparable = split.origin === "folders";
  const document = {
    folder,
    origin: split.origin,
    comparableWithTable1: comparable,
    out: written?.path ?? null,
    sets: stats.sets,
    classNames: stats.classNames,
    sharedSlides: stats.sharedSlides,
    sharedPatients: stats.sharedPatients,
    train: names("train"),
    valid: names("valid"),
    test: names("test"),
  };
  await printResult(context, options.json, document, () =>
    [
      `${folder}: ${split.origin}${comparable ? "" : " (not comparable with the paper's Table 1)"}`,
      "",
      setsTable(dataset.classes.classes, stats),
      ...sharingNotes(stats),
      "",
      ...(written === null
        ? ["which image is where: --json; to train on it: --out split.json, or --out DIR for a copy"]
        : [`written to ${written.path}`, `next: ${written.next}`]),
    ].join("\n"),
  );
}

/** The command `split`. */
export function splitCommand(run: Run): Command {
  return new Command("split")
    .description(
      "split anew by image, slide or patient with balanced classes, or show the split that is there",
    )
    .argument("<dir>", "dataset folder: RCCNucSeg, or images/ with labels/ and classes/")
    .addOption(
      new Option(
        "--by <unit>",
        "what stays together in a new split; default: show the folders' split",
      ).choices(["image", "slide", "patient"]),
    )
    .option("--seed <n>", "seed of the split", wholeNumber("--seed", 0), 10)
    .option("--fractions <a,b,c>", "shares of train, valid and test", fractionsOf, [...PUBLISHED_FRACTIONS])
    .addOption(classesOption())
    .addOption(patientPatternOption())
    .option("-o, --out <path>", "FILE.json for training to read, or a folder for a copy", pathOf("--out"))
    .option("--json [file]", "print one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExamples:\n  renograde dataset split RCCNucSeg --by patient --out patients.json\n  renograde train --data RCCNucSeg --set split.file=patients.json --run runs/patients",
    )
    .action(async (folder: string, options: SplitCommandOptions) => {
      await run((context) => runSplit(context, folder, options));
    });
}
