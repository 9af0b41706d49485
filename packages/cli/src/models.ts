/**
 * The models that come with Renograde.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";

/** A shipped model file. */
export interface ShippedModel {
  /** File name without `.onnx`. */
  readonly name: string;
  readonly path: string;
}

/** Folders that may hold the shipped models: of the installed package, of the clone. */
const FOLDERS = ["../models/", "../../../models/"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** Lists the shipped models, by name. */
export async function shippedModels(): Promise<ShippedModel[]> {
  for (const folder of FOLDERS) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch {
      continue;
    }
    const models = names.filter((name) => name.endsWith(".onnx")).sort();
    if (models.length > 0) {
      return models.map((name) => ({ name: name.slice(0, -".onnx".length), path: join(folder, name) }));
    }
  }
  return [];
}

/** Path of the shipped model called `name`; undefined when there is none. */
export async function shippedModelPath(name: string): Promise<string | undefined> {
  return (await shippedModels()).find((model) => model.name === name)?.path;
}

/** The model used when none is named: the first of these that is shipped. */
export const DEFAULT_MODELS: readonly string[] = ["he-nuclei", "chr-net-synthetic"];

/**
 * Path of the model to use: `--model` as a file or as the name of a shipped model; without it the default.
 *
 * @throws UsageError naming the shipped models
 */
export async function resolveModel(model: string | undefined): Promise<string> {
  if (model?.endsWith(".onnx")) return model;
  const wanted = model === undefined ? DEFAULT_MODELS : [model];
  for (const name of wanted) {
    const path = await shippedModelPath(name);
    if (path !== undefined) return path;
  }
  const [name] = wanted;
  const names = (await shippedModels()).map((candidate) => candidate.name).join(", ");
  throw new UsageError(
    `--model ${name}: no shipped model has this name and it is no .onnx file; pass --model FILE.onnx${names === "" ? " (no model is shipped)" : ` or one of ${names}`}`,
  );
}

/**
 * What a model file says of itself, without loading the network, and its size in bytes.
 *
 * @throws FileAccessError, FileFormatError, ModelError when there is none or it says nothing
 */
export async function readModelFile(
  path: string,
): Promise<{ readonly metadata: ModelMetadata; readonly bytes: number }> {
  const { parseModelMetadata, readOnnxMetadata } = await import("@renograde/formats");
  const { readFileBytes } = await import("@renograde/slides/node");
  const bytes = await readFileBytes(path);
  return { metadata: parseModelMetadata(readOnnxMetadata(bytes, path), path), bytes: bytes.length };
}
