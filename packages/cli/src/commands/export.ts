/**
 * `renograde export`: the checkpoint of a run as a self-describing ONNX model.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { type Context, type JsonOption, printResult } from "../context.js";
import type { Run } from "../program.js";

interface ExportOptions {
  readonly out: string;
  readonly checkpoint: "best" | "last";
  readonly half?: boolean;
  readonly json?: JsonOption;
}

async function exportModel(context: Context, runDir: string, options: ExportOptions): Promise<void> {
  const { UsageError } = await import("@renograde/core");
  if (options.checkpoint !== "best" && options.checkpoint !== "last") {
    throw new UsageError(`--checkpoint: expected best or last, received "${String(options.checkpoint)}"`);
  }
  const { exportRun } = await import("@renograde/training");
  const metadata = await exportRun(runDir, options.out, {
    checkpoint: options.checkpoint,
    weights: options.half === true ? "float16" : "float32",
  });
  const { size } = await stat(options.out);
  await printResult(context, options.json, { path: options.out, bytes: size, metadata }, () =>
    [
      `${options.out}: ${metadata.name}, ${metadata.network}, width ${metadata.width}, ${(size / 1e6).toFixed(1)} MB`,
      `classes ${metadata.classes.classes.map((c) => c.name).join(", ")}; ${metadata.mpp} µm/px; licence ${metadata.licence}`,
      `next: renograde grade IMAGE --model ${options.out} --out results`,
    ].join("\n"),
  );
}

/** Registers `renograde export`. */
export function registerExport(program: Command, run: Run): void {
  program
    .command("export")
    .description("write the model of a run as one ONNX file that says everything grading needs")
    .argument("<run>", "run folder that renograde train wrote")
    .requiredOption("-o, --out <file>", "the ONNX file to write")
    .option("--checkpoint <which>", "best or last", "best")
    .option("--half", "store the weights as 16-bit floats: half the size; computation stays in 32 bits")
    .option("--json [file]", "print the metadata as one JSON document, or write it to a file")
    .addHelpText("after", "\nExample: renograde export runs/first --out first.onnx")
    .action(async (runDir: string, options: ExportOptions) => {
      await run((context) => exportModel(context, runDir, options));
    });
}
