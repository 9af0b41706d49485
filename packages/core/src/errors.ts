/**
 * The errors Renograde throws on purpose. Each says in one sentence what went wrong, where, what was received
 * and what to do, and carries the same facts as fields. The command prints the sentence and exits with
 * {@link RenogradeError.exitCode}; any other exception is a bug.
 *
 * @module
 */

/** Names of the error classes, as carried by {@link RenogradeError.tag}. */
export type ErrorTag =
  | "UsageError"
  | "ConfigError"
  | "FileFormatError"
  | "FileAccessError"
  | "ShapeError"
  | "DataError"
  | "ModelError"
  | "EngineError"
  | "MissingDependencyError"
  | "InterruptedError";

/** Base of every error thrown on purpose. `message` is one sentence for the user. */
export class RenogradeError extends Error {
  readonly tag: ErrorTag;
  /** Process exit status the command ends with: 1 failed, 2 wrong usage, 130 interrupted. */
  readonly exitCode: 1 | 2 | 130;

  constructor(tag: ErrorTag, message: string, options: { cause?: unknown; exitCode?: 1 | 2 | 130 } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = tag;
    this.tag = tag;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The command line or a call was wrong: unknown option, impossible combination. Exit code 2. */
export class UsageError extends RenogradeError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("UsageError", message, { ...options, exitCode: 2 });
  }
}

/** One mistake of a configuration, as data. */
export interface ConfigIssue {
  /** Dotted path of the option, such as `train.epochs`. */
  readonly path: string;
  /** What was expected and what was received. */
  readonly message: string;
  /** 1-based position in the file, where there is one. */
  readonly line?: number;
  readonly column?: number;
  /** The text after `--set` that is wrong, where it was no file. */
  readonly override?: string;
}

/** A configuration has mistakes; all of them are listed at once. Exit code 2. */
export class ConfigError extends RenogradeError {
  readonly issues: readonly ConfigIssue[];

  constructor(source: string, issues: readonly ConfigIssue[], options: { cause?: unknown } = {}) {
    const lines = issues.map((issue) => {
      if (issue.override !== undefined) {
        const option = issue.override.replace(/=.*$/s, "").trim() === issue.path ? "" : `${issue.path}: `;
        return `--set ${issue.override}: ${option}${issue.message}`;
      }
      const place = issue.line === undefined ? source : `${source}:${issue.line}:${issue.column ?? 1}`;
      return `${place}  ${issue.path}: ${issue.message}`;
    });
    super("ConfigError", lines.join("\n"), { ...options, exitCode: 2 });
    this.issues = issues;
  }
}

/** The bytes of a file are not what its format demands: truncated, corrupt, or a kind that is not supported. */
export class FileFormatError extends RenogradeError {
  /** The file, or `"<bytes>"` when parsed from memory. */
  readonly path: string;
  readonly format: string;

  constructor(path: string, format: string, problem: string, options: { cause?: unknown } = {}) {
    super("FileFormatError", `${path}: ${problem}`, options);
    this.path = path;
    this.format = format;
  }
}

/** A file or folder cannot be read or written: missing, no permission, disk full. */
export class FileAccessError extends RenogradeError {
  readonly path: string;

  constructor(path: string, problem: string, options: { cause?: unknown } = {}) {
    super("FileAccessError", `${path}: ${problem}`, options);
    this.path = path;
  }
}

/** An array has the wrong shape or type; the message names the argument, what it has and what it should have. */
export class ShapeError extends RenogradeError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("ShapeError", message, options);
  }
}

/** Values are impossible where their format is right: NaN in a map, negative ids, an unknown class. */
export class DataError extends RenogradeError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("DataError", message, options);
  }
}

/** A model file is not one Renograde can use: no metadata, another network, missing tensors. */
export class ModelError extends RenogradeError {
  readonly path: string;

  constructor(path: string, problem: string, options: { cause?: unknown } = {}) {
    super("ModelError", `${path}: ${problem}`, options);
    this.path = path;
  }
}

/** libtorch or ONNX Runtime refused an operation; the message names the operator or node. */
export class EngineError extends RenogradeError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("EngineError", message, options);
  }
}

/** Something optional is not installed; the message says what it is for and how to get it. */
export class MissingDependencyError extends RenogradeError {
  readonly dependency: string;

  constructor(dependency: string, message: string, options: { cause?: unknown } = {}) {
    super("MissingDependencyError", message, options);
    this.dependency = dependency;
  }
}

/** The user or an AbortSignal stopped the work; what was finished is kept. Exit code 130. */
export class InterruptedError extends RenogradeError {
  constructor(message = "interrupted; finished results are kept", options: { cause?: unknown } = {}) {
    super("InterruptedError", message, { ...options, exitCode: 130 });
  }
}

interface ErrorByTag {
  UsageError: UsageError;
  ConfigError: ConfigError;
  FileFormatError: FileFormatError;
  FileAccessError: FileAccessError;
  ShapeError: ShapeError;
  DataError: DataError;
  ModelError: ModelError;
  EngineError: EngineError;
  MissingDependencyError: MissingDependencyError;
  InterruptedError: InterruptedError;
}

/**
 * Tells whether `error` is one of Renograde's, and narrows it to its class so that the fields can be read.
 *
 * @example
 * if (isRenogradeError(error, "FileFormatError")) console.error(error.path);
 */
export function isRenogradeError(error: unknown): error is RenogradeError;
export function isRenogradeError<Tag extends ErrorTag>(error: unknown, tag: Tag): error is ErrorByTag[Tag];
export function isRenogradeError(error: unknown, tag?: ErrorTag): boolean {
  return error instanceof RenogradeError && (tag === undefined || error.tag === tag);
}

/** Throws {@link InterruptedError} when `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new InterruptedError();
}
