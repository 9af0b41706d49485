/**
 * One run over a list of inputs: the network on one image while the one before is post-processed and written. An engine
 * with several lanes gets the next image as soon as it has the last window of this one, so that small images keep all
 * lanes busy.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  InterruptedError,
  isRenogradeError,
  type PostOptions,
  type RgbImage,
  STAIN_NORM_SKIPPED,
} from "@renograde/core";
import type { PixelSize } from "@renograde/slides";
import { type InputFile, readImage } from "@renograde/slides/node";
import { finishGrading, MPP_TOLERANCE, type NetworkResult, runNetwork } from "../grade-image.js";
import type { GradedFile, GradeFailure, GradeInputsOptions, GradeSummary } from "./grade-inputs.js";
import { inputState, type Journal, type JournalEntry, STATE_FOLDER } from "./journal.js";
import type { LoadedModel } from "./onnx-session.js";
import {
  DEFAULT_FORMATS,
  encodeOutputs,
  type OutputChoice,
  outputNames,
  writeOutputs,
} from "./write-outputs.js";
import { encodeReportImage, readReportPart, writeReport, writeReportPart } from "./write-report.js";

/** The state of one call of `gradeInputs`. */
export class GradeRun {
  private readonly options: GradeInputsOptions;
  private readonly model: LoadedModel;
  private readonly journal: Journal;
  private readonly files: readonly InputFile[];
  private readonly choice: OutputChoice;
  private readonly report: boolean;
  private readonly key: string;
  private readonly finished = new Map<string, GradedFile>();
  private readonly failures: GradeFailure[] = [];
  private warnedOfPixelSize = false;
  /** Post-processing of the image before, while the network is at the next one. */
  private pending: Promise<void> = Promise.resolve();
  /** An error that ends the run. */
  private fatal: unknown;

  constructor(
    options: GradeInputsOptions,
    model: LoadedModel,
    journal: Journal,
    files: readonly InputFile[],
  ) {
    this.options = options;
    this.model = model;
    this.journal = journal;
    this.files = files;
    const formats = options.formats ?? DEFAULT_FORMATS;
    this.report = formats.includes("report");
    this.choice = {
      formats: formats.filter((format) => format !== "report"),
      maps: options.maps ?? false,
      dropDegenerate: options.dropDegenerate ?? false,
    };
    const { metadata, session } = model;
    const settings = {
      model: metadata,
      engine: session.engine,
      post: this.post,
      mpp: options.mpp ?? null,
      step: options.step ?? metadata.kept,
      flipTTA: options.flipTTA ?? false,
      dropDegenerate: this.choice.dropDegenerate,
      ...(options.stainNorm && {
        stainNorm: { method: options.stainNorm.method, reference: options.stainNorm.reference },
      }),
    };
    this.key = createHash("sha256").update(JSON.stringify(settings)).digest("hex");
  }

  private get post(): PostOptions {
    return { ...this.model.metadata.post, ...this.options.post };
  }

  /** All files of an image, its part of the report included. */
  private outputNames(stem: string): string[] {
    const names = outputNames(stem, this.choice);
    return this.report ? [...names, reportPartName(stem)] : names;
  }

  /** Grades every input in turn. */
  async execute(): Promise<GradeSummary> {
    const most = this.model.session.parallel ?? 1;
    const atWork = new Set<Promise<void>>();
    for (const [index, file] of this.files.entries()) {
      if (this.options.signal?.aborted) this.fatal ??= new InterruptedError();
      if (this.fatal !== undefined) break;
      await new Promise<void>((submitted) => {
        const work = this.guard(file, () => this.grade(file, index, submitted))
          .catch((error: unknown) => {
            this.fatal ??= error;
          })
          .finally(() => {
            atWork.delete(work);
            submitted();
          });
        atWork.add(work);
      });
      while (atWork.size >= most) await Promise.race(atWork);
    }
    await Promise.all(atWork);
    await this.pending;
    if (this.fatal !== undefined) throw this.fatal;
    return await this.summarise();
  }

  /** Runs `work`; an error that concerns only this image is noted, any other is thrown. */
  private async guard(file: InputFile, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isRenogradeError(error) || error instanceof InterruptedError || error.exitCode === 2) throw error;
      const message = error.message.includes(file.path) ? error.message : `${file.path}: ${error.message}`;
      this.failures.push({ name: file.stem, path: file.path, message });
    }
  }

  /** @param onSubmitted - called when the network has all of the image */
  private async grade(file: InputFile, index: number, onSubmitted: () => void): Promise<void> {
    const { options, model } = this;
    const input = await inputState(file.path);
    const needed = this.outputNames(file.stem);
    if (options.resume ?? true) {
      const entry = await this.journal.find(file.stem, input, this.key, needed);
      if (entry) {
        this.note(file, entry, true);
        return;
      }
    }
    const { image, pixelSize, warnings } = await readImage(file.path);
    for (const warning of warnings) options.onWarning?.(warning);
    const result = await runNetwork(image, model.session, model.metadata, {
      ...this.calibration(file, pixelSize),
      ...(options.step !== undefined && { step: options.step }),
      ...(options.flipTTA !== undefined && { flipTTA: options.flipTTA }),
      stainNorm: options.stainNorm ?? null,
      ...(options.signal && { signal: options.signal }),
      onSubmitted,
      onProgress: (windows, totalWindows) =>
        options.onProgress?.({
          image: index + 1,
          images: this.files.length,
          stem: file.stem,
          windows,
          totalWindows,
        }),
    });
    if (options.stainNorm && result.stainNorm === undefined) {
      options.onWarning?.(`${file.path}: ${STAIN_NORM_SKIPPED}`);
    }
    // One image after the other; this one counts as at work until its turn comes.
    const before = this.pending;
    this.pending = before
      .then(async () => {
        // An interrupted run keeps what the network has done.
        if (this.fatal !== undefined && !(this.fatal instanceof InterruptedError)) return;
        await this.guard(file, () => this.finish(file, input, image, result));
      })
      .catch((error: unknown) => {
        this.fatal ??= error;
      });
    await before;
  }

  /** The pixel size of an image: the option's, the file's, or none with a warning. */
  private calibration(file: InputFile, recorded: PixelSize | undefined): { pixelSize?: PixelSize } {
    const { mpp, onWarning } = this.options;
    if (mpp !== undefined) {
      if (recorded && Math.abs(recorded.mpp / mpp - 1) > MPP_TOLERANCE) {
        onWarning?.(
          `${file.path}: records ${recorded.mpp} µm per pixel (${recorded.source}), but --mpp ${mpp} is used`,
        );
      }
      return { pixelSize: { mpp, source: "--mpp option" } };
    }
    if (recorded) return { pixelSize: recorded };
    if (!this.warnedOfPixelSize) {
      this.warnedOfPixelSize = true;
      onWarning?.(
        `${file.path}: no pixel size recorded; it and other images without one are taken at the model's ${this.model.metadata.mpp} µm per pixel; pass --mpp if that is wrong`,
      );
    }
    return {};
  }

  private async finish(
    file: InputFile,
    input: JournalEntry["input"],
    image: RgbImage,
    result: NetworkResult,
  ): Promise<void> {
    // Lets the network begin with the next image first.
    await setImmediate();
    const graded = finishGrading(image, result, this.model.metadata, this.options.post);
    const encoded = await encodeOutputs(file.stem, graded, image, this.choice);
    const part = this.report ? await encodeReportImage(file.stem, image, graded) : undefined;
    const entry: JournalEntry = {
      stem: file.stem,
      input,
      key: this.key,
      outputs: this.outputNames(file.stem),
      pixelSize: graded.pixelSize,
      counts: graded.counts,
    };
    try {
      await writeOutputs(this.options.outDir, encoded);
      if (part) await writeReportPart(join(this.options.outDir, reportPartName(file.stem)), part);
      await this.journal.add(entry);
    } catch (error) {
      if (isRenogradeError(error) && errorCode(error.cause) === "ENAMETOOLONG") throw error;
      // A full disk or a lost folder concerns every image that follows.
      this.fatal ??= error;
      return;
    }
    this.note(file, entry, false);
  }

  private note(file: InputFile, entry: JournalEntry, resumed: boolean): void {
    this.finished.set(file.stem, {
      path: file.path,
      stem: file.stem,
      resumed,
      pixelSize: entry.pixelSize,
      counts: entry.counts,
      outputs: outputNames(file.stem, this.choice),
    });
  }

  private async summarise(): Promise<GradeSummary> {
    const images = this.files.flatMap((file) => this.finished.get(file.stem) ?? []);
    const order = new Map(this.files.map((file, i) => [file.stem, i]));
    const failures = this.failures.sort((a, b) => order.get(a.name)! - order.get(b.name)!);
    const counts = new Array<number>(this.model.metadata.classes.classes.length + 1).fill(0);
    for (const { counts: own } of images) for (const [type, n] of own.entries()) counts[type]! += n;
    const report = await this.writeReport(images, failures);
    return {
      images,
      failures,
      counts,
      nuclei: counts.reduce((a, n) => a + n, 0),
      ...(this.options.stainNorm && { stainNorm: this.options.stainNorm.description }),
      ...(report !== undefined && { report }),
    };
  }

  private async writeReport(
    images: readonly GradedFile[],
    failures: readonly GradeFailure[],
  ): Promise<string | undefined> {
    const { outDir, date } = this.options;
    if (!this.report) return undefined;
    const { metadata, session } = this.model;
    const path = join(outDir, "report.html");
    await writeReport(path, {
      images: await Promise.all(images.map(({ stem }) => readReportPart(join(outDir, reportPartName(stem))))),
      scheme: metadata.classes,
      model: metadata,
      engine: session.engine,
      ...(this.options.stainNorm && { stainNorm: this.options.stainNorm.description }),
      date: date ?? new Date().toISOString().slice(0, 10),
      version: renogradeVersion(),
      failures: failures.map(({ name, message }) => ({ name, message })),
    });
    return path;
  }
}

function errorCode(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** Where an image's part of the report waits for the others, relative to the output folder. */
function reportPartName(stem: string): string {
  return `${STATE_FOLDER}/report/${stem}.json`;
}

/** Version of this package. */
function renogradeVersion(): string {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  return version;
}
