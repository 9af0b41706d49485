/**
 * `renograde reproduce`: a table of the paper on a dataset, ours beside the published figures.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Nucleus } from "@renograde/core";
import type { ImageGrader, Protocol, ReproducedTable, TableEvent, TableName } from "@renograde/training";
import { Argument, type Command } from "commander";
import {
  type Context,
  collect,
  type JsonOption,
  listOf,
  pathOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../context.js";
import type { Run } from "../program.js";
import type { Stage } from "../progress.js";
import { formatTable } from "../tables.js";
import { trainReporter } from "../train-reporter.js";

const NETWORKS = [
  "u-net",
  "mask-rcnn",
  "micro-net",
  "hover-net",
  "chr-net",
  "shr",
  "mhr",
  "mhr-udist",
] as const;

interface ReproduceOptions {
  readonly data?: string;
  readonly out: string;
  readonly seeds: number;
  readonly folds?: number;
  readonly epochs?: number;
  readonly width?: number;
  readonly rows?: string[];
  readonly config?: string;
  readonly set: string[];
  readonly smoke?: boolean;
  readonly json?: JsonOption;
}

/** Sections that `--smoke` draws: enough for two batches per epoch, quickly drawn. */
const SMOKE_SECTIONS = { train: 4, valid: 1, test: 2, size: 512, seed: 1 };

/** Settings with which narrow networks learn something within a minute; `--set` wins over them. */
const SMOKE_SETTINGS = [
  "train.batch=2",
  "train.phases=[{epochs: 8, lr: 0.003, lrDrop: 0.001, lrDropAfter: 5}]",
  "train.validEvery=8",
];

/** Opens exported models with ONNX Runtime. */
async function openGrader(modelPath: string): Promise<ImageGrader> {
  const { drawOverlay } = await import("@renograde/core");
  const { gradeImage } = await import("@renograde/grading");
  const { openOnnxModel } = await import("@renograde/grading/node");
  const { session, metadata } = await openOnnxModel(modelPath);
  return {
    async grade(image, mpp) {
      const pixelSize = { mpp, source: "data.mpp" };
      const { labels, nuclei } = await gradeImage(image, session, metadata, { pixelSize });
      return { labels, types: new Map(nuclei.map((n) => [n.id, n.type])) };
    },
    draw(image, { labels, types }, mpp) {
      const nuclei = [...types].map(([id, type]): Pick<Nucleus, "id" | "type"> => ({ id, type }));
      return drawOverlay(image, { labels, nuclei, classes: metadata.classes, pixelSize: { mpp } });
    },
    close: () => session.close(),
  };
}

/** One line per run, and the progress of what it is at. */
function reporter(
  context: Context,
  { runName }: typeof import("@renograde/training"),
): (event: TableEvent) => void {
  let training = trainReporter(context);
  let grading: Stage | undefined;
  return (event) => {
    switch (event.kind) {
      case "run":
        training = trainReporter(context);
        grading = undefined;
        context.progress.info(
          `run ${event.run} of ${event.runs}: ${runName(event)}${event.finished ? ", finished before" : ""}`,
        );
        break;
      case "train":
        training(event.event);
        break;
      case "grade":
        grading ??= context.progress.stage("grading", "test images");
        grading.update(event.done, event.total);
        break;
      case "failed":
        context.progress.warn(`${runName(event)}: ${event.message}`);
        break;
      case "busy":
        context.progress.info(`${runName(event)}: process ${event.pid} is at it, left for later`);
        break;
    }
  };
}

/** Draws the data of `--smoke`, where it is not there yet. */
async function drawSections(context: Context, outDir: string): Promise<string> {
  const { writeSyntheticDataset } = await import("@renograde/training");
  const folder = join(outDir, "synthetic-data");
  const stage = context.progress.stage("drawing synthetic sections", "patches");
  await writeSyntheticDataset({
    outDir: folder,
    ...SMOKE_SECTIONS,
    signal: context.signal,
    onProgress: (p) => stage.update(p.done, p.total),
  });
  return folder;
}

function shortTable(table: ReproducedTable, score: (value: number | undefined) => string): string {
  const head = ["", "Dice", "AJI", "PQ", "aPQ", ...table.dataset.classes.classes.map((c) => `PQ ${c.short}`)];
  return formatTable([
    head,
    ...table.rows.map(({ row, scores }) => [
      row.title,
      ...[scores?.dice, scores?.aji, scores?.pq, scores?.apq].map((s) => score(s?.value)),
      ...table.dataset.classes.classes.map((_, i) => score(scores?.classPq[i]?.value)),
    ]),
  ]);
}

async function reproduce(context: Context, name: TableName, options: ReproduceOptions): Promise<void> {
  const { UsageError } = await import("@renograde/core");
  const { readFileBytes } = await import("@renograde/slides/node");
  const training = await import("@renograde/training");
  if (options.smoke !== true && options.data === undefined) {
    throw new UsageError("reproduce needs --data DIR (RCCNucSeg, or any dataset of train), or --smoke");
  }
  const protocol: Protocol = {
    config: options.config === undefined ? "" : new TextDecoder().decode(await readFileBytes(options.config)),
    source: options.config ?? "--set",
    ...(options.config === undefined ? {} : { folder: dirname(options.config) }),
    set: [...(options.smoke ? SMOKE_SETTINGS : []), ...options.set],
    seeds: options.seeds,
    ...(options.smoke ? { width: 0.125 } : {}),
    ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
    ...(options.width === undefined ? {} : { width: options.width }),
    ...(options.folds === undefined ? {} : { folds: options.folds }),
  };
  const dataDir = options.data ?? (await drawSections(context, options.out));
  const table = await training.reproduceTable({
    table: name,
    dataDir,
    outDir: options.out,
    protocol,
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    openGrader,
    signal: context.signal,
    onProgress: reporter(context, training),
  });
  const files = await training.writeTable(table, options.out);
  if (table.failures.length > 0) context.exitCode = 1;
  await printResult(context, options.json, { files, ...table }, () =>
    [
      shortTable(table, (value) => (value === undefined || Number.isNaN(value) ? "–" : value.toFixed(4))),
      ...table.failures.map((failure) => `failed: ${failure}`),
      ...table.elsewhere.map((run) => `not finished, another process is at it: ${run}`),
      "",
      ...(table.dataset.synthetic ? ["Synthetic sections: not comparable with the published figures."] : []),
      `published, ours, intervals and pictures: ${files.html}`,
      `as text: ${files.markdown}, ${files.csv}`,
    ].join("\n"),
  );
}

/** Registers `renograde reproduce`. */
export function registerReproduce(program: Command, run: Run): void {
  program
    .command("reproduce")
    .description("train and measure every row of a table of the paper on a dataset; resumes where it stopped")
    .addArgument(
      new Argument("<table>", "table1: all methods; table2: the ablation").choices(["table1", "table2"]),
    )
    .option("--data <dir>", "dataset folder, for instance RCCNucSeg", pathOf("--data"))
    .requiredOption("-o, --out <dir>", "folder of runs, models and the table", pathOf("--out"))
    .option("--seeds <n>", "runs per row", wholeNumber("--seeds", 1), 1)
    .option(
      "--folds <k>",
      "cross-validation: all images in k parts, each tested once",
      wholeNumber("--folds", 2),
    )
    .option("--epochs <n>", "epochs of every phase (default: 50)", wholeNumber("--epochs", 1))
    .option("--width <x>", "channel multiplier of every network (default 1)", positiveNumber("--width"))
    .option("--rows <list>", "only these networks, comma-separated", listOf("--rows", NETWORKS))
    .option("-c, --config <file>", "YAML file of training options for every row")
    .option("--set <key=value>", "one training option for every row, repeatable", collect, [])
    .option("--smoke", "the same in minutes: synthetic sections, narrow networks, eight epochs")
    .option("--json [file]", "print everything as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExamples:\n  renograde reproduce table1 --data RCCNucSeg --seeds 3 --out table1\n  renograde reproduce table1 --data my-patches --rows hover-net,chr-net --folds 3 --out mine\n  renograde reproduce table2 --smoke --out smoke",
    )
    .action(async (table: TableName, options: ReproduceOptions) => {
      await run((context) => reproduce(context, table, options));
    });
}
