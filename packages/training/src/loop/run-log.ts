/**
 * The log of a run: `log.jsonl`, one JSON object per line, only ever appended to. A resumed run first drops the
 * lines that lie beyond its checkpoint.
 *
 * @module
 */
import { appendFile, readFile } from "node:fs/promises";
import { FileAccessError } from "@renograde/core";
import { writeFileAtomic } from "@renograde/slides/node";

/** One line; `kind` says what it is and `step` how many steps were finished. */
export interface LogRecord {
  readonly kind: "start" | "steps" | "epoch" | "resume" | "end";
  readonly step: number;
  readonly epoch: number;
  readonly [key: string]: unknown;
}

/** Parses the lines of a log; a last line cut off by a kill is left out. */
export function parseLog(text: string): LogRecord[] {
  const result: LogRecord[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      result.push(JSON.parse(line) as LogRecord);
    } catch {
      break;
    }
  }
  return result;
}

/** Reads a log; empty when there is none. */
export async function readLog(path: string): Promise<LogRecord[]> {
  try {
    return parseLog(await readFile(path, "utf8"));
  } catch {
    return [];
  }
}

/** Drops what was logged after a checkpoint at `step`, `epoch` epochs finished, so that nothing is told twice. */
export async function truncateLog(path: string, step: number, epoch: number): Promise<void> {
  const kept = (await readLog(path)).filter(
    (record) => record.step <= step && (record.kind !== "epoch" || record.epoch <= epoch),
  );
  await writeFileAtomic(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
}

/** Appends one line and returns it with its time. @throws FileAccessError when the log cannot be written */
export async function appendLog(path: string, record: LogRecord): Promise<LogRecord> {
  const line = { time: new Date().toISOString(), ...record };
  try {
    await appendFile(path, `${JSON.stringify(line)}\n`);
    return line;
  } catch (cause) {
    throw new FileAccessError(path, "cannot write the log; is the disk full or the folder read-only?", {
      cause,
    });
  }
}
