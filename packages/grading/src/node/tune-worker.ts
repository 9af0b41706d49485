/**
 * The thread that post-processes and scores one image under many constants.
 *
 * @module
 */
import type { ClassScheme, PostOptions } from "@renograde/core";
import { serveCalls } from "@renograde/slides/node";
import { scoreCandidates, type TuneScore } from "../tune/score-candidates.js";
import { readStoredSample, type StoredSample } from "./tune-maps.js";

/** One image and the constants to try on it. */
export interface TuneTask {
  readonly sample: StoredSample;
  readonly classes: ClassScheme;
  readonly score: TuneScore;
  readonly candidates: readonly PostOptions[];
}

/** What the worker can be asked. */
export interface TuneCalls {
  /** `[candidates, columns]` as `scoreCandidates` gives it. */
  score(task: TuneTask): Promise<Float64Array>;
}

serveCalls<TuneCalls>({
  score: async ({ sample, classes, score, candidates }) =>
    scoreCandidates(await readStoredSample(sample), classes, score, candidates),
});
