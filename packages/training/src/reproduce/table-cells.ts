/**
 * The columns of a reproduced table, as data: published | ours | difference. Markdown, CSV and HTML are made of it.
 *
 * @module
 */
import { classKeys, type Interval } from "@renograde/core";
import type { PublishedScores } from "./published.js";
import type { ReproducedTable } from "./run-table.js";
import type { RowScores } from "./summarise.js";

/** One score of one row. */
export interface Cell {
  /** Published values; two where table and stored notebook differ; empty where none is published. */
  readonly published: readonly number[];
  /** Null when the row has no finished run. */
  readonly ours: Interval | null;
}

/** A column of scores. */
export interface Column {
  /** Key for CSV: `pq_1`. */
  readonly key: string;
  readonly title: string;
  /** One cell per row of the table. */
  readonly cells: readonly Cell[];
}

/** The columns the paper has, and those beyond it. */
export interface Columns {
  readonly paper: readonly Column[];
  /** Other definitions of the same quantities, and pooled counts. */
  readonly further: readonly Column[];
}

/** The columns of a table, published values where {@link hasPublished}. */
export function tableColumns(table: ReproducedTable): Columns {
  const keys = classKeys(table.dataset.classes);
  const comparable = hasPublished(table);
  const column = (
    key: string,
    title: string,
    ours: (scores: RowScores) => Interval,
    published?: (scores: PublishedScores) => readonly number[],
  ): Column => ({
    key,
    title,
    cells: table.rows.map(({ row, scores }) => ({
      published: comparable && published ? published(row.published) : [],
      ours: scores && ours(scores),
    })),
  });
  const classTitle = (key: string): string => (comparable ? `PQ${key}` : `PQ ${key}`);
  return {
    paper: [
      column(
        "dice",
        "Dice",
        (s) => s.dice,
        (p) => [p.dice],
      ),
      column(
        "aji",
        "AJI",
        (s) => s.aji,
        (p) => [p.aji],
      ),
      column(
        "pq",
        "PQ",
        (s) => s.pq,
        (p) => [p.pq],
      ),
      column(
        "apq",
        "aPQ",
        (s) => s.apq,
        (p) => [p.apq],
      ),
      ...keys.map((key, i) =>
        column(
          `pq_${key}`,
          classTitle(key),
          (s) => s.classPq[i]!,
          (p) => {
            const value = p.classPq[i]!;
            return i === 1 && p.notebookPq2 !== undefined ? [value, p.notebookPq2] : [value];
          },
        ),
      ),
    ],
    further: [
      column("aji_plus", "AJI+", (s) => s.ajiPlus),
      column("mpq_image", "mPQ by image", (s) => s.mpqImage),
      column("pq_pooled", "PQ pooled", (s) => s.pqPooled),
      column("apq_pooled", "aPQ pooled", (s) => s.apqPooled),
      ...keys.map((key, i) =>
        column(`pq_${key}_pooled`, `${classTitle(key)} pooled`, (s) => s.classPqPooled[i]!),
      ),
    ],
  };
}

/** A score with four digits, as published; a dash where it is not defined. */
export function score(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : value.toFixed(4);
}

/** `0.7510 (0.7302–0.7711)`. */
export function scoreWithInterval(interval: Interval | null): string {
  if (interval === null || Number.isNaN(interval.value)) return "–";
  return `${score(interval.value)} (${score(interval.low)}–${score(interval.high)})`;
}

/** Ours minus the published value of the table, with a sign. */
export function difference({ published, ours }: Cell): string {
  if (ours === null || published[0] === undefined || Number.isNaN(ours.value)) return "–";
  const value = ours.value - published[0];
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
}

/** Titles of what {@link rowCosts} gives. */
export const COST_TITLES = [
  "parameters",
  "GMAC per window",
  "steps",
  "training",
  "grading per image",
] as const;

/** What every row cost, as text in the order of {@link COST_TITLES}; steps and times are means over seeds. */
export function rowCosts(table: ReproducedTable): string[][] {
  return table.rows.map(({ runs }) => {
    const [first] = runs;
    if (first === undefined) return COST_TITLES.map(() => "–");
    const mean = (pick: (run: (typeof runs)[number]) => number) =>
      runs.reduce((sum, run) => sum + pick(run), 0) / runs.length;
    const steps = mean((run) => run.steps ?? Number.NaN);
    return [
      first.parameters.toLocaleString("en-US"),
      (first.macs / 1e9).toFixed(2),
      Number.isNaN(steps) ? "–" : Math.round(steps).toLocaleString("en-US"),
      `${(mean((run) => run.trainSeconds) / 60).toFixed(1)} min`,
      `${mean((run) => run.gradeMs).toFixed(0)} ms`,
    ];
  });
}

/** Whether published figures stand beside ours: only where the classes are the paper's. */
export function hasPublished(table: ReproducedTable): boolean {
  return classKeys(table.dataset.classes).join() === "1,2,3,e";
}

/** What a reader must know of the figures, one sentence each. */
export function tableNotes(table: ReproducedTable): string[] {
  const { dataset, protocol, rows } = table;
  const seeds = Math.max(0, ...rows.map((row) => row.runs.length));
  const widths = [...new Set(rows.flatMap((row) => row.runs.map((run) => run.width)))];
  const epochs = [...new Set(rows.flatMap((row) => row.runs.map((run) => run.epochs)))];
  return [
    ...(dataset.synthetic
      ? [
          "The data are synthetic sections, not tissue: the figures say nothing about kidney cancer and are not comparable with the published ones.",
        ]
      : []),
    `Data: ${dataset.name}, ${dataset.train} training, ${dataset.valid} validation and ${dataset.test} test images (${dataset.origin}).`,
    `Ours: mean of ${seeds} ${seeds === 1 ? "run" : "runs"} per row, ${epochs.join(" or ")} epochs, channel width ${widths.join(", ")}; in brackets the 95 % interval of ${protocol.seeds > 1 ? "resampled seeds and test images" : "resampled test images"} (bootstrap, 1,000 rounds).`,
    hasPublished(table)
      ? "Published: Gao et al., MICCAI 2021. PQ2 of CHR-Net is 0.4027 in the tables and 0.3927 in the notebook stored with the code; the difference is to the table."
      : "The classes are not the paper's, so nothing published stands beside them.",
    "aPQ: mean over classes of the mean over images (the paper's). mPQ by image: mean over images of the mean over their classes (the notebook's). Pooled: from counts over all images (CoNIC's).",
    ...table.failures.map((failure) => `Failed: ${failure}`),
    ...table.elsewhere.map((run) => `Not finished, another process is at it: ${run}`),
  ];
}
