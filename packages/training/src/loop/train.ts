/**
 * Training of a network on a dataset: the call behind `renograde train`.
 *
 * @module
 */
import { type ProcessPlace, setMemoryBound } from "@renograde/torch";
import type { TrainConfig } from "../config/schema.js";
import { RunView } from "../run-page/run-view.js";
import { packageVersion } from "../version.js";
import { hasCheckpoint, type RunState } from "./checkpoint.js";
import type { TrainEvent } from "./events.js";
import { describeRun, openRun } from "./open-run.js";
import { Run } from "./run.js";
import { runPaths } from "./run-folder.js";
import { lockRun } from "./run-lock.js";

/** What to train, where, and how to follow it. */
export interface TrainOptions {
  readonly config: TrainConfig;
  /** Dataset folder, see `openDataset`. */
  readonly dataDir: string;
  /** Folder of the run; made when missing. */
  readonly runDir: string;
  /** Go on from the last checkpoint of `runDir`; without one, start. Default false: an existing run is an error. */
  readonly resume?: boolean;
  /**
   * Which of several processes this is (`readProcessPlace`); all are given the same options and see the same folders.
   * Default: the only one.
   */
  readonly place?: ProcessPlace | null;
  /** Aborting writes a checkpoint after the step under way and throws InterruptedError. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: TrainEvent) => void;
}

/** How a run ended; in several processes only rank 0 knows `best` and `scores`. */
export interface TrainResult {
  readonly runDir: string;
  readonly steps: number;
  readonly epochs: number;
  /** The selected epoch; null without validation images. */
  readonly best: RunState["best"];
  /** Scores of the last validation, by the names of spec/training.md §9. */
  readonly scores: Readonly<Record<string, number>>;
}

/**
 * Trains a network on a dataset. Same configuration, data and machine give the same weights, whether or not the run
 * was interrupted and resumed.
 *
 * @throws InterruptedError when the signal is aborted (a checkpoint is written first)
 * @throws DataError when the data are unusable, or the loss is no longer finite
 * @throws UsageError when `runDir` holds a run and `resume` is false, the options do not fit it, or another process
 *   trains there
 * @throws EngineError when memory is not enough (the message names the batch that fits), or when another process of the run was lost; the last checkpoint is good
 * @throws MissingDependencyError without libtorch
 */
export async function train(asked: TrainOptions): Promise<TrainResult> {
  const view = new RunView(asked);
  const onProgress = (event: TrainEvent): void => {
    view.hear(event);
    asked.onProgress?.(event);
  };
  const options: TrainOptions = { ...asked, onProgress };
  const paths = runPaths(options.runDir);
  const resumed = options.resume === true && hasCheckpoint(paths.last);
  const open = await openRun(options, resumed);
  let unlock: (() => Promise<void>) | undefined;
  try {
    // Of several processes the first one writes.
    if (open.team?.leads ?? true) unlock = await lockRun(options.runDir);
    const run = new Run(options, open, view);
    if (resumed) await run.resume();
    open.team?.checkSame({
      configuration: run.state.configHash,
      data: run.state.dataFingerprint,
      step: String(run.state.step),
    });
    open.engine.synchronise();
    await describeRun(options, open);
    run.tell({
      kind: "start",
      resumed,
      step: run.state.step,
      steps: run.steps,
      epochs: run.epochs.length,
      trainPatches: open.train.length,
      validPatches: open.valid.length,
      parameters: open.parameters,
    });
    const loaded = resumed || open.init === null ? {} : { init: open.init };
    await run.log(resumed ? "resume" : "start", run.state.epoch, { version: packageVersion(), ...loaded });
    await run.loop();
    await run.log("end", run.state.epoch, { best: run.state.best });
    await view.end();
    const { step, epoch, best, scores } = run.state;
    return { runDir: options.runDir, steps: step, epochs: epoch, best, scores };
  } catch (error) {
    // Whatever the page does: the error is what counts.
    await view.end(error).catch(() => undefined);
    throw error;
  } finally {
    setMemoryBound(null);
    open.team?.leave();
    open.engine.dispose();
    await open.pool.close();
    await unlock?.();
  }
}
