/**
 * `renograde dataset synthesize`: SYNTHETIC sections with exact truth.
 *
 * @module
 */
import { join } from "node:path";
import { Command } from "commander";
import {
  type Context,
  type JsonOption,
  pathOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../../context.js";
import type { Run } from "../../program.js";
import { integer } from "../../tables.js";

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

/** The command `synthesize`. */
export function synthesizeCommand(run: Run): Command {
  return new Command("synthesize")
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
    });
}
