/**
 * The whole network against an independent implementation: CHR-Net in PyTorch, written from the specification
 * (`bench/pytorch/chr_net.py`), with the same weights. Values come from `fixtures/network/make.py`; weights, input
 * and targets are a formula.
 *
 * Everything is float64, so only the order of additions differs: 1e-9 relative to the mean of absolute values.
 */
import { readFileSync } from "node:fs";
import { RCC_CLASSES } from "@renograde/core";
import {
  type BatchNormOptions,
  type BatchNormParameters,
  createNetwork,
  declareParameters,
  mergeClassIds,
  ReferenceBackend,
  type StateDict,
  type Tensor,
  trainingLoss,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";
import { type Description, describeValues, formula, formulaState } from "../support/formula.js";

interface Fixture {
  readonly side: number;
  readonly width: number;
  readonly cases: Readonly<
    Record<
      "paper" | "reference",
      {
        readonly layers: Readonly<Record<string, Description>>;
        readonly maps: readonly Description[];
        readonly loss: number;
        readonly gradients: Readonly<Record<string, number>>;
        readonly running: Readonly<Record<string, number>>;
      }
    >
  >;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/network/chr-net.json", import.meta.url), "utf8"),
) as Fixture;

function expectClose(found: Description, expected: Description, what: string): void {
  const tolerance = 1e-9 * Math.max(expected[1], 1e-3);
  for (const i of [0, 1, 2] as const) {
    expect(Math.abs(found[i] - expected[i]), `${what}, value ${i}`).toBeLessThan(tolerance);
  }
}

/** Records the output of every batch norm under the name of its parameters. */
class RecordingBackend extends ReferenceBackend {
  readonly #seen: Map<string, Description>;
  readonly #state: StateDict;

  constructor(state: StateDict, seen: Map<string, Description>, parent?: ReferenceBackend, prefix?: string) {
    super(state, {}, parent, prefix);
    this.#seen = seen;
    this.#state = state;
  }

  override scope(name: string): ReferenceBackend {
    return new RecordingBackend(this.#state, this.#seen, this, this.path(name));
  }

  override batchNorm(x: Tensor, parameters: BatchNormParameters<Tensor>, options?: BatchNormOptions): Tensor {
    const y = super.batchNorm(x, parameters, options);
    const name = [...this.state].find(([, t]) => t === parameters.weight)?.[0] ?? "";
    this.#seen.set(name.replace(/\.weight$/, ""), describeValues(y.data));
    return y;
  }
}

const { side, width } = fixture;
const image = formula("image", 2 * 3 * side * side).map((v) => v * 0.5 + 0.5);
const output = side - 6;
const classes = Uint8Array.from(formula("classes", 2 * output * output), (v) => Math.floor((v + 1) * 2.5));
const distance = formula("distance", 2 * output * output).map((v) => (v + 1) / 2);

describe.each(["paper", "reference"] as const)("CHR-Net against PyTorch, preset %s", (preset) => {
  const expected = fixture.cases[preset];

  it("gives the same output of every layer", () => {
    const network = createNetwork("chr-net", { preset, width, rewrite: "none" });
    const seen = new Map<string, Description>();
    const F = new RecordingBackend(formulaState(network), seen);
    const { maps } = network.infer(F, F.tensor([2, 3, side, side], image));
    expect([...seen.keys()].sort()).toEqual(Object.keys(expected.layers).sort());
    for (const [name, values] of Object.entries(expected.layers)) expectClose(seen.get(name)!, values, name);
    const pixels = output * output;
    expected.maps.forEach((values, c) => {
      const both = [0, 1].flatMap((n) =>
        Array.from(maps.data.subarray((n * 7 + c) * pixels, (n * 7 + c + 1) * pixels)),
      );
      expectClose(describeValues(both), values, `map ${c}`);
    });
  });

  it.each(["split", "full"] as const)("gives the same maps with rewrite %s", (rewrite) => {
    const network = createNetwork("chr-net", { preset, width, rewrite });
    const F = new ReferenceBackend(formulaState(network));
    const { maps } = network.infer(F, F.tensor([2, 3, side, side], image));
    const pixels = output * output;
    expected.maps.forEach((values, c) => {
      const both = [0, 1].flatMap((n) =>
        Array.from(maps.data.subarray((n * 7 + c) * pixels, (n * 7 + c + 1) * pixels)),
      );
      expectClose(describeValues(both), values, `map ${c}`);
    });
  });

  describeTorch("while training", () => {
    it.each(["none", "split", "full"] as const)(
      "loss, gradients and running statistics, rewrite %s",
      (rewrite) => {
        const network = createNetwork("chr-net", { preset, width, rewrite });
        const store = new torch.ParameterStore(declareParameters(network), formulaState(network), {
          dtype: "float64",
        });
        const F = new torch.TorchBackend(store, { training: true });
        torch.tidy(() => {
          const x = torch.tensor(image, [2, 3, side, side], { dtype: "float64" });
          const target = (ids: Uint8Array) => torch.tensor(ids, [2, output, output]);
          const [task1, task2] = RCC_CLASSES.tasks;
          const targets = {
            binary: target(classes.map((c) => Math.min(1, c))),
            task1: target(mergeClassIds(classes, task1.merge)),
            task2: target(mergeClassIds(classes, task2.merge)),
            classes: target(classes),
            distance: torch.tensor(distance, [2, 1, output, output], { dtype: "float64" }),
          };
          const { total } = trainingLoss(F, network, network.train(F, x), targets);
          expect(Math.abs(total.item() - expected.loss)).toBeLessThan(1e-9 * expected.loss);
          torch.backward(total);
          for (const [name, parameter] of store.trained()) {
            const grad = parameter.grad;
            const found = grad === null ? 0 : describeValues(grad.toFloat64Array())[1];
            const value = expected.gradients[name]!;
            expect(Math.abs(found - value), `gradient of ${name}`).toBeLessThan(1e-7 * value + 1e-12);
          }
          const after = store.state();
          for (const [name, value] of Object.entries(expected.running)) {
            const found = describeValues(after.get(name)!.data)[1];
            // Reordered composite connections correct the Bessel factor exactly, so these agree as well.
            expect(Math.abs(found - value), name).toBeLessThan(1e-7 * value);
          }
        });
        store.dispose();
      },
    );
  });
});
