/**
 * `renograde dataset stats`: images, nuclei and classes per set.
 *
 * @module
 */
import { Command } from "commander";
import { type Context, printResult } from "../../context.js";
import type { Run } from "../../program.js";
import { counted } from "../../progress.js";
import { openWithSets, type SetOptions, setsTable, sharingNotes, withSets } from "./open.js";

async function showStats(context: Context, folder: string, options: SetOptions): Promise<void> {
  const { datasetStats } = await import("@renograde/training");
  const { dataset, split } = await openWithSets(folder, options);
  const stage = context.progress.stage("counting", "images");
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
  await printResult(context, options.json, document, () =>
    [
      `${folder}: ${dataset.layout} layout, split: ${split.origin}${dataset.synthetic ? "; SYNTHETIC data" : ""}`,
      "",
      setsTable(dataset.classes.classes, stats),
      ...sharingNotes(stats),
      ...(stats.warnings.length === 0
        ? []
        : [`${stats.warnings.length} findings:`, ...stats.warnings.map((w) => `  ${w}`)]),
    ].join("\n"),
  );
}

/** The command `stats`. */
export function statsCommand(run: Run): Command {
  return withSets(new Command("stats"))
    .description("count images, nuclei and classes per set")
    .addHelpText("after", "\nExample: renograde dataset stats RCCNucSeg --json stats.json")
    .action(async (folder: string, options: SetOptions) => {
      await run((context) => showStats(context, folder, options));
    });
}
