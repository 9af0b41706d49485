/**
 * What the subcommands share: opening a dataset, the options that choose its sets, the table of a survey.
 *
 * @module
 */
import { type ClassScheme, UsageError } from "@renograde/core";
import type { Dataset, DatasetStats, SetName, SetStats, Split } from "@renograde/training";
import { type Command, Option } from "commander";
import { type JsonOption, pathOf, wholeNumber } from "../../context.js";
import { formatTable, integer } from "../../tables.js";

/** The sets in the order of tables. */
export const SET_NAMES: readonly SetName[] = ["train", "valid", "test"];

/** The published shares: 700, 100 and 200 of 1000 patches. */
export const PUBLISHED_FRACTIONS: readonly [number, number, number] = [0.7, 0.1, 0.2];

/** Values of {@link withSets}. */
export interface SetOptions {
  readonly by: "image" | "slide" | "patient";
  readonly seed: number;
  readonly classes?: string;
  readonly patientPattern?: string;
  readonly json?: JsonOption;
}

/** Adds the folder and the options that say which image is in which set. */
export function withSets(command: Command): Command {
  return command
    .argument("<dir>", "dataset folder: RCCNucSeg, or images/ with labels/ and classes/")
    .addOption(
      new Option("--by <unit>", "unit of the split; folders train/valid/test are kept with image")
        .choices(["image", "slide", "patient"])
        .default("image"),
    )
    .option("--seed <n>", "seed of a random split", wholeNumber("--seed", 0), 10)
    .addOption(classesOption())
    .addOption(patientPatternOption())
    .option("--json [file]", "print one JSON document, or write it to a file");
}

/** How the options say to open a folder. */
export function datasetOptions(options: { readonly classes?: string; readonly patientPattern?: string }): {
  classMap: string | null;
  patientPattern: string | null;
} {
  return { classMap: options.classes ?? null, patientPattern: options.patientPattern ?? null };
}

/** `--classes`. */
export function classesOption(): Option {
  return new Option(
    "--classes <file>",
    "mapping file of the classes; default: classes.json of the folder",
  ).argParser(pathOf("--classes"));
}

/** `--patient-pattern`. */
export function patientPatternOption(): Option {
  return new Option(
    "--patient-pattern <regexp>",
    "what names the patient in an image's name; default: TCGA barcodes",
  ).argParser(patternOf);
}

/** A regular expression, as text. */
function patternOf(text: string): string {
  try {
    new RegExp(text);
  } catch (error) {
    throw new UsageError(`--patient-pattern: ${(error as Error).message}`);
  }
  return text;
}

/** Opens a folder and splits it as the trainer would. */
export async function openWithSets(
  folder: string,
  options: SetOptions,
): Promise<{ dataset: Dataset; split: Split }> {
  const { openDataset, splitDataset } = await import("@renograde/training");
  const dataset = await openDataset(folder, datasetOptions(options));
  const split = await splitDataset(dataset, {
    by: options.by,
    seed: options.seed,
    fractions: PUBLISHED_FRACTIONS,
  });
  return { dataset, split };
}

/** `0.7,0.1,0.2` as shares that sum to 1. */
export function fractionsOf(text: string): [number, number, number] {
  const parts = text.split(",").map(Number);
  const [train, valid, test] = parts;
  const sum = parts.reduce((a, b) => a + b, 0);
  if (
    parts.length !== 3 ||
    train === undefined ||
    valid === undefined ||
    test === undefined ||
    parts.some((part) => !(part >= 0)) ||
    Math.abs(sum - 1) > 1e-6 ||
    train === 0
  ) {
    throw new UsageError(
      `--fractions: expected the shares of train, valid and test that sum to 1, such as 0.7,0.1,0.2, received "${text}"`,
    );
  }
  return [train, valid, test];
}

/** Counts and class shares of every set, and of all together. */
export function setsTable(
  classes: ClassScheme["classes"] | readonly { readonly name: string }[],
  stats: Pick<DatasetStats, "sets" | "total">,
): string {
  const row = (name: string, set: SetStats): string[] => [
    name,
    integer(set.images),
    integer(set.nuclei),
    ...set.perClass.map(
      (n) => `${integer(n)} (${set.nuclei === 0 ? "–" : `${((100 * n) / set.nuclei).toFixed(1)} %`})`,
    ),
    set.slides === 0 ? "unknown" : integer(set.slides),
    set.patients === 0 ? "unknown" : integer(set.patients),
  ];
  const used = SET_NAMES.filter((name) => stats.sets[name].images > 0);
  return formatTable([
    ["set", "images", "nuclei", ...classes.map((c) => c.name), "slides", "patients"],
    ...used.map((name) => row(name, stats.sets[name])),
    row("all", stats.total),
  ]);
}

/** What shared slides and patients mean for scores; nothing when none is shared. */
export function sharingNotes(stats: Pick<DatasetStats, "sharedSlides" | "sharedPatients">): string[] {
  const note = (what: string, names: readonly string[]): string[] =>
    names.length === 0
      ? []
      : [
          `${integer(names.length)} ${what} occur in more than one set: scores measure recognition within ${what}, not of new ones`,
        ];
  return [...note("slides", stats.sharedSlides), ...note("patients", stats.sharedPatients)];
}
