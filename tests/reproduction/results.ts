/**
 * The page that records a reproduction.
 *
 * @module
 */
import { cpus, totalmem } from "node:os";
import type { DatasetMetrics } from "@renograde/core";
import { networks } from "@renograde/nn";
import type { LogRecord, TrainConfig } from "@renograde/training";
import { NOTES, type Source, TARGETS } from "./sources.js";

/** One source, trained and scored. */
export interface SourceResult {
  readonly source: Source;
  readonly config: TrainConfig;
  /** Nuclei per class over all crops. */
  readonly nuclei: readonly number[];
  readonly log: readonly LogRecord[];
  readonly metrics: DatasetMetrics;
}

/** Whether the scores reach {@link TARGETS}. */
export function isReached({ metrics }: SourceResult): boolean {
  return metrics.dice > TARGETS.dice && metrics.pq > TARGETS.pq;
}

/** Seconds in which training was under way, sessions of a resumed run added up. */
function secondsOf(log: readonly LogRecord[]): number {
  let total = 0;
  let last: number | undefined;
  for (const record of log) {
    const now = Date.parse(String(record.time)) / 1000;
    if (last !== undefined && record.kind !== "resume") total += now - last;
    last = now;
  }
  return total;
}

type Losses = { readonly total: number; readonly terms: Readonly<Record<string, number>> };

/** Mean losses of the first and of the last epoch. */
function lossesOf(log: readonly LogRecord[]): { first: Losses; last: Losses } {
  const epochs = log.filter((record) => record.kind === "epoch").map((record) => record.losses as Losses);
  return { first: epochs[0]!, last: epochs.at(-1)! };
}

const score = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? "–" : value.toFixed(4);
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function scoreRows(results: readonly SourceResult[]): string[] {
  const head = [
    "crops of",
    "crops",
    "nuclei",
    "Dice",
    "AJI",
    "DQ",
    "SQ",
    "PQ",
    "aPQ",
    "PQ per class",
    "reached",
  ];
  return [
    row(head),
    row(head.map((_, i) => (i === 0 || i > 8 ? "---" : "---:"))),
    ...results.map((result) => {
      const { source, nuclei, metrics: m } = result;
      const typed = nuclei.length > 1;
      return row([
        source.title,
        String(source.crops.length),
        typed ? `${nuclei.reduce((a, b) => a + b, 0)} (${nuclei.join(", ")})` : String(nuclei[0]),
        ...[m.dice, m.aji, m.dq, m.sq, m.pq].map(score),
        typed ? score(m.apq) : "–",
        typed ? m.classPq.map(score).join(", ") : "–",
        isReached(result) ? "yes" : "no",
      ]);
    }),
  ];
}

function trainingRows(results: readonly SourceResult[]): string[] {
  const names = ["total", ...Object.keys(lossesOf(results[0]!.log).last.terms)];
  const head = [
    "training on",
    "steps",
    "minutes",
    ...names.map((name) => `loss ${name}, first → last epoch`),
  ];
  return [
    row(head),
    row(head.map((_, i) => (i === 0 ? "---" : "---:"))),
    ...results.map(({ source, log }) => {
      const { first, last } = lossesOf(log);
      const value = (losses: Losses, name: string) =>
        (name === "total" ? losses.total : losses.terms[name]!).toFixed(3);
      return row([
        source.name,
        String(log.at(-1)!.step),
        (secondsOf(log) / 60).toFixed(1),
        ...names.map((name) => `${value(first, name)} → ${value(last, name)}`),
      ]);
    }),
  ];
}

/** Processor, memory and version in words. */
function machine(): string {
  const gib = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${model}, ${cpus().length} logical processors, ${gib} GiB; Node ${process.versions.node}`;
}

/** Lines of a paragraph, of at most 120 characters. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 119) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** RESULTS.md of a finished reproduction of one network. */
export function formatResults(network: string, results: readonly SourceResult[], date = new Date()): string {
  const title = networks.get(network)!.title.split(/,| \(| on /)[0]!;
  const command = network === "chr-net" ? "" : ` -- --network ${network}`;
  const crops = results.flatMap(({ source }) =>
    source.crops.map(
      (c) => `- ${source.folder}/${c.image}: ${c.side} x ${c.side} px from row ${c.top}, column ${c.left}`,
    ),
  );
  const settings = results.map(({ source }) => `\`\`\`yaml\n# ${source.name}${source.config}\`\`\``);
  return `${[
    `# ${title} overfits crops of real tissue`,
    "",
    "A proof that the network, its targets, its losses and the whole exported path work, not a measure of quality: the",
    "scores are those of the very crops trained on. Each source is trained on its own, exported to ONNX, graded by ONNX",
    `Runtime and evaluated against the original labels. To be reached: Dice > ${TARGETS.dice} and PQ > ${TARGETS.pq}.`,
    "",
    `${date.toISOString().slice(0, 10)}. Machine: ${machine()}; one thread; minutes include waiting for other work on the machine.`,
    `Written by \`npm run reproduce:overfit${command}\`.`,
    "",
    ...scoreRows(results),
    "",
    ...trainingRows(results),
    "",
    "Crops:",
    "",
    ...crops,
    "",
    ...wrapped(
      `Settings; everything else is the method's default, ${NOTES[network]} Training and grading use the same windows.`,
    ),
    "",
    settings.join("\n\n"),
  ].join("\n")}\n`;
}
