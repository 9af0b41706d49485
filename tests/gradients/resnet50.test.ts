/**
 * What receives a gradient in HoVer-Net while the encoder stands still (spec/baselines.md §6).
 */
import {
  createNetwork,
  declareParameters,
  type FreezeScope,
  type NetOptions,
  type ResNet50Kind,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { expect, it } from "vitest";
import { randomImage, randomState } from "../../packages/nn/src/testing/random-state.js";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";

const SMALL: NetOptions = { width: 1 / 16, hoverWindow: 256 };
const SIDE = 104;

/** Names of the parameters without gradient after one backward pass, and those that are to stand still. */
function dead(backbone: ResNet50Kind, scope: FreezeScope): { found: string[]; expected: string[] } {
  const network = createNetwork("hover-net", { ...SMALL, backbone });
  const specs = declareParameters(network);
  const store = new torch.ParameterStore(specs, randomState(specs, 3), { dtype: "float64" });
  const parameters = specs.filter((spec) => spec.role === "parameter").map((spec) => spec.name);
  torch.tidy(() => {
    const F = new torch.TorchBackend(store, { training: true });
    const image = torch.tensor(randomImage([2, 3, SIDE, SIDE], 1), [2, 3, SIDE, SIDE], { dtype: "float64" });
    const side = SIDE - network.geometry.rim;
    const ids = Uint8Array.from(randomImage([2, side, side], 5), (v) => Math.floor(v * 5));
    const targets = {
      classes: torch.tensor(ids, [2, side, side]),
      binary: torch.tensor(
        ids.map((id) => Math.min(1, id)),
        [2, side, side],
      ),
      offsets: torch.tensor(randomImage([2, 2, side, side], 9), [2, 2, side, side], { dtype: "float64" }),
    };
    torch.backward(network.loss(F, image, targets, { freeze: { scope } }).total);
  });
  const found = torch.tidy(() =>
    parameters.filter(
      (name) =>
        !store
          .get(name)
          .grad?.toFloat64Array()
          .some((v) => v !== 0),
    ),
  );
  store.dispose();
  return { found, expected: parameters.filter((name) => network.isFrozen(name, scope)) };
}

describeTorch("what receives a gradient in HoVer-Net", () => {
  it.each([
    ["preact", "none", 0],
    ["preact", "encoder", 151],
    ["preact", "reference", 145],
    ["torchvision", "encoder", 159],
    ["torchvision", "reference", 153],
  ] as const)("%s, %s: all but %i tensors", (backbone, scope, count) => {
    const { found, expected } = dead(backbone, scope);
    expect(found).toEqual(expected);
    expect(found.length).toBe(count);
  });
});
