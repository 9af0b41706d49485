/**
 * U-Net, Micro-Net and DIST against independent implementations in PyTorch (`bench/pytorch/baselines.py`), with the same
 * weights. Values come from `fixtures/network/make_baselines.py`; weights, input, targets and dropout are a formula.
 *
 * Everything is float64, so only the order of additions differs: 1e-8 relative to the mean of absolute values, and 1e-6
 * for gradients, which pass through norms of maps of few pixels.
 */
import { readFileSync } from "node:fs";
import { createRandom, type Random } from "@renograde/core";
import { createNetwork, declareParameters, ReferenceBackend } from "@renograde/nn";
import * as torch from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";
import { type Description, describeValues, formula, formulaState } from "../support/formula.js";

interface FixtureCase {
  readonly side: number;
  readonly output: number;
  readonly width: number;
  readonly padding: "tf-same" | "symmetric";
  readonly dropout: boolean;
  readonly maps: readonly Description[];
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, number>>;
  readonly running: Readonly<Record<string, number>>;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/network/baselines.json", import.meta.url), "utf8"),
) as { readonly cases: Readonly<Record<string, FixtureCase>> };

/** Random numbers that drop what the fixture dropped: three outputs of 2 x 5 x 254 x 254, one after the other. */
function dropoutNumbers(): Random {
  const count = 2 * 5 * 254 * 254;
  const numbers = [1, 2, 3].map((i) => formula(`dropout${i}`, count));
  let at = 0;
  const next = () => (numbers[Math.floor(at / count)]![at++ % count]! + 1) / 2;
  return Object.assign(createRandom(1), { next });
}

const difference = (found: number, expected: number, size = Math.abs(expected)): number =>
  Math.abs(found - expected) / Math.max(size, 1e-3);

describe.each(Object.entries(fixture.cases))("%s against PyTorch", (title, expected) => {
  const { side, output, width, padding, dropout } = expected;
  const name = title.split(",")[0]!;
  const network = createNetwork(name, { width, stridePadding: padding });
  const image = formula("image", 2 * 3 * side * side).map((v) => v * 0.5 + 0.5);

  function expectMaps(values: ArrayLike<number>): void {
    const pixels = output * output;
    const channels = expected.maps.length;
    expect(values.length).toBe(2 * channels * pixels);
    expected.maps.forEach((description, c) => {
      const found = describeValues(
        Array.from({ length: 2 * pixels }, (_, i) => {
          const n = Math.floor(i / pixels);
          return values[(n * channels + c) * pixels + (i % pixels)]!;
        }),
      );
      for (const i of [0, 1, 2] as const) {
        expect(difference(found[i], description[i], description[1]), `map ${c}, value ${i}`).toBeLessThan(
          1e-8,
        );
      }
    });
  }

  // The smallest in the slow reference; libtorch, which agrees with it, does all below.
  if (name === "u-net")
    it("gives the same maps", () => {
      const F = new ReferenceBackend(formulaState(network));
      expectMaps(network.infer(F, F.tensor([2, 3, side, side], image)).maps.data);
    });

  describeTorch("with libtorch", () => {
    it("maps, loss, gradients and running statistics", () => {
      const specs = declareParameters(network);
      const store = new torch.ParameterStore(specs, formulaState(network), { dtype: "float64" });
      torch.tidy(() => {
        const x = torch.tensor(image, [2, 3, side, side], { dtype: "float64" });
        const maps = torch.noGrad(
          () => network.infer(new torch.TorchBackend(store, { training: false }), x).maps,
        );
        expectMaps(maps.toFloat64Array());

        const map = (what: string, scale: number, offset: number): torch.Tensor => {
          const values = formula(what, 2 * output * output).map((v) => scale * v + offset);
          return torch.tensor(values, [2, 1, output, output], { dtype: "float64" });
        };
        const classes = Uint8Array.from(formula("classes", 2 * output * output), (v) =>
          Math.floor((v + 1) * 2.5),
        );
        const targets = {
          classes: torch.tensor(classes, [2, output, output]),
          borderWeights: map("weights", 5, 6),
          pixelDistance: map("distance", 8, 8),
        };
        const F = new torch.TorchBackend(store, { training: true });
        const settings = { epoch: 3, ...(dropout && { random: dropoutNumbers() }) };
        const { total, terms } = network.loss(F, x, targets, settings);
        expect([...terms.keys()].sort()).toEqual(Object.keys(expected.terms).sort());
        for (const [name, term] of terms) {
          expect(difference(term.item(), expected.terms[name]!), name).toBeLessThan(1e-8);
        }
        expect(difference(total.item(), expected.loss)).toBeLessThan(1e-8);
        torch.backward(total);
        const after = store.state();
        const { gradients, running } = expected;
        expect(specs.map((spec) => spec.name).sort()).toEqual(
          [...Object.keys(gradients), ...Object.keys(running)].sort(),
        );
        for (const [name, value] of Object.entries(gradients)) {
          // Before a batch norm a bias has no influence; what is left of its gradient is rounding.
          const found = describeValues(store.get(name).grad!.toFloat64Array())[1];
          expect(difference(found, value), `gradient of ${name}`).toBeLessThan(1e-6);
        }
        for (const [name, value] of Object.entries(running)) {
          expect(difference(describeValues(after.get(name)!.data)[1], value), name).toBeLessThan(1e-8);
        }
      });
      store.dispose();
    });
  });
});
