/**
 * The validation scores of a run under names a reader knows, as a table and as curves.
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import { escapeHtml } from "@renograde/formats";
import type { TrainConfig } from "../config/schema.js";
import type { LogRecord } from "../loop/run-log.js";
import { formatNumber } from "./ticks.js";

/** Validation of one epoch, from the log. */
export interface EpochScores {
  readonly epoch: number;
  readonly scores: Readonly<Record<string, number>>;
  /** It was the best so far. */
  readonly best: boolean;
}

/** The validated epochs of a log. */
export function epochScores(records: readonly LogRecord[]): EpochScores[] {
  return records.flatMap(({ kind, epoch, scores, best }) =>
    kind === "epoch" && scores !== undefined
      ? [{ epoch, scores: scores as Record<string, number>, best: best === true }]
      : [],
  );
}

/** What the name of a score (spec/training.md §9) stands for. */
export function scoreLabel(name: string, scheme: ClassScheme): string {
  const of = /^valid_dice_(\d+)$/.exec(name);
  if (of !== null) return `Dice, ${scheme.classes[Number(of[1]) - 1]?.name ?? of[1]}`;
  const known: Record<string, string> = {
    valid_dice: "Dice, all nuclei",
    valid_mean_dice: "mean Dice of the classes",
    valid_mae: "distance, absolute error",
    valid_mse: "distance, squared error",
    valid_pq: "PQ",
    valid_apq: "aPQ",
  };
  return known[name] ?? name;
}

/** Names of all scores that occur, in their order. */
export function scoreNames(epochs: readonly EpochScores[]): string[] {
  return [...new Set(epochs.flatMap(({ scores }) => Object.keys(scores)))];
}

/** Errors: lower is better, and their unit is that of the distance. */
export const ERROR_SCORES: readonly string[] = ["valid_mae", "valid_mse"];

/** The score that selects the best epoch. */
export function selectingScore(config: TrainConfig, scheme: ClassScheme): string {
  const { select } = config.train;
  if (select === "aPQ") return "valid_apq";
  if (select === "mse") return "valid_mse";
  return scheme.classes.length > 1 ? "valid_mean_dice" : "valid_dice";
}

/** Latest and best values as a table. */
export function scoreTable(epochs: readonly EpochScores[], scheme: ClassScheme): string {
  const last = epochs.at(-1)!;
  const best = epochs.findLast((epoch) => epoch.best);
  const rows = scoreNames(epochs).map((name) => {
    const latest = epochs.findLast(({ scores }) => name in scores)!;
    const when = latest === last ? "" : `<small>epoch ${latest.epoch}</small>`;
    const chosen = best === undefined ? "" : `<td>${formatNumber(best.scores[name] ?? Number.NaN)}</td>`;
    return `<tr><td>${escapeHtml(scoreLabel(name, scheme))}</td><td>${formatNumber(latest.scores[name]!)}${when}</td>${chosen}</tr>`;
  });
  const chosen = best === undefined ? "" : `<th>best: epoch ${best.epoch}</th>`;
  return `<div class="scroll"><table><thead><tr><th>score</th><th>latest: epoch ${last.epoch}</th>${chosen}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}
