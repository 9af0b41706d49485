/**
 * HoVer-Net against an independent implementation in PyTorch (`bench/pytorch/hover_net.py`), whose parameters have the
 * names of the published weights, and a file as those are. Values come from `fixtures/network/make_hover_net.py`;
 * weights, input and targets are a formula.
 *
 * Everything is float64, so only the order of additions differs: 1e-8 relative to the mean of absolute values, and 1e-6
 * for gradients, which pass through norms of maps of few pixels.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type ClassScheme, RCC_CLASSES } from "@renograde/core";
import {
  createNetwork,
  declareParameters,
  elements,
  type NetOptions,
  type Network,
  ReferenceBackend,
  type StateDict,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";
import { HOVER_NET_TORCH } from "../../packages/training/src/init/hover-net-families.js";
import { type ForeignWeights, readWeights } from "../../packages/training/src/init/read-weights.js";
import { familyOf, translate } from "../../packages/training/src/init/translate.js";
import { type Description, describeValues, formula, formulaValues } from "../support/formula.js";

interface FixtureCase {
  readonly mode: "fast" | "original";
  readonly types: number | null;
  readonly padding: "tf-same" | "symmetric";
  readonly side: number;
  readonly output: number;
  readonly maps: readonly Description[];
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, number>>;
  readonly running: Readonly<Record<string, number>>;
}

const folder = new URL("../../fixtures/network/", import.meta.url);
const fixture = JSON.parse(readFileSync(new URL("hover-net.json", folder), "utf8")) as {
  readonly width: number;
  readonly cases: Readonly<Record<string, FixtureCase>>;
};

const NUCLEI: ClassScheme = {
  name: "nuclei",
  classes: [{ name: "Nucleus", short: "N", color: [0, 0, 0] }],
  tasks: [
    { name: "one", merge: [0, 1] },
    { name: "two", merge: [0, 1] },
  ],
};

function networkOf({ mode, types, padding }: Pick<FixtureCase, "mode" | "types" | "padding">): Network {
  const options: NetOptions = {
    width: fixture.width,
    hoverWindow: mode === "fast" ? 256 : 270,
    stridePadding: padding,
    classes: types === null ? NUCLEI : RCC_CLASSES,
  };
  return createNetwork("hover-net", options);
}

/** Our names by the published ones, as the fixture writes them. */
function publishedNames(network: Network): Map<string, string> {
  return new Map(
    declareParameters(network).map(({ name }) => {
      const theirs = HOVER_NET_TORCH.theirs(name)!;
      const later = theirs
        .replace("conv0.conv.", "conv0./.")
        .replace(/(decoder.*preact)_bn/, "$1_bna/bn")
        .replace("_bn.", "/bn.");
      return [later, name];
    }),
  );
}

/** The formula's weights under the published names, translated. */
async function stateOf(network: Network): Promise<StateDict> {
  const specs = declareParameters(network);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const tensors = [...publishedNames(network)].map(([theirs, ours]) => {
    const shape = shapes.get(ours)!;
    return [theirs, { shape, read: async () => formulaValues(theirs, shape) }] as const;
  });
  const weights: ForeignWeights = {
    path: "formula",
    format: "PyTorch",
    sha256: "",
    tensors: new Map(tensors),
  };
  return (await translate(weights, HOVER_NET_TORCH, specs)).state;
}

const difference = (found: number, expected: number, size = Math.abs(expected)): number =>
  Math.abs(found - expected) / Math.max(size, 1e-3);

describe.each(Object.entries(fixture.cases))("HoVer-Net against PyTorch, %s", (name, expected) => {
  const { side, output, types } = expected;
  const network = networkOf(expected);
  const image = formula("image", 2 * 3 * side * side).map((v) => v * 0.5 + 0.5);

  // One in the slow reference; libtorch, which agrees with it, does all below.
  if (name === "fast")
    it("gives the same maps", async () => {
      const F = new ReferenceBackend(await stateOf(network));
      expectMaps(network.infer(F, F.tensor([2, 3, side, side], image)).maps.data);
    });

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

  describeTorch("with libtorch", () => {
    it("maps, loss, gradients and running statistics", async () => {
      const state = await stateOf(network);
      const store = new torch.ParameterStore(declareParameters(network), state, { dtype: "float64" });
      torch.tidy(() => {
        const x = torch.tensor(image, [2, 3, side, side], { dtype: "float64" });
        const maps = torch.noGrad(
          () => network.infer(new torch.TorchBackend(store, { training: false }), x).maps,
        );
        expectMaps(maps.toFloat64Array());

        const pixels = 2 * output * output;
        const count = types ?? 2;
        const classes = Uint8Array.from(formula("classes", pixels), (v) => Math.floor(((v + 1) * count) / 2));
        const shape = [2, output, output];
        const targets = {
          binary: torch.tensor(
            classes.map((c) => Math.min(1, c)),
            shape,
          ),
          classes: torch.tensor(classes, shape),
          offsets: torch.tensor(formula("offsets", 2 * pixels), [2, 2, output, output], { dtype: "float64" }),
        };
        const F = new torch.TorchBackend(store, { training: true });
        const { total, terms } = network.loss(F, x, targets);
        expect([...terms.keys()].sort()).toEqual(Object.keys(expected.terms).sort());
        for (const [name, term] of terms)
          expect(difference(term.item(), expected.terms[name]!)).toBeLessThan(1e-8);
        expect(difference(total.item(), expected.loss)).toBeLessThan(1e-8);
        torch.backward(total);
        const after = store.state();
        for (const [theirs, ours] of publishedNames(network)) {
          const gradient = expected.gradients[theirs];
          const running = expected.running[theirs];
          expect(gradient === undefined, theirs).toBe(running !== undefined);
          if (gradient !== undefined) {
            const found = describeValues(store.get(ours).grad!.toFloat64Array())[1];
            expect(difference(found, gradient), `gradient of ${ours}`).toBeLessThan(1e-6);
          } else {
            expect(difference(describeValues(after.get(ours)!.data)[1], running!), ours).toBeLessThan(1e-8);
          }
        }
      });
      store.dispose();
    });
  });
});

it("a file as the published ones fills the network", async () => {
  const root = mkdtempSync(join(tmpdir(), "renograde-hover-"));
  try {
    const path = join(root, "hovernet.tar");
    writeFileSync(path, gunzipSync(readFileSync(new URL("hover-net.tar.gz", folder))));
    const weights = await readWeights(path);
    expect(familyOf(weights, [HOVER_NET_TORCH])).toBe(HOVER_NET_TORCH);
    const network = networkOf({ mode: "original", types: 5, padding: "tf-same" });
    const specs = declareParameters(network);
    const { state, unused } = await translate(weights, HOVER_NET_TORCH, specs);
    expect(unused.filter((name) => !name.endsWith(".num_batches_tracked"))).toEqual([
      "upsample2x.unpool_mat",
    ]);
    const order = [...weights.tensors.keys()];
    for (const [theirs, ours] of publishedNames(network)) {
      const { shape, data } = state.get(ours)!;
      expect(data.length).toBe(elements(shape));
      const value = Math.fround(order.indexOf(theirs) / 1000);
      expect(
        data.every((v) => v === value),
        ours,
      ).toBe(true);
    }
    expect(state.size).toBe(specs.length);
  } finally {
    rmSync(root, { recursive: true });
  }
});
