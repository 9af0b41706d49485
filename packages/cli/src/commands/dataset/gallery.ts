/**
 * `renograde dataset gallery`: augmented samples beside their targets in one picture.
 *
 * @module
 */
import { Command, Option } from "commander";
import { type Context, collect, type JsonOption, pathOf, printResult, wholeNumber } from "../../context.js";
import type { Run } from "../../program.js";
import { counted } from "../../progress.js";

interface GalleryCommandOptions {
  readonly out: string;
  readonly config?: string;
  readonly count: number;
  readonly seed: number;
  readonly images: "train" | "valid" | "test" | "all";
  readonly set: string[];
  readonly json?: JsonOption;
}

async function gallery(context: Context, folder: string, options: GalleryCommandOptions): Promise<void> {
  const { drawGallery, openDataset, readConfig, splitDataset } = await import("@renograde/training");
  const { writePng } = await import("@renograde/slides/node");
  const { DataError } = await import("@renograde/core");
  const config = await readConfig(options.config, options.set);
  const dataset = await openDataset(folder, config.data);
  const images =
    options.images === "all"
      ? [...dataset.entries.keys()]
      : (await splitDataset(dataset, config.split))[options.images];
  if (images.length === 0) throw new DataError(`${folder}: has no ${options.images} images; see --images`);
  const stage = context.progress.stage("drawing", "samples");
  const picture = await drawGallery(dataset, config, {
    images,
    count: options.count,
    seed: options.seed,
    signal: context.signal,
    onProgress: (done, total) => stage.update(done, total),
    onWarning: (message) => context.progress.warn(message),
  });
  await writePng(options.out, picture);
  stage.end(counted(options.count, "sample"));
  const { width, height } = picture;
  await printResult(
    context,
    options.json,
    { path: options.out, width, height, samples: options.count },
    () => `${options.out}: ${options.count} samples as training sees them, ${width} x ${height} px`,
  );
}

/** The command `gallery`. */
export function galleryCommand(run: Run): Command {
  return new Command("gallery")
    .description("draw augmented samples beside their targets")
    .argument("<dir>", "dataset folder: RCCNucSeg, or images/ with labels/ and classes/")
    .requiredOption("-o, --out <file>", "picture to write, .png", pathOf("--out"))
    .option("--config <file>", "YAML configuration; see docs/training.md", pathOf("--config"))
    .option("--count <n>", "samples, one row each", wholeNumber("--count", 1), 6)
    .option("--seed <n>", "chooses images, windows and variations", wholeNumber("--seed", 0), 1)
    .addOption(
      new Option("--images <set>", "images to choose from")
        .choices(["train", "valid", "test", "all"])
        .default("train"),
    )
    .option("--set <key=value>", "an option such as aug.preset=paper, repeatable", collect, [])
    .option("--json [file]", "print one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExample: renograde dataset gallery RCCNucSeg --out gallery.png --count 8 --set aug.stainScale=0.1",
    )
    .action(async (folder: string, options: GalleryCommandOptions) => {
      await run((context) => gallery(context, folder, options));
    });
}
