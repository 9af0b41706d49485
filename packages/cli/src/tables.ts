/**
 * Tables for the terminal.
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import type { GradeSummary } from "@renograde/grading/node";

/** Rows as text: the first column left-aligned, the others right-aligned, columns as wide as needed. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(...rows.map((row) => (row[c] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[c]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Whole numbers with thousands separated. */
export const integer = (value: number): string => value.toLocaleString("en-US");

const MOST_ROWS = 40;

/** A name in one cell, whatever it holds. */
const oneLine = (name: string): string => name.replace(/[\n\t]/g, "\ufffd");

/** Nuclei per image and class, where the results are, and what to do next. */
export function gradeTable(summary: GradeSummary, scheme: ClassScheme, outDir: string): string {
  if (summary.images.length === 0) return "nothing was graded";
  const cells = (counts: readonly number[]): string[] =>
    scheme.classes.map((_, i) => integer(counts[i + 1] ?? 0));
  const sum = (counts: readonly number[]): string => integer(counts.reduce((a, b) => a + b, 0));
  const shown = summary.images.slice(0, MOST_ROWS);
  const rows = [
    ["image", ...scheme.classes.map((c) => c.short), "nuclei"],
    ...shown.map((image) => [oneLine(image.stem), ...cells(image.counts), sum(image.counts)]),
    ...(summary.images.length === 1 ? [] : [["all", ...cells(summary.counts), sum(summary.counts)]]),
  ];
  const more = summary.images.length - shown.length;
  return [
    formatTable(rows),
    ...(more > 0 ? [`… and ${integer(more)} more images`] : []),
    "",
    `results in ${outDir}${summary.report === undefined ? "" : `; look at ${summary.report}`}`,
    `next, where the truth is known: renograde evaluate --truth TRUTH --pred ${outDir}`,
    "Research use only. Not for diagnostic use.",
  ].join("\n");
}
