/**
 * What every subcommand is handed: where to print, how to stop, and the exit status it ends with.
 *
 * @module
 */
import { isRenogradeError, UsageError } from "@renograde/core";
import { createProgress, type Progress, type ProgressStream, printable } from "./progress.js";

/** Where a run of the command writes; the streams of the process fit. */
export interface Streams {
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
}

/** Surroundings of one run of the command. */
export interface Context {
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Width of the terminal that results go to; infinite where they go elsewhere. */
  readonly columns: number;
  /** Prints results to standard output, with a line break. */
  print(text: string): void;
  /** Status the process ends with when nothing is thrown: 1 when some inputs failed, or that of a process it ran. */
  exitCode: number;
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
  context.print(text());
  if (typeof json === "string") {
    const { writeFileAtomic } = await import("@renograde/slides/node");
    await writeFileAtomic(json, `${JSON.stringify(document, null, 2)}\n`);
  }
}

/**
 * Parses repeated `--set key=value`. Values are read as JSON where they are JSON, else as text.
 *
 * @returns dotted keys to values, without prototype
 * @throws UsageError naming every one without `=`
 */
export function parseAssignments(assignments: readonly string[]): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  const wrong = assignments.filter((assignment) => assignment.indexOf("=") <= 0);
  if (wrong.length > 0) {
    throw new UsageError(
      wrong.map((text) => `--set ${text}: expected key=value, for instance --set post.h=150`).join("\n"),
    );
  }
  for (const assignment of assignments) {
    const at = assignment.indexOf("=");
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

/** Reads a path of the command line; an empty one, as of an unset variable, would mean the current folder. */
export function pathOf(option: string): (text: string) => string {
  return (text) => {
    if (text.trim() === "") throw new UsageError(`${option}: expected a path, received "${text}"`);
    return text;
  };
}

/** Reads the arguments of a command that takes several paths. */
export function collectPaths(path: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), pathOf("input")(path)];
}

/** Splits a comma-separated list and checks every entry. */
export function listOf<Name extends string>(
  option: string,
  names: readonly Name[],
): (text: string) => Name[] {
  return (text) => {
    const chosen = text.split(",").map((part) => {
      const name = names.find((candidate) => candidate === part.trim());
      if (name === undefined) {
        throw new UsageError(`${option}: unknown "${part.trim()}"; choose from ${names.join(", ")}`);
      }
      return name;
    });
    return [...new Set(chosen)];
  };
}

/**
 * Runs `body`, prints a failure as one sentence and returns the exit status.
 *
 * @param verbose - adds the stack
 */
export async function runWithContext(
  body: (context: Context) => Promise<void>,
  { stdout, stderr }: Streams,
  verbose: () => boolean,
): Promise<number> {
  const controller = new AbortController();
  const progress = createProgress(stderr);
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    progress.info("stopping; finished results are kept (once more to stop at once)");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const context: Context = {
    signal: controller.signal,
    progress,
    columns: (stdout.isTTY ? stdout.columns : undefined) ?? Number.POSITIVE_INFINITY,
    print: (text) => {
      stdout.write(`${printable(text)}\n`);
    },
    exitCode: 0,
  };
  try {
    await body(context);
    return context.exitCode;
  } catch (error) {
    return reportError(error, verbose(), progress);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** What engines say when an array does not fit into memory. */
const OUT_OF_MEMORY = /^(Array buffer allocation failed|Invalid typed array length|.*Cannot allocate memory)/;

/** Prints an error for people and returns its exit status; a bug asks to be reported. */
export function reportError(error: unknown, verbose: boolean, progress: Progress): number {
  if (isRenogradeError(error)) {
    progress.error(error.message);
    if (verbose) {
      progress.info(error.stack ?? "");
      if (error.cause !== undefined) progress.info(`cause: ${String(error.cause)}`);
    }
    return error.exitCode;
  }
  if (error instanceof RangeError && OUT_OF_MEMORY.test(error.message)) {
    progress.error(`not enough memory (${error.message}); cut the image into pieces or use a larger machine`);
    if (verbose) progress.info(error.stack ?? "");
    return 1;
  }
  const text = error instanceof Error ? error.message : String(error);
  progress.error(`unexpected failure (${text}); please report it with what --verbose adds`);
  if (verbose && error instanceof Error) progress.info(error.stack ?? "");
  return 1;
}
