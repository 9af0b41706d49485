/**
 * From published weights straight to a model file, without a run: the authors' checkpoint, or safetensors with our
 * names (docs/users/pretrained.md).
 *
 * @module
 */
import { basename } from "node:path";
import { type ClassScheme, DataError, RCC_CLASSES } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { describeModel, exportOnnx } from "@renograde/nn";
import { readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import type { TrainConfig } from "../config/schema.js";
import { parseClassMapping } from "../datasets/class-map.js";
import { initialWeights } from "../init/initialise.js";
import { networkOf, postOptionsOf } from "../loop/engine.js";
import { packageVersion } from "../version.js";

/** The class scheme of a configuration without a dataset: that of `data.classMap`, else kidney grades. */
async function classesOf(config: TrainConfig): Promise<ClassScheme> {
  const path = config.data.classMap;
  if (path === null) return RCC_CLASSES;
  return parseClassMapping(new TextDecoder().decode(await readFileBytes(path)), path).scheme;
}

/**
 * Writes a model from a file of weights. What the weights do not say comes from the configuration: network and preset
 * (`net.*`, `preset`), post-processing (`post.*`), pixel size (`data.mpp`), name, training data and licence (`model.*`).
 *
 * @param weightsPath - a file that `init.weights` takes
 * @param out - the ONNX file to write
 * @returns the metadata of the file
 * @throws UsageError, DataError when weights and configuration do not fit
 */
export async function exportWeights(
  weightsPath: string,
  out: string,
  config: TrainConfig,
  options: { readonly weights?: "float32" | "float16" } = {},
): Promise<ModelMetadata> {
  const classes = await classesOf(config);
  const init = { ...config.init, encoder: null, from: null, weights: weightsPath };
  const initial = await initialWeights({ ...config, init }, classes);
  if (initial === null) throw new DataError(`${weightsPath}: holds no weights`);
  for (const [name, tensor] of initial.state) {
    if (!tensor.data.every((value) => Number.isFinite(value))) {
      throw new DataError(`${weightsPath}: ${name} holds values that are not finite`);
    }
  }
  const network = networkOf(config, classes);
  const { file, format, sha256 } = initial.record;
  const metadata = describeModel(network, initial.state, {
    name: config.model.name ?? network.name,
    mpp: config.data.mpp,
    post: postOptionsOf(config, network),
    training: {
      data:
        config.model.data !== ""
          ? config.model.data
          : `Not stated; weights of ${basename(file)} (${format}, SHA-256 ${sha256}).`,
      synthetic: config.model.synthetic,
      seed: 0,
      epochs: 0,
      steps: 0,
      scores: {},
      scoresOn: "nothing: the weights were converted, not trained here",
    },
    licence: config.model.licence,
    intendedUse: "Research use only; not for diagnostic use.",
    renogradeVersion: packageVersion(),
  });
  await writeFileAtomic(
    out,
    exportOnnx(network, { weights: options.weights ?? "float32" }, initial.state, metadata),
  );
  return metadata;
}
