/**
 * `renograde dataset check`: reads every file and reports what is wrong or looks wrong.
 *
 * @module
 */
import type {
  Dataset,
  DatasetCheck,
  PlacedDuplicate,
  PlacedSuspicion,
  Split,
  SuspicionKind,
} from "@renograde/training";
import { Command } from "commander";
import { type Context, pathOf, printResult, wholeNumber } from "../../context.js";
import type { Run } from "../../program.js";
import { counted, type Stage } from "../../progress.js";
import { formatTable, integer } from "../../tables.js";
import { openWithSets, type SetOptions, setsTable, sharingNotes, withSets } from "./open.js";

interface CheckCommandOptions extends SetOptions {
  readonly sheet?: string;
  readonly sheetSize: number;
  readonly duplicates: boolean;
}

/** Lines of one kind shown as text; `--json` has all. */
const MOST_LINES = 10;

const MEANINGS: Readonly<Record<SuspicionKind, string>> = {
  merged: "touching nuclei drawn as one",
  mixed: "more than one class inside",
  tiny: "below a tenth of the image's median area",
  huge: "three times as large as nine in ten of the image",
  hole: "encloses pixels that are not its own",
  parts: "in several parts",
};

function shorten(lines: readonly string[]): string[] {
  const shown = lines.slice(0, MOST_LINES).map((line) => `  ${line}`);
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...shown, `  and ${integer(more)} more (all with --json)`] : shown;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...shorten(lines)];
}

function describePair(pair: PlacedDuplicate, orientations: readonly { readonly name: string }[]): string {
  const how = orientations[pair.orientation]!.name;
  const share = pair.overlap >= 0.999 ? "the same image" : `share ${Math.round(100 * pair.overlap)} %`;
  const same = pair.identical ? "identical pixels" : `correlation ${pair.correlation.toFixed(3)}`;
  const sets = pair.sets[0] === pair.sets[1] ? `both in ${pair.sets[0]}` : `in ${pair.sets.join(" and ")}`;
  return `${pair.images.join(" and ")}: ${share}, ${same}${how === "" ? "" : `, ${how}`}; ${sets}`;
}

function suspicionRows(check: DatasetCheck): string {
  const nuclei = check.stats.total.nuclei;
  const kinds = Object.keys(MEANINGS) as SuspicionKind[];
  const rows = kinds.map((kind) => {
    const found = check.suspicions.filter((suspicion) => suspicion.kind === kind);
    const images = new Set(found.map((suspicion) => suspicion.index)).size;
    const share = nuclei === 0 ? "–" : `${((100 * found.length) / nuclei).toFixed(2)} %`;
    return [`${kind}: ${MEANINGS[kind]}`, integer(found.length), share, integer(images)];
  });
  return formatTable([["suspicious nuclei", "count", "of all", "images"], ...rows]);
}

function where(suspicion: PlacedSuspicion): string {
  const [top, left] = suspicion.box;
  return `${suspicion.image} nucleus ${suspicion.instance} at (${left}, ${top}): ${suspicion.kind}, ${suspicion.detail}`;
}

function verdict(check: DatasetCheck): string {
  const { errors, warnings, duplicates, suspicions } = check;
  if (errors.length + warnings.length + duplicates.length + suspicions.length === 0) {
    return "nothing to complain about";
  }
  return `${counted(errors.length, "error")}, ${counted(warnings.length, "warning")}, ${counted(duplicates.length, "pair")} of images with shared tissue, ${counted(suspicions.length, "suspicion")} on nuclei`;
}

async function drawSheet(
  context: Context,
  dataset: Dataset,
  check: DatasetCheck,
  options: CheckCommandOptions,
): Promise<readonly PlacedSuspicion[]> {
  if (options.sheet === undefined || check.suspicions.length === 0) return [];
  const { drawSuspicionSheet, pickSuspicions } = await import("@renograde/training");
  const { writePng } = await import("@renograde/slides/node");
  const picked = pickSuspicions(check.suspicions, options.sheetSize);
  await writePng(options.sheet, await drawSuspicionSheet(dataset, picked, { signal: context.signal }));
  return picked;
}

async function check(context: Context, folder: string, options: CheckCommandOptions): Promise<void> {
  const { checkDataset, ORIENTATIONS } = await import("@renograde/training");
  const { dataset, split }: { dataset: Dataset; split: Split } = await openWithSets(folder, options);
  const stage = context.progress.stage("checking", "images");
  let pairs: Stage | null = null;
  const result = await checkDataset(dataset, split, {
    duplicates: options.duplicates,
    signal: context.signal,
    onProgress: (name, done, total) => {
      if (name === "pairs") pairs ??= context.progress.stage("comparing", "pairs of images");
      (pairs ?? stage).update(done, total);
    },
  });
  stage.end(counted(result.stats.total.images, "image"));
  const sheet = await drawSheet(context, dataset, result, options);
  const { stats, errors, warnings, duplicates, suspicions } = result;
  const document = {
    folder,
    layout: dataset.layout,
    synthetic: dataset.synthetic,
    split: split.origin,
    ...stats,
    errors,
    warnings,
    duplicates: duplicates.map((pair) => ({ ...pair, orientation: ORIENTATIONS[pair.orientation]!.name })),
    suspicions,
    sheet: sheet.length === 0 ? null : { path: options.sheet, cells: sheet.map(where) },
  };
  const across = duplicates.filter((pair) => pair.sets[0] !== pair.sets[1]).length;
  await printResult(context, options.json, document, () =>
    [
      `${folder}: ${dataset.layout} layout, split: ${split.origin}${dataset.synthetic ? "; SYNTHETIC data" : ""}`,
      "",
      setsTable(dataset.classes.classes, stats),
      ...sharingNotes(stats),
      "",
      suspicionRows(result),
      ...section(`${counted(errors.length, "error")}:`, errors),
      ...section(`${counted(warnings.length, "warning")}:`, warnings),
      ...section(
        `${counted(duplicates.length, "pair")} of images show the same tissue, ${across} of them in different sets:`,
        duplicates.map((pair) => describePair(pair, ORIENTATIONS)),
      ),
      ...(sheet.length === 0
        ? []
        : [
            "",
            `${options.sheet} shows ${sheet.length} of ${integer(suspicions.length)} suspicions:`,
            ...sheet.map((suspicion, i) => `  ${i + 1}: ${where(suspicion)}`),
          ]),
      "",
      verdict(result),
    ].join("\n"),
  );
  if (errors.length > 0) context.exitCode = 1;
}

/** The command `check`. */
export function checkCommand(run: Run): Command {
  return withSets(new Command("check"))
    .description(
      "read every file; counts, leaks between sets, duplicates, suspicious nuclei; fails on errors only",
    )
    .option("--sheet <file>", "draw the clearest suspicious nuclei into a PNG", pathOf("--sheet"))
    .option("--sheet-size <n>", "nuclei on the sheet", wholeNumber("--sheet-size", 1), 60)
    .option("--no-duplicates", "do not look for images of the same tissue")
    .addHelpText(
      "after",
      "\nExample: renograde dataset check RCCNucSeg --sheet suspicious.png --json check.json",
    )
    .action(async (folder: string, options: CheckCommandOptions) => {
      await run((context) => check(context, folder, options));
    });
}
