/**
 * The whole way from labelled images to scores, as a user goes it: train, export to ONNX, grade, evaluate.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DatasetMetrics } from "@renograde/core";
import { evaluateFolders, gradeInputs } from "@renograde/grading/node";
import {
  exportRun,
  type LogRecord,
  parseConfig,
  readLog,
  runPaths,
  type TrainConfig,
  type TrainOptions,
  train,
} from "@renograde/training";

/** A configuration from a YAML text. */
export function configOf(yaml: string, set: readonly string[] = []): TrainConfig {
  return parseConfig(yaml, { set, source: "reproduction" });
}

/**
 * Exports the last checkpoint of `runDir`, grades `dataDir/images` with it and evaluates the result against the
 * labels of `dataDir`.
 *
 * @param step - `infer.step`, by default the model's kept centre
 */
export async function gradeAndEvaluate(
  runDir: string,
  dataDir: string,
  step?: number,
): Promise<DatasetMetrics> {
  const model = join(runDir, "model.onnx");
  const outDir = join(runDir, "graded");
  const { mpp, classes } = await exportRun(runDir, model, { checkpoint: "last" });
  await rm(outDir, { recursive: true, force: true });
  const graded = await gradeInputs({
    inputs: [join(dataDir, "images")],
    outDir,
    model,
    mpp,
    formats: ["json"],
    threads: 1,
    ...(step === undefined ? {} : { step }),
  });
  if (graded.failures.length > 0) throw new Error(graded.failures[0]!.message);
  const { summary, missing } = await evaluateFolders({
    truthDir: dataDir,
    predictionDir: outDir,
    scheme: classes,
  });
  if (missing.length > 0) throw new Error(`not graded: ${missing.join(", ")}`);
  return summary;
}

/** Trains on all images of `dataDir`; a run that was interrupted goes on. Returns its log. */
export async function trainOn(
  config: TrainConfig,
  dataDir: string,
  runDir: string,
  hooks: Pick<TrainOptions, "signal" | "onProgress"> = {},
): Promise<LogRecord[]> {
  await train({ config, dataDir, runDir, resume: true, ...hooks });
  return await readLog(runPaths(runDir).log);
}
