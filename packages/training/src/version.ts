/**
 * The version written into runs and models.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Version of this package as in its package.json, such as `0.1.0`. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed
    ? String(parsed.version)
    : "unknown";
}
