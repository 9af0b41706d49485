/**
 * `renograde evaluate`: predictions against truth, every metric.
 *
 * @module
 */
import type { Command } from "commander";
import { type Context, collect, type JsonOption, pathOf, printResult } from "../context.js";
import { metricOptions } from "../metric-settings.js";
import type { Run } from "../program.js";
import { counted } from "../progress.js";

interface EvaluateOptions {
  readonly truth: string;
  readonly pred: string;
  readonly ignore?: string;
  readonly csv?: string;
  readonly set: string[];
  readonly json?: JsonOption;
}

async function evaluate(context: Context, options: EvaluateOptions): Promise<void> {
  const chosen = metricOptions(options.set);
  const grading = await import("@renograde/grading/node");
  const { writeFileAtomic } = await import("@renograde/slides/node");
  const stage = context.progress.stage("evaluating", "images");
  const evaluation = await grading.evaluateFolders({
    truthDir: options.truth,
    predictionDir: options.pred,
    ...(options.ignore === undefined ? {} : { ignoreDir: options.ignore }),
    options: chosen,
    signal: context.signal,
    onProgress: ({ done, total, name }) => stage.update(done, total, name),
  });
  stage.end(counted(evaluation.images.length, "image"));
  if (options.csv !== undefined) await writeFileAtomic(options.csv, grading.formatEvaluationCsv(evaluation));
  await printResult(context, options.json, grading.summaryOfEvaluation(evaluation), () =>
    grading.formatEvaluationTable(evaluation),
  );
}

/** Registers `renograde evaluate`. */
export function registerEvaluate(program: Command, run: Run): void {
  program
    .command("evaluate")
    .description("compare predictions with truth: Dice, AJI, PQ, aPQ, F1 and the rest of the metrics")
    .requiredOption("--truth <dir>", "folder of true annotations", pathOf("--truth"))
    .requiredOption("--pred <dir>", "folder of predictions", pathOf("--pred"))
    .option("--ignore <dir>", "folder of label maps: predictions inside are erased first", pathOf("--ignore"))
    .option("--csv <file>", "write the metrics of every image")
    .option("--set <key=value>", "metrics.* options of the specification, repeatable", collect, [])
    .option("--json [file]", "print the summary as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      `
Files are paired by base name. Read as truth or prediction: .mat (RCCNucSeg, HoVer-Net, ours), label PNGs with
classes/*.json, GeoJSON, HoVer-Net JSON. --ignore takes what \`dataset convert\` writes into Ambiguous/.

Example: renograde evaluate --truth RCCNucSeg/Test/Labels --pred results --csv metrics.csv`,
    )
    .action(async (options: EvaluateOptions) => {
      await run((context) => evaluate(context, options));
    });
}
