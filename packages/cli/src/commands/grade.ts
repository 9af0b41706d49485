/**
 * `renograde grade`: images in, graded nuclei out.
 *
 * @module
 */
import {
  createStainNormalizer,
  gradeIds,
  listSome,
  RCC_CLASSES,
  STAIN_NORM_METHODS,
  type StainNormalizer,
  type StainNormMethod,
  UsageError,
} from "@renograde/core";
import type { ExportFormat, GradeProgress, GradeSummary, LoadedModel } from "@renograde/grading/node";
import { type Command, Option } from "commander";
import {
  type Context,
  collect,
  collectPaths,
  type JsonOption,
  listOf,
  pathOf,
  positiveNumber,
  wholeNumber,
} from "../context.js";
import { resolveModel } from "../models.js";
import { postAndInferOptions } from "../post-settings.js";
import type { Run } from "../program.js";
import { counted, type Stage } from "../progress.js";
import { printSummary } from "../summary.js";

interface GradeOptions {
  readonly out: string;
  readonly model?: string;
  readonly mpp?: number;
  readonly formats?: ExportFormat[];
  readonly maps?: boolean;
  readonly device: (typeof DEVICES)[number];
  readonly threads?: number;
  readonly batch?: number;
  readonly stainNorm?: StainNormMethod | "none";
  readonly stainTarget?: string;
  readonly resume: boolean;
  readonly set: string[];
  readonly json?: JsonOption;
}

const DEVICES = ["cpu", "webgpu", "cuda"] as const;
const FORMATS = [
  "json",
  "geojson",
  "csv",
  "mat",
  "overlay",
  "labels",
  "report",
] as const satisfies readonly ExportFormat[];

/** Says which model runs, what it may be used for, and what it cannot do. */
function introduce(
  context: Context,
  { metadata, session }: LoadedModel,
  stainNorm: StainNormalizer | null | undefined,
): void {
  context.progress.info(
    `${metadata.name}: ${metadata.classes.classes.map((c) => c.short).join(", ")} at ${metadata.mpp} µm/px; ${session.engine}`,
  );
  if (metadata.training.synthetic) {
    context.progress.warn(
      "this model was trained on synthetic sections only; on real tissue its outlines and grades mean nothing. Kidney grades need a model trained on RCCNucSeg (see docs/training.md)",
    );
  } else if (gradeIds(metadata.classes).length === 0) {
    context.progress.warn(
      "this model outlines nuclei and does not grade them; kidney grades need a model trained on RCCNucSeg (see docs/training.md)",
    );
  }
  if (stainNorm === undefined && metadata.stainNorm?.target === null) {
    context.progress.info(
      `images get the stains the model was trained on (${metadata.stainNorm.method}); --stain-norm none leaves them as they are`,
    );
  }
  if (metadata.licence !== "Apache-2.0") context.progress.info(`licence of its weights: ${metadata.licence}`);
}

/**
 * Turns windows of one image into windows of all: images still to come are taken to be as large as those so far. The
 * last windows of an image can arrive after the first of the next.
 */
function windowsOfAll(): (p: GradeProgress) => { done: number; total: number } {
  const begun = new Map<number, GradeProgress>();
  let done = 0;
  let known = 0;
  let last = 0;
  return (p) => {
    const before = begun.get(p.image);
    begun.set(p.image, p);
    done += p.windows - (before?.windows ?? 0);
    known += p.totalWindows - (before?.totalWindows ?? 0);
    last = Math.max(last, p.image);
    return { done, total: Math.max(done, Math.round((known / last) * p.images)) };
  };
}

/** The normalisation that was asked for. */
async function openStainNorm({
  stainNorm,
  stainTarget,
}: GradeOptions): Promise<StainNormalizer | null | undefined> {
  if (stainNorm === undefined || stainNorm === "none") {
    if (stainTarget === undefined) return stainNorm === "none" ? null : undefined;
    throw new UsageError("--stain-target: needs --stain-norm macenko or reinhard");
  }
  if (stainTarget === undefined) return createStainNormalizer(stainNorm);
  const { readImage } = await import("@renograde/slides/node");
  const { image } = await readImage(stainTarget);
  return createStainNormalizer(stainNorm, { name: stainTarget, image });
}

/** What may be wrong with images in which nothing was found. */
function hintAtEmpty({ images }: GradeSummary, normalised: boolean): string | null {
  const empty = images.filter((image) => image.counts.every((count) => count === 0)).map(({ stem }) => stem);
  if (empty.length === 0) return null;
  const stains = normalised ? "" : "stained unlike the model's training images (--stain-norm macenko) or ";
  return `no nucleus in ${listSome(empty, 3)}; tissue in them may be ${stains}of another pixel size (--mpp)`;
}

async function grade(context: Context, inputs: string[], options: GradeOptions): Promise<void> {
  const settings = postAndInferOptions(options.set, ["post", "infer", "export"]);
  const stainNorm = await openStainNorm(options);
  const model = await resolveModel(options.model);
  const { gradeInputs } = await import("@renograde/grading/node");
  let scheme = RCC_CLASSES;
  let stage: Stage | undefined;
  const progress = windowsOfAll();
  const summary = await gradeInputs({
    inputs,
    outDir: options.out,
    model,
    device: options.device,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.batch === undefined ? {} : { batch: options.batch }),
    ...settings,
    ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
    ...(options.formats === undefined ? {} : { formats: options.formats }),
    ...(stainNorm === undefined ? {} : { stainNorm }),
    maps: options.maps === true,
    resume: options.resume,
    signal: context.signal,
    onStart: (opened) => {
      scheme = opened.metadata.classes;
      introduce(context, opened, stainNorm);
      stage = context.progress.stage("grading", "windows");
    },
    onWarning: (sentence) => context.progress.warn(sentence),
    onProgress: (p) => {
      const { done, total } = progress(p);
      stage?.update(done, total, `${p.stem} (${p.image}/${p.images})`);
    },
  });
  const all = counted(summary.images.length + summary.failures.length, "image");
  const resumed = summary.images.filter((image) => image.resumed).length;
  stage?.end(`${summary.images.length} of ${all}${resumed > 0 ? `, ${resumed} finished before` : ""}`);
  const hint = hintAtEmpty(summary, summary.stainNorm !== undefined);
  if (hint !== null) context.progress.info(hint);
  await printSummary(context, summary, scheme, options);
}

/** Registers `renograde grade`. */
export function registerGrade(program: Command, run: Run): void {
  program
    .command("grade")
    .description("segment and grade every nucleus of images or folders of images (PNG, JPEG, TIFF)")
    .argument("<inputs...>", "images and folders of images", collectPaths)
    .requiredOption(
      "-o, --out <dir>",
      "prediction folder; keeps the inputs' folder structure",
      pathOf("--out"),
    )
    .option(
      "-m, --model <model>",
      "ONNX file or name of a shipped model (default: he-nuclei, outlines of nuclei in real H&E)",
    )
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
    .option(
      "--threads <n>",
      "threads of the engine; default all. With 2 or more the network is loaded twice (about 1 GB each at full width) and works on two windows at a time",
      wholeNumber("--threads", 1),
    )
    .option(
      "--batch <n>",
      "windows per run of the network; does not change the result",
      wholeNumber("--batch", 1),
    )
    .addOption(
      new Option(
        "--stain-norm <method>",
        "give the network images in the colours of a reference; for images stained unlike the training data; default as the model was trained",
      ).choices(["none", ...STAIN_NORM_METHODS]),
    )
    .option(
      "--stain-target <image>",
      "the reference of --stain-norm; default the published one of the method",
      pathOf("--stain-target"),
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
