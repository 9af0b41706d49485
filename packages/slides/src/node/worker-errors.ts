/**
 * Errors on their way between threads. A structured copy loses classes and fields, by which callers and the command
 * tell errors apart, so both travel as data.
 *
 * @module
 */
import {
  ConfigError,
  DataError,
  EngineError,
  type ErrorTag,
  FileAccessError,
  FileFormatError,
  InterruptedError,
  isRenogradeError,
  MissingDependencyError,
  ModelError,
  type RenogradeError,
  ShapeError,
  UsageError,
} from "@renograde/core";

/** An error as data that can be posted to another thread. */
export interface PortableError {
  /** Of Renograde's errors the tag, of others the name of the class. */
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Fields of the class; they hold plain data. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: PortableError;
}

const RENOGRADE_CLASSES: Readonly<Record<ErrorTag, { readonly prototype: RenogradeError }>> = {
  UsageError,
  ConfigError,
  FileFormatError,
  FileAccessError,
  ShapeError,
  DataError,
  ModelError,
  EngineError,
  MissingDependencyError,
  InterruptedError,
};

const CLASSES = new Map<string, { readonly prototype: Error }>([
  ...Object.entries(RENOGRADE_CLASSES),
  ["RangeError", RangeError],
  ["TypeError", TypeError],
]);

/** Turns whatever was thrown into data. */
export function packError(error: unknown): PortableError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: "", fields: {} };
  const code: unknown = "code" in error ? error.code : undefined;
  return {
    name: error.name,
    message: error.message,
    stack: error.stack ?? "",
    fields: isRenogradeError(error) ? { ...error } : typeof code === "string" ? { code } : {},
    ...(error.cause !== undefined && { cause: packError(error.cause) }),
  };
}

/** The error again: Renograde's of the same class with its fields, others as the nearest class of JavaScript. */
export function unpackError({ name, message, stack, fields, cause }: PortableError): Error {
  const error = new Error(message, cause && { cause: unpackError(cause) });
  error.stack = stack;
  Object.setPrototypeOf(error, (CLASSES.get(name) ?? Error).prototype);
  return Object.assign(error, fields);
}
