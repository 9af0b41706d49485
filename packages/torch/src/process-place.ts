/**
 * Which of several processes this one is, from the variables torchrun sets.
 *
 * @module
 */
import { UsageError } from "@renograde/core";

/** One of several processes that train together. */
export interface ProcessPlace {
  /** From 0; rank 0 writes the files. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Rank among the processes of this machine; chooses the GPU. */
  readonly localRank: number;
  /** Name or address of the machine rank 0 runs on, and the port it listens at. */
  readonly address: string;
  readonly port: number;
}

/**
 * Reads `RANK`, `WORLD_SIZE`, `LOCAL_RANK` (default: the rank), `MASTER_ADDR` and `MASTER_PORT`.
 *
 * @param env - such as `process.env`
 * @returns null where `WORLD_SIZE` is not set, or 1 without the others: there is one process
 * @throws UsageError naming every variable that is missing or wrong
 */
export function readProcessPlace(env: Readonly<Record<string, string | undefined>>): ProcessPlace | null {
  if (env.WORLD_SIZE === undefined) return null;
  const problems: string[] = [];
  const whole = (name: string, text: string | undefined, low: number, high: number): number => {
    const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      const wanted = high === Number.POSITIVE_INFINITY ? `at least ${low}` : `from ${low} to ${high}`;
      problems.push(
        `${name} should be a whole number ${wanted}, it is ${text === undefined ? "not set" : `"${text}"`}`,
      );
    }
    return value;
  };
  const size = whole("WORLD_SIZE", env.WORLD_SIZE, 1, Number.POSITIVE_INFINITY);
  if (size === 1 && env.MASTER_ADDR === undefined) return null;
  const highest = Number.isInteger(size) ? Math.max(0, size - 1) : Number.POSITIVE_INFINITY;
  const rank = whole("RANK", env.RANK, 0, highest);
  const localRank = whole("LOCAL_RANK", env.LOCAL_RANK ?? env.RANK, 0, Number.POSITIVE_INFINITY);
  const port = whole("MASTER_PORT", env.MASTER_PORT, 1, 65535);
  const address = env.MASTER_ADDR ?? "";
  if (address === "") problems.push("MASTER_ADDR should name the machine of rank 0, it is not set");
  if (problems.length > 0) {
    throw new UsageError(
      `several processes: ${problems.join("; ")}; set them as torchrun does, or use --processes N on one machine`,
    );
  }
  return { rank, size, localRank, address, port };
}
