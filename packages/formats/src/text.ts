/**
 * Text and JSON from bytes, with the file's name in every error.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";

/** Decodes UTF-8 (a byte-order mark is dropped); other bytes are a {@link FileFormatError}. */
export function decodeUtf8(bytes: Uint8Array, path: string, format: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError(path, format, `not valid UTF-8 text, or too large to hold in memory`, {
      cause,
    });
  }
}

/** Parses a JSON document; syntax errors are a {@link FileFormatError} with the position JSON.parse gives. */
export function parseJson(bytes: Uint8Array, path: string, format: string): unknown {
  const text = decodeUtf8(bytes, path, format);
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The reason may quote the text with its line breaks.
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
    throw new FileFormatError(path, format, `not valid JSON (${reason}); it is truncated or corrupt`, {
      cause,
    });
  }
}

/** True for objects that are neither null nor arrays. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A short rendering of any value for error messages. */
export function describeValue(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
