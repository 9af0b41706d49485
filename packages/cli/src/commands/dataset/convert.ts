/**
 * `renograde dataset convert`: foreign data sets into a layout training reads.
 *
 * @module
 */
import type { ConvertFrom, DatasetLayout, SetName } from "@renograde/training";
import { Command, Option } from "commander";
import { type Context, type JsonOption, pathOf, positiveNumber, printResult } from "../../context.js";
import type { Run } from "../../program.js";
import { formatTable, integer } from "../../tables.js";
import { SET_NAMES } from "./open.js";

/** The readers, as `--from` names them. */
const SOURCES: readonly ConvertFrom[] = [
  "pannuke",
  "monusac",
  "lizard",
  "conic",
  "kumar",
  "cpm",
  "consep",
  "hover-net",
  "geojson",
  "label-png",
  "rccnucseg",
];
const LAYOUTS: readonly DatasetLayout[] = ["label-png", "rccnucseg"];
/** Warnings shown one by one; of more there is only the number. */
const MOST_WARNINGS = 20;

interface ConvertCommandOptions {
  readonly from: ConvertFrom;
  readonly to: DatasetLayout;
  readonly out: string;
  readonly mpp?: number;
  readonly toMpp?: number;
  readonly classes?: string;
  readonly set?: SetName;
  readonly json?: JsonOption;
}

async function convert(context: Context, input: string, options: ConvertCommandOptions): Promise<void> {
  const { convertDataset } = await import("@renograde/training");
  const stage = context.progress.stage("converting", "images");
  let warnings = 0;
  const summary = await convertDataset({
    input,
    from: options.from,
    to: options.to,
    outDir: options.out,
    ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
    ...(options.toMpp === undefined ? {} : { toMpp: options.toMpp }),
    ...(options.classes === undefined ? {} : { classMap: options.classes }),
    ...(options.set === undefined ? {} : { set: options.set }),
    signal: context.signal,
    onProgress: (done, total, name) => stage.update(done, total, name),
    onWarning: (message) => {
      if (++warnings <= MOST_WARNINGS) context.progress.warn(message);
    },
  });
  stage.end(`${summary.written} written, ${summary.skipped} were there`);
  if (warnings > MOST_WARNINGS) {
    context.progress.warn(`${warnings - MOST_WARNINGS} more warnings of this kind are not shown`);
  }
  const document = {
    outDir: options.out,
    warnings,
    ...summary,
    failures: summary.failures.map((f) => f.message),
  };
  await printResult(context, options.json, document, () =>
    [
      formatTable([
        ["class", "nuclei written now"],
        ...summary.classNames.map((name, i) => [name, integer(summary.perClass[i]!)]),
      ]),
      "",
      `data set in ${options.out}${summary.mpp === null ? "" : `, ${summary.mpp} µm/px`}`,
      `next: renograde dataset check ${options.out}`,
    ].join("\n"),
  );
  for (const failure of summary.failures) context.progress.error(failure.message);
  if (summary.failures.length > 0) context.exitCode = 1;
}

/** The command `convert`. */
export function convertCommand(run: Run): Command {
  return new Command("convert")
    .description(
      "turn PanNuke, MoNuSAC, Lizard, CoNIC, Kumar, CPM, CoNSeP or outlines into a data set to train on",
    )
    .argument("<input>", "folder of the source, unpacked", pathOf("input"))
    .addOption(new Option("--from <kind>", "what the source is").choices(SOURCES).makeOptionMandatory())
    .addOption(new Option("--to <layout>", "layout to write").choices(LAYOUTS).default("label-png"))
    .requiredOption("-o, --out <dir>", "folder to write into", pathOf("--out"))
    .option("--mpp <number>", "µm per pixel of the source; default: as published", positiveNumber("--mpp"))
    .option("--to-mpp <number>", "resample to this, such as 0.25 for 40x", positiveNumber("--to-mpp"))
    .option("--classes <file>", "mapping file: source class number to target, 0 drops", pathOf("--classes"))
    .addOption(new Option("--set <name>", "put every image into this set").choices(SET_NAMES))
    .option("--json [file]", "print one JSON document, or write it to a file")
    .addHelpText(
      "after",
      '\nFinished images are kept: the same command continues an interrupted conversion.\n\nExamples:\n  renograde dataset convert "PanNuke/Fold 1" --from pannuke --out pannuke --set train\n  renograde dataset convert CoNIC --from conic --to-mpp 0.25 --out conic40x',
    )
    .action(async (input: string, options: ConvertCommandOptions) => {
      await run((context) => convert(context, input, options));
    });
}
