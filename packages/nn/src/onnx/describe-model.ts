/**
 * The metadata of a model: what the network knows of itself, joined with what only training knows.
 *
 * @module
 */
import type { ModelMetadata } from "@renograde/formats";
import type { Network } from "../networks/network.js";
import { parameterHash } from "../parameter-hash.js";
import type { StateDict } from "../state.js";
import { ONNX_INPUT_NAME } from "./export-onnx.js";

/** The fields a network and its weights settle. */
type DerivedField =
  | "format"
  | "network"
  | "preset"
  | "width"
  | "precision"
  | "classes"
  | "window"
  | "output"
  | "kept"
  | "inputScale"
  | "inputName"
  | "outputs"
  | "parameterHash";

/** What a network cannot know: name, training, licence, pixel size. `post` defaults to the network's constants. */
export type ModelAbout = Omit<ModelMetadata, DerivedField | "post"> & Partial<Pick<ModelMetadata, "post">>;

/** Completes the metadata of a float32 model. */
export function describeModel(network: Network, state: StateDict, about: ModelAbout): ModelMetadata {
  const { preset, width, classes } = network.options;
  const { window, output, kept } = network.geometry;
  return {
    format: 1,
    name: about.name,
    network: network.name,
    preset,
    width,
    precision: "float32",
    classes,
    mpp: about.mpp,
    window,
    output,
    kept,
    inputScale: 1 / 255,
    inputName: ONNX_INPUT_NAME,
    outputs: network.outputs,
    post: about.post ?? network.post,
    training: about.training,
    licence: about.licence,
    intendedUse: about.intendedUse,
    parameterHash: parameterHash(state),
    renogradeVersion: about.renogradeVersion,
  };
}
