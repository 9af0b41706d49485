/**
 * A reproduced table as Markdown, CSV and a self-contained page.
 *
 * @module
 */
import { join } from "node:path";
import { type CsvValue, csvChunks, escapeHtml, renderPage } from "@renograde/formats";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import { TABLES } from "./published.js";
import { picturePath, type ReproducedTable } from "./run-table.js";
import {
  type Cell,
  COST_TITLES,
  type Column,
  difference,
  hasPublished,
  rowCosts,
  score,
  scoreWithInterval,
  tableColumns,
  tableNotes,
} from "./table-cells.js";

/** Paths of the files {@link writeTable} wrote. */
export interface TableFiles {
  readonly markdown: string;
  readonly csv: string;
  readonly html: string;
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head!), line(head!.map((_, i) => (i === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

const published = (cell: Cell): string =>
  cell.published.length === 0 ? "–" : cell.published.map(score).join(" / ");

/** The table as Markdown. */
export function tableMarkdown(table: ReproducedTable): string {
  const { paper, further } = tableColumns(table);
  const titles = table.rows.map(({ row }) => row.title);
  const costs = rowCosts(table);
  const block = (columns: readonly Column[], text: (cell: Cell) => string): string =>
    markdownTable([
      ["", ...columns.map((c) => c.title)],
      ...titles.map((title, r) => [title, ...columns.map((c) => text(c.cells[r]!))]),
    ]);
  const comparison = hasPublished(table)
    ? `
## Published

${block(paper, published)}

## Difference, ours minus published

${block(paper, difference)}
`
    : "";
  return `# ${TABLES[table.table].title}

${tableNotes(table)
  .map((note) => `- ${note}`)
  .join("\n")}

## Ours

${block(paper, (cell) => scoreWithInterval(cell.ours))}
${comparison}
## Further definitions, ours

${block(further, (cell) => scoreWithInterval(cell.ours))}

## Cost

${markdownTable([["", ...COST_TITLES], ...titles.map((title, r) => [title, ...costs[r]!])])}
`;
}

/** The table as CSV: one line per row and score. */
export function tableCsv(table: ReproducedTable): string {
  const { paper, further } = tableColumns(table);
  const value = (x: number | undefined): CsvValue => (x === undefined || Number.isNaN(x) ? null : x);
  const lines = [...paper, ...further].flatMap((column) =>
    table.rows.map(({ row, runs }, r): CsvValue[] => {
      const { published: theirs, ours } = column.cells[r]!;
      return [
        row.title,
        row.network,
        column.key,
        value(theirs[0]),
        value(theirs[1]),
        value(ours?.value),
        value(ours?.low),
        value(ours?.high),
        runs.length,
      ];
    }),
  );
  const head = ["row", "network", "score", "published", "published_notebook", "ours", "low", "high", "runs"];
  return [...csvChunks(head, lines)].join("");
}

function htmlTable(table: ReproducedTable, columns: readonly Column[]): string {
  const cell = (c: Cell): string => {
    const range = c.ours === null ? "" : `<small>${score(c.ours.low)}–${score(c.ours.high)}</small>`;
    const theirs =
      c.published.length === 0 ? "" : `<small>paper ${published(c)}</small><small>${difference(c)}</small>`;
    return `<td>${score(c.ours?.value)}${range}${theirs}</td>`;
  };
  const rows = table.rows.map(
    ({ row }, r) =>
      `<tr><td>${escapeHtml(row.title)}</td>${columns.map((c) => cell(c.cells[r]!)).join("")}</tr>`,
  );
  const head = columns.map((c) => `<th>${escapeHtml(c.title)}</th>`).join("");
  return `<div class="scroll"><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function costTable(table: ReproducedTable): string {
  const cells = (row: readonly string[]): string => row.map((text) => `<td>${text}</td>`).join("");
  const rows = rowCosts(table).map(
    (row, r) => `<tr><td>${escapeHtml(table.rows[r]!.row.title)}</td>${cells(row)}</tr>`,
  );
  const head = COST_TITLES.map((title) => `<th>${title}</th>`).join("");
  return `<div class="scroll"><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

async function pictureCell(path: string, caption: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileBytes(path);
  } catch {
    return "";
  }
  const source = `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
  return `<td><figure><img width="280" src="${source}" alt=""><figcaption>${escapeHtml(caption)}</figcaption></figure></td>`;
}

/** Truth and every row's prediction side by side, one line per drawn image. */
async function comparison(table: ReproducedTable, outDir: string): Promise<string> {
  const lines: string[] = [];
  for (const name of table.pictures) {
    const cells = [await pictureCell(picturePath(table, outDir, null, name), `${name}, annotation`)];
    for (const { row } of table.rows) {
      cells.push(await pictureCell(picturePath(table, outDir, row.network, name), row.title));
    }
    lines.push(`<tr>${cells.join("")}</tr>`);
  }
  return `<div class="scroll"><table style="table-layout:fixed;width:100%;min-width:${150 * (table.rows.length + 1)}px">${lines.join("")}</table></div>`;
}

/** The row with the highest aPQ, in words. */
function verdict(table: ReproducedTable): string {
  const scored = table.rows.flatMap(({ row, scores }) => {
    const apq = scores?.apq.value ?? Number.NaN;
    return Number.isNaN(apq) ? [] : [{ title: row.title, apq, interval: scores!.apq }];
  });
  const best = scored.sort((a, b) => b.apq - a.apq)[0];
  if (best === undefined) return "no run is finished";
  return `highest aPQ: ${best.title}, ${scoreWithInterval(best.interval)}`;
}

/** The table as a page. */
export async function tableHtml(table: ReproducedTable, outDir: string): Promise<string> {
  const { paper, further } = tableColumns(table);
  const colors = table.dataset.classes.classes
    .map(
      (c) =>
        `<span style="display:inline-block;width:10px;height:10px;background:rgb(${c.color.join()})"></span> ${escapeHtml(c.name)}`,
    )
    .join(" · ");
  const notes = tableNotes(table).map((note) => `<li>${escapeHtml(note)}</li>`);
  return renderPage({
    title: TABLES[table.table].title,
    verdict: verdict(table),
    facts: `${table.dataset.name}, ${table.dataset.test} test images`,
    ...(table.dataset.synthetic
      ? {
          caution:
            "Synthetic sections, not tissue. These figures are not comparable with the published ones.",
        }
      : {}),
    body: `<section><h2>As in the paper</h2>${htmlTable(table, paper)}</section>
<section><h2>Further definitions</h2>${htmlTable(table, further)}</section>
<section><h2>Cost</h2>${costTable(table)}</section>
<section><h2>Side by side</h2><p class="note">${colors}</p>${await comparison(table, outDir)}</section>
<section><h2>How to read it</h2><ul>${notes.join("")}</ul></section>`,
  });
}

/** Writes `<table>.md`, `<table>.csv` and `<table>.html` into `outDir`. */
export async function writeTable(table: ReproducedTable, outDir: string): Promise<TableFiles> {
  const path = (extension: string): string => join(outDir, `${table.table}.${extension}`);
  const files = { markdown: path("md"), csv: path("csv"), html: path("html") };
  await writeFileAtomic(files.markdown, tableMarkdown(table));
  await writeFileAtomic(files.csv, tableCsv(table));
  await writeFileAtomic(files.html, await tableHtml(table, outDir));
  return files;
}
