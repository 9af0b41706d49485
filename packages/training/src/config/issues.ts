/**
 * From what the schema finds wrong to what the user reads: where, what was expected, what was received, and the
 * name that was probably meant.
 *
 * @module
 */
import type { ConfigIssue } from "@renograde/core";
import type { z } from "zod";

type SchemaIssue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

/** The value at `path` inside `root`, or undefined. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** Number of single-letter insertions, deletions, substitutions and swaps from `a` to `b`, letter case ignored. */
export function editDistance(a: string, b: string): number {
  const s = a.toLowerCase();
  const t = b.toLowerCase();
  const rows: number[][] = [Array.from({ length: t.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= s.length; i++) {
    const row = [i];
    for (let j = 1; j <= t.length; j++) {
      const cost = s[i - 1] === t[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && s[i - 1] === t[j - 2] && s[i - 2] === t[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[s.length]![t.length]!;
}

/** The candidate that `word` was probably meant to be, or undefined when none is near. */
export function closestWord(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** How a received value is quoted in a message. */
export function quoteValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? `"${value}"` : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const EXPECTED: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a group of options",
};

function expectation(issue: SchemaIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return EXPECTED[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.length === 1
        ? quoteValue(issue.values[0])
        : `one of ${issue.values.map((v) => String(v)).join(", ")}`;
    case "too_small": {
      if (issue.origin === "array") return `at least ${issue.minimum} entries`;
      return issue.inclusive === false ? `a number above ${issue.minimum}` : `at least ${issue.minimum}`;
    }
    case "too_big": {
      if (issue.origin === "array") return `at most ${issue.maximum} entries`;
      return issue.inclusive === false ? `a number below ${issue.maximum}` : `at most ${issue.maximum}`;
    }
    case "invalid_format":
      return "letters, digits, dots and dashes, starting with a letter or digit";
    default:
      return issue.message;
  }
}

/** A mistake with its path as keys, before a position in a file is known. */
export interface PlacedIssue {
  readonly path: Path;
  readonly message: string;
  /** True when the mistake is the key itself (an unknown option), not its value. */
  readonly atKey: boolean;
}

/** `train.phases[].freeze` was a word before it was true or false. */
function formerFreeze(value: unknown): string {
  if (value === "none") return "; write freeze: false";
  if (value === "encoder" || value === "reference") {
    return `; write freeze: true, and train.freezeScope: ${value}`;
  }
  return "";
}

/**
 * Turns the schema's findings into sentences.
 *
 * @param raw - the value that was validated
 * @param knownKeys - option names of the group at a path, for "did you mean"
 */
export function describeIssues(
  issues: readonly SchemaIssue[],
  raw: unknown,
  knownKeys: (path: Path) => readonly string[],
): PlacedIssue[] {
  const result: PlacedIssue[] = [];
  for (const issue of issues) {
    const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
    if (issue.code === "unrecognized_keys") {
      const names = knownKeys(path);
      for (const key of issue.keys) {
        const near = closestWord(key, names);
        const hint = near === undefined ? `known: ${names.join(", ")}` : `did you mean "${near}"?`;
        result.push({ path: [...path, key], message: `unknown option; ${hint}`, atKey: true });
      }
      continue;
    }
    const value = valueAt(raw, path);
    let message = `expected ${expectation(issue)}, received ${quoteValue(value)}`;
    if (path.at(-1) === "freeze") message += formerFreeze(value);
    if (issue.code === "invalid_value" && typeof value === "string") {
      const near = closestWord(
        value,
        issue.values.map((v) => String(v)),
      );
      if (near !== undefined) message += `; did you mean "${near}"?`;
    }
    result.push({ path, message, atKey: false });
  }
  return result;
}

/** The dotted form of a path, `train.phases.0.lr`. */
export function dotted(path: Path): string {
  return path.length === 0 ? "(whole file)" : path.join(".");
}

/** A {@link ConfigIssue} without absent fields. */
export function toConfigIssue(
  path: string,
  message: string,
  at?: { line: number; col: number },
): ConfigIssue {
  return at === undefined ? { path, message } : { path, message, line: at.line, column: at.col };
}
