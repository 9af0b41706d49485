/**
 * What every subcommand is handed: where to print, how to stop, and the exit status it ends with.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { FileAccessError, isRenogradeError, UsageError } from "@renograde/core";
import { createProgress, type Progress } from "./progress.js";

/** Surroundings of one run of the command. */
export interface Context {
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Prints results to standard output, with a line break. */
  print(text: string): void;
  /** Status the process ends with when nothing is thrown; commands set 1 when some inputs failed. */
  exitCode: 0 | 1;
}

/** Value of `--json [FILE]`: absent, to standard output, or to a file. */
export type JsonOption = string | true | undefined;

/**
 * Ends a command that has results: as one JSON document where `--json` asks for it, else as text.
 *
 * @param json - value of `--json`
 * @param document - the result as data
 * @param text - the result for people; not called with `--json` to standard output
 */
export async function printResult(
  context: Context,
  json: JsonOption,
  document: unknown,
  text: () => string,
): Promise<void> {
  if (json === true) {
    context.print(JSON.stringify(document, null, 2));
    return;
  }
  if (typeof json === "string") {
    try {
      await writeFile(json, `${JSON.stringify(document, null, 2)}\n`);
    } catch (error) {
      throw new FileAccessError(json, "cannot be written; choose a folder that exists and has space", {
        cause: error,
      });
    }
  }
  context.print(text());
}

/**
 * Parses repeated `--set key=value`. Values are read as JSON where they are JSON, else as text.
 *
 * @returns dotted keys to values
 * @throws UsageError when there is no `=`
 */
export function parseAssignments(assignments: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const assignment of assignments) {
    const at = assignment.indexOf("=");
    if (at <= 0)
      throw new UsageError(`--set ${assignment}: expected key=value, for instance --set post.h=150`);
    const text = assignment.slice(at + 1);
    let value: unknown = text;
    try {
      value = JSON.parse(text);
    } catch {
      // plain text
    }
    result[assignment.slice(0, at)] = value;
  }
  return result;
}

/** Commander's collector for options that may be repeated. */
export function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

/** Reads a positive number of the command line. */
export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value <= 0)
      throw new UsageError(`${option}: expected a number above 0, received "${text}"`);
    return value;
  };
}

/** Reads a whole number of at least `least` of the command line. */
export function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new UsageError(`${option}: expected a whole number of at least ${least}, received "${text}"`);
    }
    return value;
  };
}

/** Splits a comma-separated list and checks every entry. */
export function listOf<Name extends string>(
  option: string,
  names: readonly Name[],
): (text: string) => Name[] {
  return (text) =>
    text.split(",").map((part) => {
      const name = names.find((candidate) => candidate === part.trim());
      if (name === undefined) {
        throw new UsageError(`${option}: unknown "${part.trim()}"; choose from ${names.join(", ")}`);
      }
      return name;
    });
}

/**
 * Runs `body`, prints a failure as one sentence and returns the exit status.
 *
 * @param verbose - adds the stack
 */
export async function runWithContext(
  body: (context: Context) => Promise<void>,
  verbose: () => boolean,
): Promise<number> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write("\nstopping; finished results are kept (once more to stop at once)\n");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const context: Context = {
    signal: controller.signal,
    progress: createProgress(process.stderr),
    print: (text) => process.stdout.write(`${text}\n`),
    exitCode: 0,
  };
  try {
    await body(context);
    return context.exitCode;
  } catch (error) {
    return reportError(error, verbose());
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Prints an error for people and returns its exit status; a bug shows its stack and asks to be reported. */
export function reportError(error: unknown, verbose: boolean): number {
  if (isRenogradeError(error)) {
    process.stderr.write(`error: ${error.message}\n`);
    if (verbose)
      process.stderr.write(
        `${error.stack ?? ""}\n${error.cause === undefined ? "" : `cause: ${String(error.cause)}\n`}`,
      );
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`error: unexpected failure, please report it with this text:\n${text}\n`);
  return 1;
}
