/**
 * A model file of random weights that is small and fast, for tests of what surrounds a model.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { createNetwork, declareParameters, describeModel, exportOnnx, initState } from "@renograde/nn";

/** Writes CHR-Net of a sixteenth of its width with random weights, and returns the path. */
export async function writeTinyModel(path: string): Promise<string> {
  const network = createNetwork("chr-net", { width: 0.0625 });
  const state = initState(declareParameters(network), 1);
  const metadata = describeModel(network, state, {
    name: "random-weights",
    mpp: 0.25,
    training: { data: "nothing", synthetic: true, seed: 1, epochs: 0, steps: 0, scores: {}, scoresOn: "" },
    licence: "Apache-2.0",
    intendedUse: "Research use only; a test.",
    renogradeVersion: "0.1.0",
  });
  await writeFile(path, exportOnnx(network, {}, state, metadata));
  return path;
}
