/**
 * The curves of a run, from its log: losses, learning rate, time, validation scores.
 *
 * @module
 */
import type { TrainConfig } from "../config/schema.js";
import type { RunInfo } from "../loop/run-folder.js";
import type { LogRecord } from "../loop/run-log.js";
import { planEpochs, stepsPerEpoch } from "../loop/schedule.js";
import { type ChartSeries, type LineChart, lineChart } from "./line-chart.js";
import { ERROR_SCORES, epochScores, scoreLabel, scoreNames, selectingScore } from "./run-scores.js";

/** Lines beside each other; readable on white and on near-black. */
const COLORS = ["#3B8FD9", "#E08214", "#2CA25F", "#D0508A", "#8E6BD0", "#A9801F", "#17A3A3", "#8A949C"];
const MAIN = "var(--text)";

interface Losses {
  readonly total: number;
  readonly terms: Readonly<Record<string, number>>;
}

/** First epoch of every phase but the first, and the steps taken before it. */
function phaseStarts(config: TrainConfig, info: RunInfo): { phase: number; epoch: number; step: number }[] {
  let step = 0;
  const starts: { phase: number; epoch: number; step: number }[] = [];
  for (const plan of planEpochs(config.train.phases, config.train.batch)) {
    if (plan.startsPhase && plan.phase > 0) starts.push({ phase: plan.phase + 1, epoch: plan.epoch, step });
    step += stepsPerEpoch(info.patches.train, plan.batch);
  }
  return starts;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Losses, learning rate and time over steps. @returns HTML; empty before anything was logged */
export function trainingCurves(records: readonly LogRecord[], config: TrainConfig, info: RunInfo): string {
  const steps = records.filter(({ kind }) => kind === "steps");
  const told = steps.length > 1 ? steps : records.filter(({ losses }) => losses !== undefined);
  if (told.length === 0) return "";
  const marks = phaseStarts(config, info).map(({ phase, step }) => ({ x: step, label: `phase ${phase}` }));
  const losses = told.map((record) => record.losses as Losses);
  const terms = [...new Set(losses.flatMap((loss) => Object.keys(loss.terms)))];
  const column = (name: string) => told.map((record) => numberOf(record[name]));
  const chart = (title: string, yLabel: string, series: readonly ChartSeries[], smooth: boolean): string =>
    lineChart({ title, xLabel: "step", yLabel, x: told.map(({ step }) => step), series, smooth, marks });
  const charts = [
    chart(
      "Loss",
      "weighted sum of the terms",
      [{ name: "total", values: losses.map(({ total }) => total), color: MAIN }],
      true,
    ),
    chart(
      "Terms of the loss",
      "unweighted",
      terms.map((name, i) => ({
        name,
        values: losses.map((loss) => numberOf(loss.terms[name])),
        color: COLORS[i % COLORS.length]!,
      })),
      true,
    ),
    chart("Learning rate", "", [{ name: "learning rate", values: column("lr"), color: MAIN }], false),
  ];
  if (steps.length > 1) {
    const seconds = column("stepMs").map((ms) => ms && ms / 1000);
    const waits = column("waitShare").map((share) => share && 100 * share);
    charts.push(
      chart("Time of a step", "s", [{ name: "step, s", values: seconds, color: MAIN }], false),
      chart(
        "Waiting for patches",
        "% of the time",
        [{ name: "waiting, %", values: waits, color: COLORS[1]! }],
        false,
      ),
    );
  }
  return `<div class="charts">${charts.join("")}</div>`;
}

/** All validation scores over epochs. @returns HTML; empty before the first validation */
export function validationCurves(records: readonly LogRecord[], config: TrainConfig, info: RunInfo): string {
  const epochs = epochScores(records);
  if (epochs.length === 0) return "";
  const selecting = selectingScore(config, info.classes);
  const marks = phaseStarts(config, info).map(({ phase, epoch }) => ({
    x: epoch - 0.5,
    label: `phase ${phase}`,
  }));
  const seriesOf = (names: readonly string[]): ChartSeries[] => {
    let next = 0;
    return names.map((name) => ({
      name: scoreLabel(name, info.classes),
      values: epochs.map(({ scores }) => scores[name] ?? null),
      color: name === selecting ? MAIN : COLORS[next++ % COLORS.length]!,
    }));
  };
  const best = epochs.findLast((epoch) => epoch.best);
  const point = best && { x: best.epoch, y: best.scores[selecting]!, label: `best: epoch ${best.epoch}` };
  const names = scoreNames(epochs);
  const chart = (title: string, yLabel: string, shown: readonly string[]): LineChart => ({
    title,
    xLabel: "epoch",
    yLabel,
    x: epochs.map(({ epoch }) => epoch),
    marks,
    series: seriesOf(shown),
    ...(point === undefined || !shown.includes(selecting) ? {} : { best: point }),
  });
  const shares = names.filter((name) => !ERROR_SCORES.includes(name));
  const errors = names.filter((name) => ERROR_SCORES.includes(name));
  const charts: LineChart[] = [
    { ...chart("Validation scores", "0 to 1, higher is better", shares), yRange: [0, 1] },
    ...errors.map((name) =>
      chart(`Validation: ${scoreLabel(name, info.classes)}`, "mean over pixels, lower is better", [name]),
    ),
  ];
  return `<div class="charts">${charts.map(lineChart).join("")}</div>`;
}
