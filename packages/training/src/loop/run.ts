/**
 * The loop of a run: epochs of exact passes, validation, checkpoints, log; stops and goes on anywhere
 * (spec/training.md §5, §8, §9).
 *
 * @module
 */
import { DataError, EngineError, InterruptedError, isRenogradeError } from "@renograde/core";
import { type FreezeOptions, NOT_FROZEN } from "@renograde/nn";
import { OutOfMemoryError } from "@renograde/torch";
import type { TrainConfig } from "../config/schema.js";
import type { Team } from "../distributed/team.js";
import type { RunView } from "../run-page/run-view.js";
import { type Batch, samplePlan } from "../targets/batch.js";
import { type BatchFeed, type BatchRequest, type FedBatch, feedBatches } from "../targets/batch-feed.js";
import { packageVersion } from "../version.js";
import { writeBadBatch } from "./bad-batch.js";
import {
  firstNotFinite,
  hasCheckpoint,
  type RunState,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.js";
import { partSize, postOptionsOf, type StepLosses, type StepPlan, type TrainingEngine } from "./engine.js";
import type { TrainEvent } from "./events.js";
import { addLosses, type LossSums, meanLosses } from "./loss-sums.js";
import { boundMemory, foreseeShortage, shortageError } from "./memory.js";
import type { OpenRun } from "./open-run.js";
import { createPace } from "./pace.js";
import { configHash, type RunPaths, runPaths } from "./run-folder.js";
import { appendLog, type LogRecord, truncateLog } from "./run-log.js";
import { type EpochPlan, planBatches, planEpochs, stepsPerEpoch } from "./schedule.js";
import { isBetter, namedScores, selectionScore, type ValidationScores } from "./scores.js";
import type { TrainOptions } from "./train.js";
import { DivergedError, validate } from "./validate.js";

/** Everything the loop carries from step to step. */
export class Run {
  readonly options: TrainOptions;
  readonly config: TrainConfig;
  readonly paths: RunPaths;
  readonly open: OpenRun;
  /** What the run shows beside its log. */
  readonly view: RunView;
  readonly engine: TrainingEngine;
  /** The processes of the run; null where this is the only one. Rank 0 alone writes, validates and decides. */
  readonly team: Team | null;
  readonly epochs: readonly EpochPlan[];
  readonly pace = createPace();
  readonly startedMs = performance.now();
  state: RunState;

  constructor(options: TrainOptions, open: OpenRun, view: RunView) {
    this.options = options;
    this.config = options.config;
    this.paths = runPaths(options.runDir);
    this.open = open;
    this.view = view;
    this.engine = open.engine;
    this.team = open.team;
    this.epochs = planEpochs(this.config.train.phases, this.config.train.batch);
    this.state = {
      format: 1,
      step: 0,
      epoch: 0,
      stepInEpoch: 0,
      seed: this.config.train.seed,
      lossSums: {},
      best: null,
      scores: {},
      configHash: configHash(this.config),
      dataFingerprint: open.fingerprint,
      renogradeVersion: packageVersion(),
      adamSteps: {},
    };
  }

  get steps(): number {
    return this.epochs.reduce((sum, plan) => sum + this.stepsOf(plan), 0);
  }

  /** Steps of an epoch. */
  stepsOf(plan: EpochPlan): number {
    return stepsPerEpoch(this.open.train.length, plan.batch);
  }

  /** What a step of this epoch freezes: only an encoder that has pretrained weights. */
  freezeOf(plan: EpochPlan): FreezeOptions {
    const { freezeScope, frozenBn } = this.config.train;
    return plan.freeze && this.open.pretrained ? { scope: freezeScope, bn: frozenBn } : NOT_FROZEN;
  }

  /** Hands an event to the caller. */
  tell(event: TrainEvent): void {
    this.options.onProgress?.(event);
  }

  /** Whether this process writes the files of the run. */
  get leads(): boolean {
    return this.team?.leads ?? true;
  }

  /** Whether to stop before the next step; all processes of a run decide alike. */
  get mustStop(): boolean {
    return this.team?.mustStop ?? this.options.signal?.aborted ?? false;
  }

  /** Whether an epoch ends with a validation: every `train.validEvery`, and the last. */
  isValidated(epoch: number): boolean {
    return (
      this.open.valid.length > 0 &&
      (epoch % this.config.train.validEvery === 0 || epoch === this.epochs.length)
    );
  }

  /** Continues from the last checkpoint. */
  async resume(): Promise<void> {
    const checkpoint = await readCheckpoint(this.paths.last);
    const { run } = checkpoint;
    if (run.dataFingerprint !== this.open.fingerprint) {
      throw new DataError(
        `${this.options.dataDir}: its files are not those the run in ${this.options.runDir} was started with; give the same data or start a new run`,
      );
    }
    const next = this.epochs[run.epoch];
    if (run.epoch > this.epochs.length || (next && run.stepInEpoch > this.stepsOf(next))) {
      throw new DataError(
        `${this.options.runDir}: the run has finished ${run.epoch} epochs, the configuration asks for ${this.epochs.length}; raise train.phases or start a new run`,
      );
    }
    const file = `${this.paths.last}.safetensors`;
    const what = `${file}: is a checkpoint of another network than ${this.paths.config} names`;
    this.engine.load(checkpoint, what);
    this.state = { ...run, lossSums: { ...run.lossSums }, configHash: this.state.configHash };
    if (this.leads) await truncateLog(this.paths.log, run.step, run.epoch);
  }

  /**
   * Writes a checkpoint of the present state.
   *
   * @throws DataError, and the former checkpoint stays, when weights are no longer finite: a step can break them although
   * its own loss was finite
   */
  async save(which: "last" | "best"): Promise<void> {
    if (!this.leads) return;
    const { network, adam } = this.engine.state();
    const broken = firstNotFinite(network);
    if (broken !== null) {
      throw this.diverged(`${broken} is no longer finite: training has diverged`);
    }
    const run = { ...this.state, adamSteps: Object.fromEntries(adam.steps) };
    await writeCheckpoint(this.paths[which], { run, network, adam });
    this.tell({ kind: "checkpoint", which, path: `${this.paths[which]}.safetensors`, step: this.state.step });
  }

  /** Keeps the weights of an epoch beside best and last. */
  async keep(epoch: number): Promise<void> {
    const { network, adam } = this.engine.state();
    const run = { ...this.state, adamSteps: Object.fromEntries(adam.steps) };
    await writeCheckpoint(this.paths.epoch(epoch), { run, network, adam });
  }

  /** Whether a validation of this epoch measures PQ: every `train.evalPq` epochs, and the last. */
  measuresQuality(epoch: number): boolean {
    const { evalPq } = this.config.train;
    return evalPq > 0 && (epoch % evalPq === 0 || epoch === this.epochs.length);
  }

  /** The error of weights that are of no use and were not saved. */
  diverged(what: string, cause?: unknown): DataError {
    const kept = hasCheckpoint(this.paths.last) ? `${this.paths.last}.safetensors is of before; ` : "";
    return new DataError(
      `${what} by step ${this.state.step}; ${kept}start anew with a lower learning rate (train.phases[].lr)`,
      { cause },
    );
  }

  /** Writes the last checkpoint and ends the run. @throws InterruptedError always */
  async saveAndStop(cause?: unknown): Promise<never> {
    await this.save("last");
    throw new InterruptedError(
      `training stopped after step ${this.state.step} of ${this.steps}; the checkpoint is in ${this.options.runDir}, resume with --resume`,
      { cause },
    );
  }

  /** Runs the steps and epochs that are left. */
  async loop(): Promise<void> {
    const { train } = this.config;
    const largest = Math.min(Math.max(...this.epochs.map((plan) => plan.batch)), this.open.train.length);
    const feed = feedBatches(
      this.open.train,
      this.requests(),
      Math.ceil(largest / (this.team?.size ?? 1)),
      samplePlan(this.engine.network, this.config.data),
    );
    let isFirst = true;
    while (this.state.epoch < this.epochs.length) {
      const plan = this.epochs[this.state.epoch]!;
      const steps = this.stepsOf(plan);
      if (plan.startsPhase && this.state.stepInEpoch === 0 && !this.config.optim.carryOver) {
        this.engine.resetOptimiser();
      }
      const freeze = this.freezeOf(plan);
      let window = { sums: {} as LossSums, steps: 0, stepMs: 0, waitMs: 0 };
      while (this.state.stepInEpoch < steps) {
        if (this.mustStop) await this.saveAndStop();
        const startedMs = performance.now();
        const { batch, samples, waitMs } = await this.nextBatch(feed);
        const stepPlan: StepPlan = {
          lr: plan.lr,
          epoch: plan.epoch,
          step: this.state.step,
          freeze,
          ...(this.team === null ? {} : { within: this.team.within(plan.batch, this.open.train.length) }),
        };
        boundMemory(this.config, this.options.place);
        if (isFirst) this.foreseeMemory(batch, stepPlan);
        isFirst = false;
        const losses = await this.takeStep(batch, samples.length, stepPlan);
        if (!Number.isFinite(losses.total))
          await this.stopOnBadLoss(batch, samples, losses.total, plan.epoch);
        const stepMs = performance.now() - startedMs;
        this.pace.addStep(stepMs);
        addLosses(this.state.lossSums, losses);
        addLosses(window.sums, losses);
        window.steps++;
        window.stepMs += stepMs;
        window.waitMs += waitMs;
        this.state.step++;
        this.state.stepInEpoch++;
        this.tellStep(losses, plan, stepMs, waitMs);
        if (this.state.step % train.logEvery === 0) {
          await this.log("steps", plan.epoch, {
            lr: plan.lr,
            losses: meanLosses(window.sums, window.steps),
            stepMs: Math.round(this.pace.stepMs),
            waitShare: Math.round((1000 * window.waitMs) / window.stepMs) / 1000,
          });
          window = { sums: {}, steps: 0, stepMs: 0, waitMs: 0 };
        }
        const due = train.saveEvery > 0 && this.state.step % train.saveEvery === 0;
        if (due && this.state.stepInEpoch < steps) await this.save("last");
        // Lets signals and finalizers of native memory run.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await this.finishEpoch(plan);
    }
  }

  /** What the sentence about missing memory is made of. */
  #memoryOf(batch: Batch, plan: StepPlan) {
    const { config, engine } = this;
    // Where step 1 fails there is nothing to save.
    const saved = this.state.step > 0;
    return { config, engine, batch, plan, processes: this.team?.size ?? 1, saved };
  }

  /** Ends a run whose largest step will not fit into main memory before its first step. */
  foreseeMemory(batch: Batch, plan: StepPlan): void {
    const error = foreseeShortage(this.#memoryOf(batch, plan));
    if (error !== null) throw error;
  }

  /** A step; one that lacks memory ends the run after a checkpoint. */
  async takeStep(batch: Batch, count: number, plan: StepPlan): Promise<StepLosses> {
    try {
      return this.engine.step(batch, count, plan);
    } catch (cause) {
      if (!(cause instanceof OutOfMemoryError)) throw cause;
      // Other processes learn of it at once, and what follows is no collective work.
      this.team?.leave();
      if (this.state.step > 0) await this.save("last");
      const patches = partSize(count, this.config.train);
      throw shortageError({ ...this.#memoryOf(batch, plan), patches, cause });
    }
  }

  /** The batches of the steps that are left, in order, or this process' share of each. */
  *requests(): Generator<BatchRequest> {
    const { seed } = this.config.train;
    let { stepInEpoch } = this.state;
    for (const plan of this.epochs.slice(this.state.epoch)) {
      const batches = planBatches(seed, plan.epoch, this.open.train.length, plan.batch);
      for (const samples of batches.slice(stepInEpoch)) {
        const mine = this.team?.share(samples) ?? samples;
        yield { samples: mine, variation: { seed, epoch: plan.epoch } };
      }
      stepInEpoch = 0;
    }
  }

  /** The batch of the next step; a sample that cannot be made ends the run after a checkpoint. */
  async nextBatch(feed: BatchFeed): Promise<FedBatch> {
    try {
      return await feed.next();
    } catch (error) {
      await this.save("last");
      throw error;
    }
  }

  /** Ends an epoch: validation where it is due, log, checkpoints. */
  async finishEpoch(plan: EpochPlan): Promise<void> {
    if (!this.leads) {
      await this.followEpoch(plan);
      return;
    }
    const scores = this.isValidated(plan.epoch) ? await this.validateEpoch(plan.epoch) : null;
    const losses = meanLosses(this.state.lossSums, this.stepsOf(plan));
    let isBest = false;
    if (scores !== null) {
      this.state.scores = namedScores(scores);
      const selected = selectionScore(scores, this.config.train.select);
      isBest = selected !== null && plan.lastPhase && isBetter(selected, this.state.best);
      if (isBest && selected !== null) this.state.best = { ...selected, epoch: plan.epoch };
    }
    this.state.epoch = plan.epoch;
    this.state.stepInEpoch = 0;
    this.state.lossSums = {};
    await this.log("epoch", plan.epoch, {
      phase: plan.phase + 1,
      lr: plan.lr,
      losses,
      ...(scores === null ? {} : { scores: this.state.scores, best: isBest }),
    });
    if (isBest) await this.save("best");
    const { keepEvery } = this.config.train;
    if (keepEvery > 0 && plan.epoch % keepEvery === 0) await this.keep(plan.epoch);
    await this.save("last");
    this.tell({
      kind: "epoch",
      epoch: plan.epoch,
      epochs: this.epochs.length,
      losses,
      scores,
      isBest,
      elapsedMs: performance.now() - this.startedMs,
    });
  }

  /** Ends an epoch where rank 0 validates and writes: waits for its validation. */
  async followEpoch(plan: EpochPlan): Promise<void> {
    if (this.isValidated(plan.epoch) && (await this.team?.awaitLeader(plan.epoch)) === false) {
      await this.saveAndStop();
    }
    this.state.epoch = plan.epoch;
    this.state.stepInEpoch = 0;
    this.state.lossSums = {};
  }

  /** Scores of the validation patches; an interruption or an error saves first. */
  async validateEpoch(epoch: number): Promise<ValidationScores> {
    const startedMs = performance.now();
    const patches = this.view.patchKeeper(this.engine.network, this.open.valid);
    try {
      const scores = await validate(this.engine, this.open.valid, {
        data: this.config.data,
        batch: this.config.train.validBatch,
        quality: this.measuresQuality(epoch) ? postOptionsOf(this.config, this.engine.network) : undefined,
        patches,
        signal: this.options.signal,
        onProgress: (done, total) => this.tell({ kind: "validation", epoch, done, total }),
      });
      if (patches !== null) await this.view.showPatches(patches, this.open.valid, epoch, this.state.step);
      this.pace.addValidation(performance.now() - startedMs);
      this.team?.announce(epoch, "go on");
      return scores;
    } catch (error) {
      this.team?.announce(epoch, "stop");
      if (isRenogradeError(error, "InterruptedError")) await this.saveAndStop(error);
      if (error instanceof DivergedError) throw this.diverged(error.message, error);
      await this.save("last");
      if (!(error instanceof OutOfMemoryError)) throw error;
      const { validBatch } = this.config.train;
      const remedy =
        validBatch === 1
          ? "use a machine with more memory, and go on with --resume"
          : `go on with --resume --set train.validBatch=${Math.ceil(validBatch / 2)}`;
      throw new EngineError(
        `memory is not enough to validate ${validBatch} patches at once (${error.message}); ${remedy}`,
        { cause: error },
      );
    }
  }

  /** Reports a step with its losses and the time left for the whole run. */
  tellStep(losses: StepLosses, plan: EpochPlan, stepMs: number, waitMs: number): void {
    const validations = this.epochs.filter((e) => e.epoch >= plan.epoch && this.isValidated(e.epoch)).length;
    this.tell({
      kind: "step",
      step: this.state.step,
      steps: this.steps,
      epoch: plan.epoch,
      epochs: this.epochs.length,
      losses,
      lr: plan.lr,
      stepMs,
      waitMs,
      remainingMs: this.pace.remaining(this.steps - this.state.step, validations),
    });
  }

  /** Appends a line to log.jsonl and shows it. */
  async log(kind: LogRecord["kind"], epoch: number, what: object): Promise<void> {
    if (!this.leads) return;
    const line = await appendLog(this.paths.log, { kind, step: this.state.step, epoch, ...what });
    await this.view.record(line);
  }

  /** Keeps the batch that made the loss infinite, and stops. */
  async stopOnBadLoss(batch: Batch, samples: Int32Array, loss: number, epoch: number): Promise<never> {
    const names = Array.from(samples, (sample) => this.open.train.describe(sample));
    const ending = this.leads ? "" : `.rank${this.team?.group.place.rank}`;
    const path = this.paths.badBatch.replace(/(?=\.safetensors$)/, ending);
    await writeBadBatch(path, batch, names);
    throw new DataError(
      `the loss is ${loss} at step ${this.state.step + 1} (epoch ${epoch}); its batch is kept in ${path} (first image: ${names[0]}); lower the learning rate and resume, or look at that batch`,
    );
  }
}
