/**
 * `run.html`: a run at a glance, in one file that opens from disk.
 *
 * @module
 */

import { escapeHtml, renderPage } from "@renograde/formats";
import { formatConfig } from "../config/load-config.js";
import type { TrainConfig } from "../config/schema.js";
import type { InitRecord } from "../init/initialise.js";
import type { TrainEvent } from "../loop/events.js";
import type { RunInfo } from "../loop/run-folder.js";
import type { LogRecord } from "../loop/run-log.js";
import { CHART_STYLE } from "./line-chart.js";
import { PICTURE_STYLE } from "./picture-section.js";
import { trainingCurves, validationCurves } from "./run-curves.js";
import { epochScores, scoreLabel, scoreTable, selectingScore } from "./run-scores.js";
import { formatNumber, formatTime } from "./ticks.js";

/** Seconds between two looks at the file while the run goes on. */
const REFRESH_SECONDS = 30;

/** Whether a run goes on; why it does not. */
export type RunOutcome =
  | { readonly kind: "running" }
  | { readonly kind: "finished" }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly message: string };

/** Everything the page tells. */
export interface RunPage {
  /** Name of the run: that of its folder. */
  readonly name: string;
  readonly outcome: RunOutcome;
  readonly config: TrainConfig;
  readonly info: RunInfo;
  /** The log so far. */
  readonly records: readonly LogRecord[];
  /** Steps and epochs of the whole run. */
  readonly plan: { readonly steps: number; readonly epochs: number };
  /** The latest step of this session; null before the first. */
  readonly step: Extract<TrainEvent, { kind: "step" }> | null;
  readonly warnings: readonly string[];
  /** HTML of the pictures of the latest validation, or nothing. */
  readonly pictures: string;
  /** When this is told. */
  readonly time: Date;
}

const STYLE = `
pre{font:11px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;columns:3 280px;column-gap:24px;margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
ul{margin:0;padding-left:18px}
.plain td{white-space:normal;text-align:left;overflow-wrap:anywhere}
@media print{section{break-inside:auto}h2{break-after:avoid}}
.plain td:first-child{color:var(--dim);white-space:nowrap;vertical-align:top}
`;

/** Seconds the sessions of a run took, from its log. */
function trainedSeconds(records: readonly LogRecord[]): number {
  let seconds = 0;
  let begin = Number.NaN;
  let last = Number.NaN;
  for (const { kind, time } of records) {
    const at = Date.parse(`${time}`) / 1000;
    if (kind === "start" || kind === "resume") begin = at;
    else seconds += at - Math.max(begin, Number.isNaN(last) ? begin : last);
    last = at;
  }
  return seconds;
}

function verdictOf({ outcome, records, config, info, plan, step }: RunPage): string {
  const { step: done = 0, epoch = 0 } = records.at(-1) ?? {};
  const where = `epoch ${Math.min(Math.max(step?.epoch ?? 0, epoch, 1), plan.epochs)} of ${plan.epochs}, step ${formatNumber(step?.step ?? done)} of ${formatNumber(plan.steps)}`;
  if (outcome.kind === "running") return `Running: ${where}`;
  if (outcome.kind === "stopped") return `Stopped: ${where}; goes on with --resume`;
  if (outcome.kind === "failed") return `Ended by an error: ${where}`;
  const best = epochScores(records).findLast((scores) => scores.best);
  const name = selectingScore(config, info.classes);
  const score =
    best === undefined
      ? ""
      : `; best epoch ${best.epoch}, ${scoreLabel(name, info.classes)} ${formatNumber(best.scores[name]!)}`;
  return `Finished: ${plan.epochs} epochs, ${formatNumber(plan.steps)} steps${score}`;
}

function factsOf({ outcome, records, step, info, time }: RunPage): string {
  const steps = records.findLast(({ kind }) => kind === "steps");
  const stepMs = typeof steps?.stepMs === "number" ? steps.stepMs : step?.stepMs;
  const rate = stepMs === undefined ? [] : [`${formatTime(stepMs / 1000)} per step`];
  const left = step === null ? [] : [`${formatTime(step.remainingMs / 1000)} left`];
  const waits =
    typeof steps?.waitShare === "number" ? [`${(100 * steps.waitShare).toFixed(1)} % waiting`] : [];
  return [
    info.network,
    `${info.patches.train} training and ${info.patches.valid} validation patches of ${info.data.name}`,
    ...rate,
    ...(outcome.kind === "running"
      ? [...waits, ...left]
      : [`trained for ${formatTime(trainedSeconds(records))}`]),
    `as of ${time.toISOString().replace("T", " ").slice(0, 19)} UTC`,
  ].join(" · ");
}

/** Names listed of tensors that start afresh. */
const NAMED = 6;

function describeInit({ option, file, family, tensors, ofTensors, fresh, ...init }: InitRecord): string {
  const more = fresh.length > NAMED ? ", …" : "";
  return [
    `${option} ${file} (${family})`,
    `${tensors} of ${ofTensors} tensors`,
    ...(init.foldedNormalisation ? ["ImageNet's normalisation folded"] : []),
    ...(fresh.length === 0 ? [] : [`${fresh.length} afresh: ${fresh.slice(0, NAMED).join(", ")}${more}`]),
    `SHA-256 ${init.sha256}`,
  ].join("; ");
}

function factTable({ config, info }: RunPage): string {
  const { init, data } = info;
  const rows: [string, string][] = [
    ["network", `${info.network}, width ${config.net.width}, ${formatNumber(info.parameters)} parameters`],
    ["weights at the start", init == null ? "fresh" : describeInit(init)],
    ["classes", info.classes.classes.map(({ name }) => name).join(", ")],
    ["data", `${data.name} (${data.layout})${data.synthetic ? ", synthetic" : ""}`],
    ["images", `${info.images.train.length} training, ${info.images.valid.length} validation`],
    ["fingerprint of the data", data.fingerprint],
    ["seed", `${config.train.seed}`],
    ["engine", `${info.engine}${info.processes === undefined ? "" : `, ${info.processes} processes`}`],
    ["Renograde", info.renogradeVersion],
  ];
  return `<div class="scroll"><table class="plain"><tbody>${rows.map(([name, value]) => `<tr><td>${name}</td><td>${escapeHtml(value)}</td></tr>`).join("")}</tbody></table></div>`;
}

const section = (title: string, html: string): string =>
  html === "" ? "" : `<section><h2>${title}</h2>${html}</section>`;

/** The page as HTML. */
export function renderRunPage(page: RunPage): string {
  const { outcome, config, info, records, plan, step, warnings } = page;
  const epochs = epochScores(records);
  const curves = trainingCurves(records, config, info);
  const scores =
    epochs.length === 0 ? "" : validationCurves(records, config, info) + scoreTable(epochs, info.classes);
  const synthetic = info.data.synthetic || config.model.synthetic;
  const done = Math.max(step?.step ?? 0, records.at(-1)?.step ?? 0);
  const waiting = '<p class="note">Curves come with the first steps.</p>';
  return renderPage({
    title: `Training ${page.name}`,
    verdict: verdictOf(page),
    facts: factsOf(page),
    ...(synthetic
      ? {
          caution:
            "Synthetic data: no real tissue was used. What these scores say holds for synthetic sections only.",
        }
      : {}),
    ...(outcome.kind === "running" ? { refreshSeconds: REFRESH_SECONDS } : {}),
    progress: plan.steps === 0 ? 0 : done / plan.steps,
    style: CHART_STYLE + PICTURE_STYLE + STYLE,
    body: [
      outcome.kind === "failed" ? section("Error", `<p>${escapeHtml(outcome.message)}</p>`) : "",
      section("Training", curves === "" ? waiting : curves),
      section("Validation", scores),
      page.pictures,
      section(
        "Warnings",
        warnings.length === 0 ? "" : `<ul>${warnings.map((w) => `<li>${escapeHtml(w)}</li>`).join("")}</ul>`,
      ),
      section("Run", factTable(page)),
      section("Configuration", `<pre>${escapeHtml(formatConfig(config))}</pre>`),
    ].join(""),
  });
}
