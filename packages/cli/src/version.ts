/**
 * The version of the command, read from its package.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Version as in package.json, such as `0.1.0`. */
export function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
  return "unknown";
}
