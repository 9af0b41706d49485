/**
 * The stored result of one run of a row, from which tables are made again without training.
 *
 * @module
 */
import { FileFormatError, type ImageMetrics } from "@renograde/core";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";

/** Result of one seed of one row. */
export interface RunResult {
  readonly format: 1;
  readonly network: string;
  readonly seed: number;
  /** Of the configuration and the data; see `protocolHash`. */
  readonly protocol: string;
  readonly width: number;
  readonly parameters: number;
  /** Multiply-adds of one training window as the exported graph computes them. */
  readonly macs: number;
  readonly epochs: number;
  /** Optimiser steps; of several folds, of all; absent in older results. */
  readonly steps?: number;
  /** Wall time of training, validation included. */
  readonly trainSeconds: number;
  /** Median wall time of grading one test image. */
  readonly gradeMs: number;
  readonly images: readonly { readonly name: string; readonly metrics: ImageMetrics }[];
}

/** Writes a result. JSON has no NaN, which metrics use for "not defined". */
export async function writeResult(path: string, result: RunResult): Promise<void> {
  const text = JSON.stringify(result, (_, value: unknown) =>
    typeof value === "number" && Number.isNaN(value) ? "NaN" : value,
  );
  await writeFileAtomic(path, `${text}\n`);
}

/** Reads a result; null when there is none. @throws FileFormatError when it is damaged */
export async function readResult(path: string): Promise<RunResult | null> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileBytes(path);
  } catch {
    return null;
  }
  try {
    const result = JSON.parse(new TextDecoder().decode(bytes), (_, value: unknown) =>
      value === "NaN" ? Number.NaN : value,
    ) as RunResult;
    if (result.format === 1 && Array.isArray(result.images)) return result;
  } catch {
    // reported below
  }
  throw new FileFormatError(path, "result of a run", "is damaged; delete it to train that run again");
}
