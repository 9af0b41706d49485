/**
 * What a run tells while it goes on. The library prints nothing; commands turn these into progress lines.
 *
 * @module
 */
import type { StepLosses } from "./engine.js";
import type { ValidationScores } from "./scores.js";

/** Something happened in a run. */
export type TrainEvent =
  /** Images are being read and prepared. */
  | { readonly kind: "data"; readonly done: number; readonly total: number }
  /** Training begins or goes on. */
  | {
      readonly kind: "start";
      readonly resumed: boolean;
      readonly step: number;
      readonly steps: number;
      readonly epochs: number;
      readonly trainPatches: number;
      readonly validPatches: number;
      readonly parameters: number;
    }
  /** A step is done. Times are of this session; `remainingMs` includes the validations to come. */
  | {
      readonly kind: "step";
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      readonly epochs: number;
      readonly losses: StepLosses;
      readonly lr: number;
      readonly stepMs: number;
      /** Part of stepMs in which the device waited for the batch. */
      readonly waitMs: number;
      readonly remainingMs: number;
    }
  /** Validation is under way. */
  | { readonly kind: "validation"; readonly epoch: number; readonly done: number; readonly total: number }
  /** An epoch is done; `scores` is null when it was not validated. */
  | {
      readonly kind: "epoch";
      readonly epoch: number;
      readonly epochs: number;
      readonly losses: StepLosses;
      readonly scores: ValidationScores | null;
      readonly isBest: boolean;
      readonly elapsedMs: number;
    }
  /** A checkpoint was written. */
  | {
      readonly kind: "checkpoint";
      readonly which: "last" | "best";
      readonly path: string;
      readonly step: number;
    }
  /** Something the user should know. */
  | { readonly kind: "warning"; readonly message: string };
