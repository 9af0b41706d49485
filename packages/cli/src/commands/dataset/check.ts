/**
 * `renograde dataset check`: reads every file and reports what is wrong.
 *
 * @module
 */
import { Command } from "commander";
import { type Context, printResult } from "../../context.js";
import type { Run } from "../../program.js";
import { counted } from "../../progress.js";
import { openWithSets, type SetOptions, setsTable, sharingNotes, withSets } from "./open.js";

async function check(context: Context, folder: string, options: SetOptions): Promise<void> {
  const { datasetStats } = await import("@renograde/training");
  const { dataset, split } = await openWithSets(folder, options);
  const stage = context.progress.stage("checking", "images");
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
        ? ["nothing to complain about"]
        : [`${stats.warnings.length} findings:`, ...stats.warnings.map((w) => `  ${w}`)]),
    ].join("\n"),
  );
  if (stats.warnings.length > 0) context.exitCode = 1;
}

/** The command `check`. */
export function checkCommand(run: Run): Command {
  return withSets(new Command("check"))
    .description("read every file, report what is wrong, count nuclei")
    .addHelpText("after", "\nExample: renograde dataset check RCCNucSeg")
    .action(async (folder: string, options: SetOptions) => {
      await run((context) => check(context, folder, options));
    });
}
