/**
 * Comma-separated values as RFC 4180 has them: CRLF line ends, quotes doubled within quotes. Numbers are written with
 * a fixed number of significant digits and a point, in every locale.
 *
 * @module
 */
import { FileFormatError, ShapeError } from "@renograde/core";
import { decodeUtf8 } from "./text.js";

/** What a cell may hold; null is an empty cell. */
export type CsvValue = string | number | boolean | null;

const FORMAT = "CSV";

/**
 * A number as text: whole numbers in full, others with at most `digits` significant digits and no trailing zeros.
 *
 * @example
 * formatCsvNumber(0.123456789); // "0.123457"
 */
export function formatCsvNumber(value: number, digits = 6): string {
  return Number.isSafeInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
}

function formatCell(value: CsvValue, digits: number): string {
  if (value === null) return "";
  const text = typeof value === "number" ? formatCsvNumber(value, digits) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Writes a table in chunks of text, one per row, the header first.
 *
 * @param options.digits - significant digits of numbers. Default 6
 * @throws ShapeError when a row has another number of cells than the header
 */
export function* csvChunks(
  header: readonly string[],
  rows: Iterable<readonly CsvValue[]>,
  options: { readonly digits?: number } = {},
): Generator<string> {
  const line = (cells: readonly CsvValue[]): string => {
    const text = cells.map((cell) => formatCell(cell, options.digits ?? 6)).join(",");
    // A line without any character would be read as no row at all.
    return `${text === "" ? '""' : text}\r\n`;
  };
  yield line(header);
  let index = 0;
  for (const row of rows) {
    index++;
    if (row.length !== header.length) {
      throw new ShapeError(`CSV row ${index}: expected ${header.length} cells, received ${row.length}`);
    }
    yield line(row);
  }
}

/**
 * Reads a table of text; line ends may be CRLF or LF. The first row is the header.
 *
 * @throws FileFormatError naming the line where a quote is not closed or out of place, or a row has another number of
 *   cells than the first
 */
export function parseCsv(bytes: Uint8Array, path = "<bytes>"): string[][] {
  const text = decodeUtf8(bytes, path, FORMAT);
  const rows: string[][] = [];
  let row: string[] = [];
  let line = 1;
  const fail = (problem: string): FileFormatError =>
    new FileFormatError(path, FORMAT, `line ${line}: ${problem}`);
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/y;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (match === null) throw fail("a quote is not closed or out of place; the file is truncated or no CSV");
    const [, raw = "", end = ""] = match;
    row.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    const atEnd = cell.lastIndex === text.length;
    if (end === "," && atEnd) row.push("");
    if (end !== "," || atEnd) {
      if (rows[0] !== undefined && row.length !== rows[0].length) {
        throw fail(`expected ${rows[0].length} cells, received ${row.length}`);
      }
      rows.push(row);
      row = [];
    }
    line += raw.split("\n").length - (end.endsWith("\n") ? 0 : 1);
  }
  return rows;
}
