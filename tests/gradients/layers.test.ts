/**
 * Gradients of libtorch, in float64, against finite differences of the reference interpreter.
 *
 * For each array a random direction v of length 1: the derivative of L = Σ r·y along v, (L(a + hv) − L(a − hv)) / 2h
 * with h = 1e-6, must equal ⟨∂L/∂a, v⟩. Every element of the gradient enters. Tolerance 1e-6 of the larger of the two and
 * of |gradient|/1000 (a direction nearly orthogonal to the gradient has no digits left) and of |L|/100: truncation is of
 * order h² = 1e-12, rounding of order 2^-52·|L|/h = 2e-10·|L|, an absolute limit for arrays that hardly matter. Longer steps would carry some of a network's 10^5 ReLUs over
 * their kink, where L has no derivative.
 */
import { createRandom } from "@renograde/core";
import {
  type Backend,
  createNetwork,
  hoverLoss,
  type LossOptions,
  ReferenceBackend,
  type StateTensor,
  trainingLoss,
  weightedCrossEntropy,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";
import { LAYERS, OPERATIONS } from "../support/cases.js";
import { type Prepared, prepare } from "../support/interpreters.js";

const STEP = 1e-6;
const TOLERANCE = 1e-6;

/** Values of a run: inputs first, then parameters by name. */
type Values = ReadonlyMap<string, Float64Array>;

function valuesOf({ inputs, state, specs }: Prepared): Map<string, Float64Array> {
  const values = new Map(inputs.map(({ data }, i) => [`input ${i}`, data]));
  for (const { name } of specs) values.set(name, Float64Array.from(state.get(name)!.data));
  return values;
}

/** Weights r of the outputs in L; a scalar output is L itself. */
function outputWeights(n: number, scalar: boolean): Float64Array {
  const random = createRandom(9, "output");
  return Float64Array.from({ length: n }, () => (scalar ? 1 : random.uniform(-1, 1)));
}

function referenceLoss({ program, inputs, specs }: Prepared, values: Values): number {
  const changed = new Map(
    specs.map(({ name, shape }): [string, StateTensor] => [name, { shape, data: values.get(name)! }]),
  );
  const F = new ReferenceBackend(changed, { training: true });
  const xs = inputs.map(({ dims }, i) => F.tensor(dims, values.get(`input ${i}`)!));
  const y = program(F, xs).y!;
  const r = outputWeights(y.data.length, y.dims.length === 0);
  return r.reduce((sum, weight, i) => sum + weight * y.data[i]!, 0);
}

/** ∂L/∂a for every parameter and every listed input; null where L does not depend on it. */
function torchGradients(
  { program, inputs, state, specs }: Prepared,
  differentiable: readonly number[],
): Map<string, Float64Array | null> {
  const store = new torch.ParameterStore(specs, state, { dtype: "float64" });
  const gradients = torch.tidy(() => {
    const F = new torch.TorchBackend(store, { training: true });
    const xs = inputs.map(({ dims, data }, i) => {
      const x = torch.tensor(data, dims, { dtype: "float64" });
      return differentiable.includes(i) ? x.setRequiresGrad(true) : x;
    });
    const y = program(F, xs).y!;
    const r = torch.tensor(outputWeights(y.size, y.shape.length === 0), y.shape, { dtype: "float64" });
    torch.backward(torch.op("sum", [torch.op("mul.Tensor", [y, r])]));
    const leaves = [
      ...differentiable.map((i): [string, torch.Tensor] => [`input ${i}`, xs[i]!]),
      ...specs
        .filter((spec) => spec.role === "parameter")
        .map(({ name }): [string, torch.Tensor] => [name, store.get(name)]),
    ];
    return new Map(leaves.map(([name, leaf]) => [name, leaf.grad?.toFloat64Array() ?? null]));
  });
  store.dispose();
  return gradients;
}

const norm = (v: Float64Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

/** Compares along one random direction over all arrays of each group. */
function checkGradients(
  prepared: Prepared,
  groupOf: (name: string) => string,
  differentiable: readonly number[] = prepared.inputs.map((_, i) => i),
  step = STEP,
): void {
  const gradients = torchGradients(prepared, differentiable);
  const values = valuesOf(prepared);
  for (const group of new Set([...gradients.keys()].map(groupOf))) {
    const members = [...gradients].filter(([name]) => groupOf(name) === group);
    const random = createRandom(4, group);
    const drawn = members.map(([name]): [string, Float64Array] => [
      name,
      Float64Array.from(values.get(name)!, () => random.normal()),
    ]);
    const length = Math.hypot(...drawn.map(([, v]) => norm(v)));
    const directions = new Map(drawn.map(([name, v]) => [name, v.map((x) => x / length)]));
    const moved = (sign: number): number =>
      referenceLoss(
        prepared,
        new Map(
          [...values].map(([name, v]) => {
            const d = directions.get(name);
            return [name, d ? v.map((x, i) => x + sign * step * d[i]!) : v];
          }),
        ),
      );
    const above = moved(1);
    const numeric = (above - moved(-1)) / (2 * step);
    let analytic = 0;
    let size = 0;
    for (const [name, g] of members) {
      const d = directions.get(name)!;
      if (g === null) continue;
      analytic += g.reduce((sum, v, i) => sum + v * d[i]!, 0);
      size += norm(g) * norm(d);
    }
    const scale = Math.max(Math.abs(numeric), Math.abs(analytic), size / 1000, Math.abs(above) / 100);
    expect(Math.abs(numeric - analytic) / scale, `${group}: ${numeric} against ${analytic}`).toBeLessThan(
      TOLERANCE,
    );
  }
}

describeTorch("gradients against finite differences", () => {
  describe.each([
    ["operations", OPERATIONS],
    ["layers", LAYERS],
  ])("%s", (_, cases) => {
    it.each(cases.map((c) => [c.name, c] as const))("%s", (_name, c) => {
      checkGradients(
        prepare((F, xs) => ({ y: c.run(F, xs) }), c.inputs, c.range),
        (name) => name,
      );
    });
  });

  it.each(["own", "cross"] as const)("HoVer-Net's loss, slopes along the %s axis", (msgeAxis) => {
    const program = <T>(F: Backend<T>, [np, hv, tp, binary, offsets, classes]: readonly T[]) => {
      const outputs = { binaryLogits: np!, offsets: hv!, finalLogits: tp!, classStride: 1 } as const;
      const targets = { binary: binary!, offsets: offsets!, classes: classes! };
      return { y: hoverLoss(F, outputs, targets, 5, { msgeAxis }).total };
    };
    const [two, five, map] = [
      [2, 2, 7, 6],
      [2, 5, 7, 6],
      [2, 7, 6],
    ];
    const prepared = prepare(program, [two!, two!, five!, map!, two!, map!]);
    for (const [i, channels] of [
      [3, 2],
      [5, 5],
    ] as const) {
      const { data } = prepared.inputs[i]!;
      data.set(data.map((v) => Math.floor(((v + 1) / 2) * channels)));
    }
    checkGradients(prepared, (name) => name, [0, 1, 2]);
  });

  it("cross-entropy with a weight per pixel", () => {
    const program = <T>(F: Backend<T>, [logits, ids, weights]: readonly T[]) => ({
      y: weightedCrossEntropy(F, logits!, ids!, weights!, 5),
    });
    const prepared = prepare(program, [
      [2, 5, 4, 3],
      [2, 4, 3],
      [2, 1, 4, 3],
    ]);
    const [, ids, weights] = prepared.inputs;
    ids!.data.set(ids!.data.map((v) => Math.floor(((v + 1) / 2) * 5)));
    weights!.data.set(weights!.data.map((v) => 6 + 5 * v));
    checkGradients(prepared, (name) => name, [0]);
  });

  it("HoVer-Net's loss, part by part", () => {
    const network = createNetwork("hover-net", { width: 1 / 32, hoverWindow: 256 });
    const program = <T>(F: Backend<T>, [x, binary, offsets, classes]: readonly T[]) => ({
      y: network.loss(F, x!, { binary: binary!, offsets: offsets!, classes: classes! }).total,
    });
    const prepared = prepare(
      program,
      [
        [1, 3, 96, 96],
        [1, 4, 4],
        [1, 2, 4, 4],
        [1, 4, 4],
      ],
      [0, 1],
    );
    for (const [i, channels] of [
      [1, 2],
      [3, 5],
    ] as const) {
      const { data } = prepared.inputs[i]!;
      data.set(data.map((v) => Math.floor(v * channels)));
    }
    // At this width some channels of the 50 layers hardly vary, and their norms magnify every step.
    checkGradients(prepared, (key) => key.split(".")[0]!, [0], 1e-7);
  });

  describe("the training loss of a whole network, part by part", () => {
    const cases: [string, Parameters<typeof createNetwork>[1], LossOptions][] = [
      ["chr-net", { rewrite: "reorder" }, {}],
      ["chr-net", { rewrite: "full", preset: "reference" }, { dice: true, lambdaDist: 1 }],
      ["shr", {}, {}],
    ];
    it.each(cases)("%s %j %j", (name, options, lossOptions) => {
      const network = createNetwork(name, { width: 1 / 16, ...options });
      const program = <T>(F: Backend<T>, [x, binary, distance, task1, task2, final]: readonly T[]) => {
        const targets = {
          binary: binary!,
          distance: distance!,
          task1: task1!,
          task2: task2!,
          classes: final!,
        };
        return { y: trainingLoss(F, network, network.train(F, x!), targets, lossOptions).total };
      };
      const map = [1, 16, 16];
      const prepared = prepare(program, [[1, 3, 22, 22], map, [1, 1, 16, 16], map, map, map], [0, 1]);
      [2, 0, 4, 4, 5].forEach((classes, i) => {
        const { data } = prepared.inputs[i + 1]!;
        if (classes > 0) data.set(data.map((v) => Math.floor(v * classes)));
      });
      checkGradients(prepared, (key) => key.split(".")[0]!, [0]);
    });
  });
});
