/**
 * What receives a gradient: freezing of spec/network.md §13, `luDetach`, and the slow start of a fresh network.
 */
import {
  createNetwork,
  declareParameters,
  type FreezeOptions,
  initState,
  isFrozen,
  type Network,
  trainableParameters,
  trainingLoss,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { expect, it } from "vitest";
import { randomImage, randomState } from "../../packages/nn/src/testing/random-state.js";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";

const SIDE = 22;

function targets(dtype: "float32" | "float64") {
  const ids = (classes: number): torch.Tensor => {
    const data = BigInt64Array.from(randomImage([2, 16, 16], classes), (v) =>
      BigInt(Math.floor(v * classes)),
    );
    return torch.tensor(data, [2, 16, 16]);
  };
  return {
    binary: ids(2),
    task1: ids(4),
    task2: ids(4),
    classes: ids(5),
    distance: torch.tensor(randomImage([2, 1, 16, 16], 9), [2, 1, 16, 16], { dtype }),
  };
}

/** Backward pass; afterwards every parameter of the store has its gradient, or none. */
function step(network: Network, store: torch.ParameterStore, freeze?: FreezeOptions, only?: "dist"): void {
  torch.tidy(() => {
    const F = new torch.TorchBackend(store, { training: true });
    const image = torch.tensor(randomImage([2, 3, SIDE, SIDE], 1), [2, 3, SIDE, SIDE], { dtype: "float64" });
    const loss = trainingLoss(F, network, network.train(F, image, freeze), targets("float64"));
    torch.backward(only === undefined ? loss.total : loss.terms.get(only)!);
  });
}

/** Names of parameters whose gradient is absent or zero everywhere. */
function withoutGradient(network: Network, store: torch.ParameterStore): string[] {
  return torch.tidy(() =>
    declareParameters(network)
      .filter((spec) => spec.role === "parameter")
      .filter(
        ({ name }) =>
          !store
            .get(name)
            .grad?.toFloat64Array()
            .some((v) => v !== 0),
      )
      .map(({ name }) => name),
  );
}

function deadWith(name: string, freeze: FreezeOptions, width = 0.125): string[] {
  const network = createNetwork(name, { width });
  const specs = declareParameters(network);
  const store = new torch.ParameterStore(specs, randomState(specs, 3), { dtype: "float64" });
  step(network, store, freeze);
  const dead = withoutGradient(network, store);
  store.dispose();
  return dead;
}

describeTorch("what receives a gradient", () => {
  it.each(["chr-net", "mhr-udist"])(
    "%s: reference freezes group0 to group3 (185 tensors), the stem learns",
    (name) => {
      const dead = deadWith(name, { scope: "reference" });
      expect(dead.length).toBe(185);
      expect(dead.every((key) => isFrozen(key, "reference"))).toBe(true);
    },
  );

  it.each(["chr-net", "mhr", "shr"])("%s: encoder freezes all 188 encoder tensors", (name) => {
    const dead = deadWith(name, { scope: "encoder" });
    expect(dead.length).toBe(188);
    expect(dead.every((key) => isFrozen(key, "encoder"))).toBe(true);
  });

  it.each(["mhr", "shr"])("%s: reference freezes the stem, too, for nothing reads d1", (name) => {
    const dead = deadWith(name, { scope: "reference" });
    expect(dead.filter((key) => key.startsWith("encoder.")).length).toBe(188);
    expect(dead.length).toBe(188);
  });

  it("nothing is dead in an unfrozen network with weights in general position", () => {
    // In narrower networks some GC bottlenecks are zero for the whole image.
    expect(deadWith("chr-net", { scope: "none" }, 0.25)).toEqual([]);
  });

  it("lists trainable parameters to match", () => {
    const specs = declareParameters(createNetwork("chr-net", { width: 0.125 }));
    expect(
      ["none", "reference", "encoder"].map((s) => trainableParameters(specs, s as "none").length),
    ).toEqual([562, 562 - 185, 562 - 188]);
  });

  it.each([
    ["paper", [260, 112, 0]],
    ["reference", [252, 0, 0]],
  ] as const)(
    "a fresh %s network starts slowly: %j tensors without gradient (spec/network.md §13)",
    (preset, counts) => {
      const network = createNetwork("chr-net", { width: 0.25, preset });
      const specs = declareParameters(network);
      const store = new torch.ParameterStore(specs, initState(specs, 1), { dtype: "float64" });
      const dead = counts.map(() => {
        store.zeroGrad();
        step(network, store);
        const count = withoutGradient(network, store).length;
        torch.tidy(() => {
          torch.noGrad(() => {
            for (const p of store.trained().values()) {
              if (p.grad) torch.op("add_.Tensor", [p, p.grad], { alpha: -0.01 });
            }
          });
        });
        return count;
      });
      store.dispose();
      expect(dead).toEqual(counts);
    },
  );

  it("luDetach keeps the distance loss away from the binary decoder", () => {
    const reached = (luDetach: boolean): boolean => {
      const network = createNetwork("chr-net", { width: 1 / 16, luDetach });
      const specs = declareParameters(network);
      const store = new torch.ParameterStore(specs, randomState(specs, 3), { dtype: "float64" });
      step(network, store, undefined, "dist");
      const dead = withoutGradient(network, store);
      store.dispose();
      expect(dead.some((key) => key.startsWith("lunet."))).toBe(false);
      return !dead.includes("unet.out.weight");
    };
    expect(reached(false)).toBe(true);
    expect(reached(true)).toBe(false);
  });

  it.each([
    ["encoder", "running", "encoder."],
    ["reference", "running", "encoder.group"],
    ["encoder", "batch", "(none)"],
  ] as const)("%s with frozenBn %s leaves the running statistics of %s alone", (scope, bn, prefix) => {
    const network = createNetwork("chr-net", { width: 0.125 });
    const specs = declareParameters(network);
    const before = randomState(specs, 3);
    const store = new torch.ParameterStore(specs, before, { dtype: "float64" });
    step(network, store, { scope, bn });
    const after = store.state();
    store.dispose();
    for (const { name } of specs.filter((spec) => spec.role === "buffer")) {
      const same = after.get(name)!.data.every((v, i) => v === before.get(name)!.data[i]);
      expect(same, name).toBe(name.startsWith(prefix));
    }
  });
});
