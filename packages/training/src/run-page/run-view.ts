/**
 * What a run shows while it goes on: TensorBoard event files and `run.html`, both fed by the lines of its log, by the
 * events it tells and by the pictures of its validations. Neither decides anything: when they cannot be written, the
 * run warns once and goes on.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { isRenogradeError } from "@renograde/core";
import type { TfSummaryValue } from "@renograde/formats";
import type { Network } from "@renograde/nn";
import { encodeJpeg, readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { postOptionsOf } from "../loop/engine.js";
import type { TrainEvent } from "../loop/events.js";
import { type RunInfo, readRunInfo, runPaths } from "../loop/run-folder.js";
import { type LogRecord, readLog } from "../loop/run-log.js";
import type { TrainOptions } from "../loop/train.js";
import { samplePlan } from "../targets/batch.js";
import type { PatchSource } from "../targets/patch-source.js";
import { type EventFile, openEventFile, recordScalars } from "./event-file.js";
import { createPatchKeeper, type PatchKeeper, type PatchPicture } from "./patch-pictures.js";
import { type EncodedPatch, findPictureSection, pictureSection } from "./picture-section.js";
import { type RunOutcome, type RunPage, renderRunPage } from "./run-page.js";

/** Between two epochs the page is written again at most this often, ms. */
const PAGE_EVERY_MS = 30_000;
/** Pictures of every validation are kept in the event files: a fifth of the size of PNG. */
const JPEG_QUALITY = 90;

/** The files a run shows itself in. */
export class RunView {
  private readonly options: TrainOptions;
  private readonly pagePath: string;
  private readonly warnings: string[] = [];
  private info: RunInfo | null = null;
  private records: LogRecord[] = [];
  private plan = { steps: 0, epochs: 0 };
  private step: RunPage["step"] = null;
  private pictures = "";
  private events: EventFile | null = null;
  private writtenAt = 0;
  private failed = false;

  constructor(options: TrainOptions) {
    this.options = options;
    this.pagePath = runPaths(options.runDir).page;
  }

  /** Takes note of what the run tells. */
  hear(event: TrainEvent): void {
    if (event.kind === "warning") this.warnings.push(event.message);
    if (event.kind === "start") this.plan = { steps: event.steps, epochs: event.epochs };
    if (event.kind === "step") this.step = event;
  }

  /** Shows a line that was added to the log; the first of a session opens the files. */
  async record(record: LogRecord): Promise<void> {
    await this.carefully(async () => {
      if (this.info === null) await this.open(record);
      else this.records.push(record);
      await this.events?.add(record.step, recordScalars(record));
      const due = record.kind !== "steps" || Date.now() - this.writtenAt > PAGE_EVERY_MS;
      if (due && record.kind !== "end") await this.writePage({ kind: "running" });
    });
  }

  /** Collects the patches of a validation; null when nothing would show them, or the network has no maps. */
  patchKeeper(network: Network, valid: PatchSource): PatchKeeper | null {
    const { data, train } = this.options.config;
    if (!train.page && !train.tensorboard) return null;
    const side = samplePlan(network, data).output;
    const post = postOptionsOf(this.options.config, network);
    return createPatchKeeper(network, post, { count: valid.length, side, mpp: data.mpp });
  }

  /** Draws the patches of a validation into both files; the page shows them with its next writing. */
  async showPatches(keeper: PatchKeeper, valid: PatchSource, epoch: number, step: number): Promise<void> {
    await this.carefully(async () => {
      if (this.info === null) return;
      const drawn = keeper.draw();
      const jpegs = new Map<PatchPicture, EncodedPatch>();
      for (const patch of new Set([...drawn.fixed, ...drawn.worst])) {
        const { picture, ...rest } = patch;
        // Without the folders before it.
        const name = basename(valid.describe(patch.sample));
        const jpeg = await encodeJpeg(picture, JPEG_QUALITY, picture.width);
        jpegs.set(patch, { ...rest, name, jpeg });
      }
      const encoded = (list: readonly PatchPicture[]) => list.map((patch) => jpegs.get(patch)!);
      const [fixed, worst] = [encoded(drawn.fixed), encoded(drawn.worst)];
      this.pictures = pictureSection({ epoch, fixed, worst }, this.info.classes);
      const { width, height } = drawn.fixed[0]!.picture;
      const images = fixed.map(
        ({ jpeg }, i): TfSummaryValue => ({
          tag: `patch/${i + 1}`,
          image: { width, height, encoded: jpeg },
        }),
      );
      await this.events?.add(step, images);
    });
  }

  /** Writes the page for the last time. `error`: what ended the run, if anything did. */
  async end(error?: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const outcome: RunOutcome =
      error === undefined
        ? { kind: "finished" }
        : isRenogradeError(error, "InterruptedError")
          ? { kind: "stopped" }
          : { kind: "failed", message };
    await this.carefully(() => this.writePage(outcome));
  }

  private async open(first: LogRecord): Promise<void> {
    const { runDir, config } = this.options;
    const paths = runPaths(runDir);
    this.info = await readRunInfo(runDir);
    this.records = await readLog(paths.log);
    const resumed = first.kind === "resume";
    if (resumed && config.train.page) {
      const old = await readFileBytes(paths.page).then(
        (bytes) => new TextDecoder().decode(bytes),
        () => "",
      );
      this.pictures = findPictureSection(old, first.epoch);
    }
    if (config.train.tensorboard) this.events = await openEventFile(runDir, resumed ? first.step + 1 : 0);
  }

  private async writePage(outcome: RunOutcome): Promise<void> {
    const { config, runDir } = this.options;
    if (!config.train.page || this.info === null) return;
    const html = renderRunPage({
      name: basename(resolve(runDir)),
      outcome,
      config,
      info: this.info,
      records: this.records,
      plan: this.plan,
      step: this.step,
      warnings: this.warnings,
      pictures: this.pictures,
      time: new Date(),
    });
    await writeFileAtomic(this.pagePath, html);
    this.writtenAt = Date.now();
  }

  private async carefully(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isRenogradeError(error, "FileAccessError")) throw error;
      if (this.failed) return;
      this.failed = true;
      this.options.onProgress?.({
        kind: "warning",
        message: `the run goes on without all it shows: ${error.message}`,
      });
    }
  }
}
