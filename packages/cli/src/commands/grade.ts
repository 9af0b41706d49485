/**
 * `renograde grade`: images in, graded nuclei out.
 *
 * @module
 */
import type { GradeSummary } from "@renograde/grading/node";
import { type Command, Option } from "commander";
import {
  type Context,
  collect,
  type JsonOption,
  listOf,
  positiveNumber,
  printResult,
  wholeNumber,
} from "../context.js";
import { resolveModel } from "../models.js";
import { postAndInferOptions } from "../post-settings.js";
import type { Run } from "../program.js";
import { gradeTable } from "../tables.js";

interface GradeOptions {
  readonly out: string;
  readonly model?: string;
  readonly mpp?: number;
  readonly formats?: ("json" | "geojson" | "csv" | "mat" | "overlay" | "labels" | "report")[];
  readonly maps?: boolean;
  readonly device: (typeof DEVICES)[number];
  readonly threads?: number;
  readonly batch?: number;
  readonly resume: boolean;
  readonly set: string[];
  readonly json?: JsonOption;
}

const DEVICES = ["cpu", "webgpu", "cuda"] as const;
const FORMATS = ["json", "geojson", "csv", "mat", "overlay", "labels", "report"] as const;

async function grade(context: Context, inputs: string[], options: GradeOptions): Promise<void> {
  const { gradeInputs, openOnnxModel } = await import("@renograde/grading/node");
  const settings = postAndInferOptions(options.set);
  const engine = {
    device: options.device,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  };
  const model = await openOnnxModel(await resolveModel(options.model), engine);
  let summary: GradeSummary;
  try {
    const { metadata } = model;
    context.progress.info(
      `${metadata.name}: ${metadata.classes.classes.map((c) => c.short).join(", ")} at ${metadata.mpp} µm/px; ${model.session.engine}`,
    );
    if (metadata.training.synthetic) {
      context.progress.warn(
        "this model was trained on synthetic sections only; on real tissue its outlines and grades mean nothing. Kidney grades need a model trained on RCCNucSeg (see docs/training.md)",
      );
    }
    const stage = context.progress.stage("grading", "windows");
    let before = 0;
    let current = 0;
    let doneBefore = 0;
    summary = await gradeInputs({
      inputs,
      outDir: options.out,
      model,
      ...settings,
      ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
      ...(options.formats === undefined ? {} : { formats: options.formats }),
      maps: options.maps === true,
      resume: options.resume,
      signal: context.signal,
      onWarning: (sentence) => context.progress.warn(sentence),
      onProgress: (p) => {
        if (p.image !== current) {
          doneBefore += before;
          current = p.image;
        }
        before = p.totalWindows;
        // Images still to come are taken to be as large as those so far.
        const done = doneBefore + p.windows;
        const total = Math.round(((doneBefore + p.totalWindows) / p.image) * p.images);
        stage.update(done, Math.max(done, total), `${p.stem} (${p.image}/${p.images})`);
      },
    });
    const resumed = summary.images.filter((image) => image.resumed).length;
    stage.end(
      `${summary.images.length} of ${summary.images.length + summary.failures.length} images${resumed > 0 ? `, ${resumed} finished before` : ""}`,
    );
  } finally {
    await model.session.close();
  }
  await printResult(context, options.json, { outDir: options.out, ...summary }, () =>
    gradeTable(summary, model.metadata.classes, options.out),
  );
  for (const failure of summary.failures) process.stderr.write(`error: ${failure.message}\n`);
  if (summary.failures.length > 0) context.exitCode = 1;
}

/** Registers `renograde grade`. */
export function registerGrade(program: Command, run: Run): void {
  program
    .command("grade")
    .description("segment and grade every nucleus of images or folders of images (PNG, JPEG, TIFF)")
    .argument("<inputs...>", "images and folders of images")
    .requiredOption("-o, --out <dir>", "prediction folder; keeps the inputs' folder structure")
    .option("-m, --model <model>", "ONNX file or name of a shipped model (default: the shipped demo model)")
    .option(
      "--mpp <number>",
      "micrometres per pixel of the inputs; default what files record",
      positiveNumber("--mpp"),
    )
    .option(
      "-f, --formats <list>",
      `comma-separated: ${FORMATS.join(", ")} (default: all but labels)`,
      listOf("--formats", FORMATS),
    )
    .option("--maps", "keep the network's maps as .maps.npy, [H, W, K+2] float32")
    .addOption(
      new Option(
        "--device <device>",
        "where the network runs; webgpu and cuda need a GPU and ONNX Runtime's provider for it",
      )
        .choices(DEVICES)
        .default("cpu"),
    )
    .option("--threads <n>", "threads of the engine; default all", wholeNumber("--threads", 1))
    .option(
      "--batch <n>",
      "windows per run of the network; does not change the result",
      wholeNumber("--batch", 1),
    )
    .option("--no-resume", "grade again what an earlier run finished")
    .option("--set <key=value>", "post.* and infer.* options of the specification, repeatable", collect, [])
    .option("--json [file]", "print the summary as one JSON document, or write it to a file")
    .addHelpText(
      "after",
      "\nExamples:\n  renograde grade tile.png --out results\n  renograde grade slides/ --out results --mpp 0.5 --formats json,report --set post.minArea=30",
    )
    .action(async (inputs: string[], options: GradeOptions) => {
      await run((context) => grade(context, inputs, options));
    });
}
