/**
 * CHR-Net with random weights and one random window, for benchmarks in which only time counts.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import { createNetwork, declareParameters, describeModel, initState } from "@renograde/nn";
import { Tensor } from "onnxruntime-node";

/** Network, weights, metadata and input `[1, 3, window, window]`; the same for a width every time. */
export function randomNetwork(width: number) {
  const network = createNetwork("chr-net", { width, gcInit: "xavier" });
  const state = initState(declareParameters(network), 1);
  // A fresh network's residual branches are zero.
  for (const [name, { data }] of state) if (/bn2\.weight$/.test(name)) data.fill(0.1);
  const metadata = describeModel(network, state, {
    name: "bench",
    mpp: 0.25,
    training: { data: "none", synthetic: true, seed: 1, epochs: 0, steps: 0, scores: {}, scoresOn: "" },
    licence: "CC0-1.0",
    intendedUse: "research use only",
    renogradeVersion: "0.1.0",
  });
  const { window } = network.geometry;
  const random = createRandom(1, "bench");
  const pixels = Float32Array.from({ length: 3 * window * window }, () => random.next());
  return { network, state, metadata, image: new Tensor("float32", pixels, [1, 3, window, window]) };
}
