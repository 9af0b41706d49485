/**
 * Grading of files and folders: reads every image, grades it, writes every format, keeps a journal. One bad image
 * does not stop the others, and an interrupted run goes on where it stopped.
 *
 * @module
 */
import { relative } from "node:path";
import {
  listSome,
  type PostOptions,
  type StainNormalizer,
  throwIfAborted,
  UsageError,
} from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { listInputs } from "@renograde/slides/node";
import type { GradedPixelSize } from "../graded-image.js";
import { modelStainNorm } from "../model-stain-norm.js";
import { planWindows } from "../window-plan.js";
import { GradeRun } from "./grade-run.js";
import { openJournal } from "./journal.js";
import { type OnnxOptions, openOnnxModel } from "./onnx-lanes.js";
import type { LoadedModel } from "./onnx-session.js";
import type { ExportFormat } from "./write-outputs.js";

/** How far a run is. */
export interface GradeProgress {
  /** The image the network works on, from 1, of how many. */
  readonly image: number;
  readonly images: number;
  readonly stem: string;
  /** Windows of this image done and in all. */
  readonly windows: number;
  readonly totalWindows: number;
}

/** Options of {@link gradeInputs}. */
export interface GradeInputsOptions extends OnnxOptions {
  /** Images and folders of images. */
  readonly inputs: readonly string[];
  readonly outDir: string;
  /** An ONNX file, or a model that is already open (it stays open). */
  readonly model: string | LoadedModel;
  /** Micrometres per pixel of all inputs; overrides what files record. */
  readonly mpp?: number;
  /** Default {@link DEFAULT_FORMATS}. */
  readonly formats?: readonly ExportFormat[];
  /** Keep the network's maps, default false. */
  readonly maps?: boolean;
  /** Changes to the model's post-processing constants. */
  readonly post?: Partial<PostOptions>;
  /** `infer.step`. */
  readonly step?: number;
  /** `infer.flipTTA`. */
  readonly flipTTA?: boolean;
  /** `export.dropDegenerate`. */
  readonly dropDegenerate?: boolean;
  /**
   * Stain normalisation of what the network sees; an image with too little tissue is graded as it is, with a warning.
   * Default: that of the model's training, where it was to the published reference; null: none.
   */
  readonly stainNorm?: StainNormalizer | null;
  /** Skip images that an earlier run finished with the same model and options, default true. */
  readonly resume?: boolean;
  /** Date of the report, `2026-11-23`; default today. */
  readonly date?: string;
  readonly signal?: AbortSignal;
  /** Called once, when inputs, model and output folder are found usable and before the first image. */
  readonly onStart?: (model: LoadedModel) => void;
  readonly onProgress?: (progress: GradeProgress) => void;
  /** Receives sentences such as a pixel size that is missing. */
  readonly onWarning?: (sentence: string) => void;
}

/** One image of a finished run. */
export interface GradedFile {
  readonly path: string;
  readonly stem: string;
  /** True when an earlier run had finished it. */
  readonly resumed: boolean;
  readonly pixelSize: GradedPixelSize;
  readonly counts: readonly number[];
  /** Files written, relative to the output folder. */
  readonly outputs: readonly string[];
}

/** An input that could not be graded. */
export interface GradeFailure {
  readonly path: string;
  readonly name: string;
  /** One sentence that names the file. */
  readonly message: string;
}

/** What a run did. */
export interface GradeSummary {
  readonly images: readonly GradedFile[];
  /** Inputs that could not be graded; the command ends with status 1 when there are any. */
  readonly failures: readonly GradeFailure[];
  /** Nuclei by type id over all images. */
  readonly counts: readonly number[];
  readonly nuclei: number;
  /** Stain normalisation in words, where one was asked for. */
  readonly stainNorm?: string;
  /** Path of the report, where one was made. */
  readonly report?: string;
}

/** Says which images of a folder are not graded because of their format. */
function leftOut(folder: string, paths: readonly string[]): string {
  const names = paths.map((path) => relative(folder, path));
  return `${folder}: images of other formats are left out (${listSome(names, 3)}); convert them to PNG, JPEG or TIFF`;
}

/** Says what a model needs that it does not hold. */
function missingTarget({ name, stainNorm }: ModelMetadata): string | null {
  if (stainNorm === undefined || stainNorm.target === null) return null;
  const { method, target } = stainNorm;
  return `${name} was trained on images with the stains of ${target} (${method}), which the model does not hold; give the network the same with --stain-norm ${method} --stain-target ${target}`;
}

/**
 * Grades images and folders of images into a prediction folder.
 *
 * Inputs that would write one name, impossible options and a model that cannot be used are refused before anything
 * runs. Images that cannot be read or graded are listed in `failures`, the others are done. A full disk ends the run.
 *
 * @throws UsageError, FileAccessError, FileFormatError, ModelError, EngineError before anything runs
 * @throws FileAccessError when outputs cannot be written
 * @throws InterruptedError when `signal` is aborted; finished images are kept and the next run skips them
 */
export async function gradeInputs(options: GradeInputsOptions): Promise<GradeSummary> {
  const files = await listInputs(options.inputs, {
    outDir: options.outDir,
    onLeftOut: (folder, paths) => options.onWarning?.(leftOut(folder, paths)),
  });
  if (options.mpp !== undefined && !(options.mpp >= 0.01 && options.mpp <= 100)) {
    throw new UsageError(`mpp: expected micrometres per pixel from 0.01 to 100, received ${options.mpp}`);
  }
  throwIfAborted(options.signal);
  const model =
    typeof options.model === "string" ? await openOnnxModel(options.model, options) : options.model;
  try {
    planWindows(1, 1, model.metadata, options.step);
    const journal = await openJournal(options.outDir);
    try {
      options.onStart?.(model);
      let { stainNorm } = options;
      if (stainNorm === undefined) {
        stainNorm = modelStainNorm(model.metadata);
        const missing = missingTarget(model.metadata);
        if (missing !== null) options.onWarning?.(missing);
      }
      return await new GradeRun({ ...options, stainNorm }, model, journal, files).execute();
    } finally {
      await journal.close();
    }
  } finally {
    if (typeof options.model === "string") await model.session.close();
  }
}
