import { createRandom } from "@renograde/core";
import type { ParameterSpec, StateTensor } from "@renograde/nn";
import { type Backend, type BatchNormOptions, type ConvOptions, ReferenceBackend } from "@renograde/nn";
import { expect, test } from "vitest";
import {
  Adam,
  backward,
  grad,
  memoryStats,
  noGrad,
  ParameterStore,
  type Tensor,
  tensor,
  tidy,
} from "./index.js";
import { collectGarbage } from "./testing/collect-garbage.js";
import { describeTorch } from "./testing/describe-torch.js";
import { type FixtureArray, maxDifference, readFixture } from "./testing/fixtures.js";
import { TorchBackend } from "./torch-backend.js";

interface Options extends ConvOptions, BatchNormOptions {
  readonly training?: boolean;
  readonly axis?: number;
  readonly axes?: readonly number[];
  readonly factor?: number;
  readonly offset?: number;
  readonly low?: number;
  readonly high?: number;
  readonly start?: number;
  readonly end?: number;
  readonly step?: number;
  readonly size?: number;
  readonly target?: readonly number[];
}

interface OperatorCase {
  readonly op: string;
  readonly inputs: readonly FixtureArray[];
  readonly options: Options;
  readonly output: FixtureArray;
  readonly seed: FixtureArray;
  readonly grads?: readonly FixtureArray[];
  readonly before: Readonly<Record<"mean" | "var", FixtureArray>>;
  readonly after: Readonly<Record<"mean" | "var", FixtureArray>>;
}

const { cases } = readFixture<{ cases: OperatorCase[] }>("operators.json");

const f64 = ({ shape, data }: FixtureArray) => tensor(Float64Array.from(data), shape);

/** A store of float64 buffers, which stand for running statistics. */
function statistics(channels: number, values: Readonly<Record<string, readonly number[]>>): ParameterStore {
  const names = Object.keys(values);
  const specs = names.map(
    (name): ParameterSpec => ({
      name,
      shape: [channels],
      init: { kind: "constant", value: 0 },
      role: "buffer",
    }),
  );
  const state = new Map(
    names.map((name): [string, StateTensor] => [
      name,
      { shape: [channels], data: Float64Array.from(values[name]!) },
    ]),
  );
  return new ParameterStore(specs, state, { dtype: "float64" });
}

/** Runs a fixture's operation on any backend. */
function runCase<T>(F: Backend<T>, c: OperatorCase, x: readonly T[]): T {
  const o = c.options;
  const [a, b, d] = x as [T, T, T];
  switch (c.op) {
    case "conv2d":
      return F.conv2d(a, b, d, o);
    case "convTranspose2d":
      return F.convTranspose2d(a, b, d, o);
    case "batchNorm": {
      const size = c.before.mean.shape;
      const init = { kind: "constant", value: 0 } as const;
      const runningMean = F.buffer("mean", size, init);
      return F.batchNorm(a, { weight: b, bias: d, runningMean, runningVar: F.buffer("var", size, init) }, o);
    }
    case "layerNorm":
      return F.layerNorm(a, b, d, 1e-5);
    case "softmax":
      return F.softmax(a, o.axis!);
    case "logSoftmax":
      return F.logSoftmax(a, o.axis!);
    case "sigmoid":
      return F.sigmoid(a);
    case "affine":
      return F.affine(a, o.factor!, o.offset!);
    case "clamp":
      return F.clamp(a, o.low!, o.high!);
    case "matmul":
      return F.matmul(a, b);
    case "div":
      return F.div(a, b);
    case "slice":
      return F.slice(a, o.axis!, o.start!, o.end, o.step);
    case "upsampleNearest":
      return F.upsampleNearest(a, o.factor!);
    case "maxPool2d":
      return F.maxPool2d(a, o.size!, o.stride!);
    case "avgPool2d":
      return F.avgPool2d(a, o.size!, o.stride!);
    case "depthToSpace":
      return F.depthToSpace(a, o.factor!);
    case "sum":
      return F.sum(a, o.axes!);
    case "mean":
      return F.mean(a, o.axes!);
    case "crossEntropy": {
      const [n, , h, w] = c.inputs[0]!.shape as [number, number, number, number];
      return F.crossEntropy(a, F.constant(o.target!, [n, h, w]));
    }
    default:
      throw new Error(`no such case: ${c.op}`);
  }
}

describeTorch("the torch interpreter against PyTorch's Python functions (float64)", () => {
  test.each(
    cases.map((c, i): [string, OperatorCase] => [
      `${i} ${c.op} ${JSON.stringify(c.options).slice(0, 60)}`,
      c,
    ]),
  )("%s", (_, c) => {
    const { mean, var: variance } = c.before;
    const store = statistics(mean?.shape[0] ?? 1, mean ? { mean: mean.data, var: variance.data } : {});
    tidy(() => {
      const F = new TorchBackend(store, { training: c.options.training ?? false });
      const inputs = c.inputs.map((x) => f64(x).setRequiresGrad(true));
      const y = runCase(F, c, inputs);
      expect(y.shape).toEqual(c.output.shape);
      expect(maxDifference(y.toFloat64Array(), c.output.data)).toBeLessThan(1e-9);
      for (const [name, after] of Object.entries(c.after)) {
        expect(maxDifference(store.get(name).toFloat64Array(), after.data), name).toBeLessThan(1e-9);
      }
      const gradients = grad([y], inputs, { seeds: [f64(c.seed)] });
      for (const [i, expected] of (c.grads ?? []).entries()) {
        expect(maxDifference(gradients[i]!.toFloat64Array(), expected.data), `input ${i}`).toBeLessThan(1e-9);
      }
    });
    store.dispose();
  });
});

/** Every operation with inputs that avoid kinks; each is checked by central differences. */
interface GradientCase {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly run: <T>(F: Backend<T>, x: readonly T[]) => T;
  /** Input values lie in low … high. Default −1 … 1. */
  readonly range?: readonly [number, number];
  readonly training?: boolean;
}

const zero = { kind: "constant", value: 0 } as const;
const norm = <T>(F: Backend<T>, [x, weight, bias]: readonly T[], options?: BatchNormOptions): T =>
  F.batchNorm(
    x!,
    {
      weight: weight!,
      bias: bias!,
      runningMean: F.buffer("mean", [2], zero),
      runningVar: F.buffer("var", [2], zero),
    },
    options,
  );
const unary = (name: string, run: GradientCase["run"], extra: Partial<GradientCase> = {}): GradientCase => ({
  name,
  shapes: [[2, 3, 2, 2]],
  run,
  ...extra,
});
const image = [1, 2, 4, 5];

const gradientCases: GradientCase[] = [
  {
    name: "conv2d",
    shapes: [image, [3, 2, 3, 3], [3]],
    run: (F, [x, w, b]) => F.conv2d(x!, w!, b!, { padding: [1, 1, 1, 1] }),
  },
  {
    name: "conv2d tf-same",
    shapes: [
      [1, 2, 4, 4],
      [2, 2, 3, 3],
    ],
    run: (F, [x, w]) => F.conv2d(x!, w!, null, { stride: 2, padding: [0, 0, 1, 1] }),
  },
  {
    name: "convTranspose2d",
    shapes: [[1, 2, 3, 2], [2, 2, 3, 3], [2]],
    run: (F, [x, w, b]) => F.convTranspose2d(x!, w!, b!, { stride: 2, padding: [1, 0, 0, 1] }),
  },
  {
    name: "batchNorm, batch statistics",
    shapes: [image, [2], [2]],
    training: true,
    run: (F, x) => norm(F, x),
  },
  {
    name: "batchNorm, replicated",
    shapes: [image, [2], [2]],
    training: true,
    run: (F, x) => norm(F, x, { replication: 4 }),
  },
  {
    name: "batchNorm, running statistics",
    shapes: [image, [2], [2]],
    training: true,
    run: (F, x) => norm(F, x, { useRunning: true }),
  },
  {
    name: "layerNorm",
    shapes: [[2, 3, 2, 2], [3], [3]],
    run: (F, [x, w, b]) => F.layerNorm(x!, w!, b!, 1e-5),
  },
  {
    name: "layerNorm of single pixels",
    shapes: [[2, 3, 1, 1], [3], [3]],
    run: (F, [x, w, b]) => F.layerNorm(x!, w!, b!, 1e-5),
  },
  unary("relu", (F, [x]) => F.relu(x!), { range: [0.1, 1] }),
  unary("relu below zero", (F, [x]) => F.relu(x!), { range: [-1, -0.1] }),
  unary("sigmoid", (F, [x]) => F.sigmoid(x!)),
  unary("softmax", (F, [x]) => F.softmax(x!, 1)),
  unary("logSoftmax", (F, [x]) => F.logSoftmax(x!, 1)),
  unary("log", (F, [x]) => F.log(x!), { range: [0.5, 2] }),
  unary("abs", (F, [x]) => F.abs(x!), { range: [-1, -0.1] }),
  unary("clamp inside", (F, [x]) => F.clamp(x!, -2, 2)),
  unary("clamp outside", (F, [x]) => F.clamp(x!, 2, 3)),
  unary("affine", (F, [x]) => F.affine(x!, -3, 0.5)),
  {
    name: "add",
    shapes: [
      [2, 3, 1],
      [1, 3, 4],
    ],
    run: (F, [a, b]) => F.add(a!, b!),
  },
  {
    name: "sub",
    shapes: [
      [2, 3, 1],
      [3, 4],
    ],
    run: (F, [a, b]) => F.sub(a!, b!),
  },
  {
    name: "mul",
    shapes: [
      [2, 3, 1],
      [1, 3, 4],
    ],
    run: (F, [a, b]) => F.mul(a!, b!),
  },
  {
    name: "div",
    shapes: [
      [2, 3, 1],
      [1, 3, 4],
    ],
    range: [0.5, 2],
    run: (F, [a, b]) => F.div(a!, b!),
  },
  {
    name: "matmul",
    shapes: [
      [2, 2, 3],
      [2, 3, 2],
    ],
    run: (F, [a, b]) => F.matmul(a!, b!),
  },
  {
    name: "concat",
    shapes: [
      [2, 1, 2],
      [2, 3, 2],
    ],
    run: (F, xs) => F.concat(xs, 1),
  },
  { name: "slice", shapes: [[2, 6, 2]], run: (F, [x]) => F.slice(x!, 1, -5, -1, 2) },
  { name: "reshape", shapes: [[2, 6, 2]], run: (F, [x]) => F.reshape(x!, [0, -1, 3]) },
  { name: "permute", shapes: [[2, 3, 4]], run: (F, [x]) => F.permute(x!, [2, 0, 1]) },
  unary("sum", (F, [x]) => F.sum(x!, [1, 3])),
  unary("mean", (F, [x]) => F.mean(x!, [2, 3])),
  unary("upsampleNearest", (F, [x]) => F.upsampleNearest(x!, 3)),
  unary("maxPool2d", (F, [x]) => F.maxPool2d(x!, 2, 1)),
  unary("avgPool2d", (F, [x]) => F.avgPool2d(x!, 2, 1)),
  { name: "depthToSpace", shapes: [[1, 8, 2, 1]], run: (F, [x]) => F.depthToSpace(x!, 2) },
  unary("crossEntropy", (F, [x]) => F.crossEntropy(x!, F.constant([0, 2, 1, 0, 2, 2, 1, 0], [2, 2, 2]))),
];

describeTorch("gradients against central differences (float64)", () => {
  test.each(gradientCases.map((c): [string, GradientCase] => [c.name, c]))("%s", (name, c) => {
    const random = createRandom("gradients", name);
    const [low, high] = c.range ?? [-1, 1];
    const values = c.shapes.map((shape) =>
      Float64Array.from({ length: shape.reduce((p, n) => p * n, 1) }, () => random.uniform(low, high)),
    );
    const store = statistics(2, { mean: [0.1, -0.2], var: [0.8, 1.3] });
    const F = new TorchBackend(store, { training: c.training ?? false });
    const inputs = (x: readonly Float64Array[]) => x.map((data, i) => tensor(data, c.shapes[i]!));
    const size = tidy(() => c.run(F, inputs(values)).size);
    const weights = Float64Array.from({ length: size }, () => random.uniform(-1, 1));
    const loss = (x: readonly Tensor[]) => {
      const y = c.run(F, x);
      return F.sum(F.mul(F.reshape(y, [size]), tensor(weights, [size])), [0]);
    };
    tidy(() => {
      const leaves = inputs(values).map((x) => x.setRequiresGrad(true));
      const gradients = grad([loss(leaves)], leaves);
      const step = 1e-5;
      for (const [i, data] of values.entries()) {
        const exact = gradients[i]!.toFloat64Array();
        for (let k = 0; k < data.length; k++) {
          const at = (offset: number) =>
            tidy(() => {
              const moved = values.map((v, j) => (i === j ? v.with(k, v[k]! + offset) : v));
              return noGrad(() => loss(inputs(moved)).item());
            });
          const estimate = (at(step) - at(-step)) / (2 * step);
          expect(Math.abs(estimate - exact[k]!), `input ${i}, element ${k}`).toBeLessThan(1e-7);
        }
      }
    });
    store.dispose();
  });
});

/** Two convolutions with norms and a head: what a training step consists of. */
function tinyNetwork<T>(F: Backend<T>, x: T): T {
  const block = (G: Backend<T>, input: T, cin: number, cout: number): T => {
    const weight = G.param("conv.weight", [cout, cin, 3, 3], { kind: "xavier" });
    const y = G.conv2d(input, weight, null, { padding: [1, 1, 1, 1] });
    const one = { kind: "constant", value: 1 } as const;
    const N = G.scope("bn");
    return G.relu(
      G.batchNorm(y, {
        weight: N.param("weight", [cout], one),
        bias: N.param("bias", [cout], zero),
        runningMean: N.buffer("running_mean", [cout], zero),
        runningVar: N.buffer("running_var", [cout], one),
      }),
    );
  };
  return block(F.scope("b"), block(F.scope("a"), x, 3, 8), 8, 4);
}

const tinySpecs: ParameterSpec[] = (
  [
    ["a", 3, 8],
    ["b", 8, 4],
  ] as const
).flatMap(([name, cin, cout]): ParameterSpec[] => [
  { name: `${name}.conv.weight`, shape: [cout, cin, 3, 3], init: { kind: "xavier" }, role: "parameter" },
  { name: `${name}.bn.weight`, shape: [cout], init: { kind: "constant", value: 1 }, role: "parameter" },
  { name: `${name}.bn.bias`, shape: [cout], init: zero, role: "parameter" },
  { name: `${name}.bn.running_mean`, shape: [cout], init: zero, role: "buffer" },
  { name: `${name}.bn.running_var`, shape: [cout], init: { kind: "constant", value: 1 }, role: "buffer" },
]);

/** A learnable batch: the class of a pixel is its brightest channel. */
function batch(seed: number): { image: Float32Array; target: Float32Array } {
  const random = createRandom("batch", seed);
  const image = Float32Array.from({ length: 2 * 3 * 64 }, () => random.next());
  const target = Float32Array.from({ length: 2 * 64 }, (_, i) => {
    const at = (c: number) => image[Math.floor(i / 64) * 192 + c * 64 + (i % 64)]!;
    return at(0) > at(1) ? (at(0) > at(2) ? 0 : 2) : at(1) > at(2) ? 1 : 2;
  });
  return { image, target };
}

describeTorch("training with the torch interpreter", () => {
  const trainStep = (store: ParameterStore, adam: Adam, seed: number): number => {
    const { image, target } = batch(seed);
    const F = new TorchBackend(store, { training: true });
    const value = tidy(() => {
      const loss = F.crossEntropy(tinyNetwork(F, tensor(image, [2, 3, 8, 8])), tensor(target, [2, 8, 8]));
      backward(loss);
      return loss.item();
    });
    adam.step(1e-2);
    adam.zeroGrad();
    return value;
  };

  test("the loss falls and a step leaves neither handles nor memory behind", async () => {
    await collectGarbage();
    const before = memoryStats();
    const store = new ParameterStore(tinySpecs, 1);
    const adam = new Adam(store.trained());
    const first = trainStep(store, adam, 0);
    const { allocated, handles } = memoryStats();
    let last = first;
    for (let step = 1; step < 60; step++) {
      last = trainStep(store, adam, step);
      expect(memoryStats()).toMatchObject({ allocated, handles, scopes: 0 });
    }
    expect(last).toBeLessThan(0.6 * first);
    adam.dispose();
    store.dispose();
    expect(memoryStats()).toMatchObject({ allocated: before.allocated, handles: before.handles });
  });

  test("the same seed and batches give the same weights, and another seed others", () => {
    const weights = (seed: number) => {
      const store = new ParameterStore(tinySpecs, seed);
      const adam = new Adam(store.trained());
      for (let step = 0; step < 3; step++) trainStep(store, adam, step);
      const state = store.state();
      store.dispose();
      adam.dispose();
      return state;
    };
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  test("frozen parameters stay, the others move, and freed ones move again", () => {
    const store = new ParameterStore(tinySpecs, 1);
    const adam = new Adam(store.trained());
    store.setTrained((name) => !name.startsWith("a."));
    expect([...store.trained().keys()]).toEqual(["b.conv.weight", "b.bn.weight", "b.bn.bias"]);
    const start = store.state();
    trainStep(store, adam, 0);
    const frozen = store.state();
    expect(frozen.get("a.conv.weight")).toEqual(start.get("a.conv.weight"));
    expect(frozen.get("a.bn.running_mean")).not.toEqual(start.get("a.bn.running_mean"));
    expect(frozen.get("b.conv.weight")).not.toEqual(start.get("b.conv.weight"));
    store.setTrained(() => true);
    trainStep(store, adam, 0);
    expect(store.get("a.conv.weight").toFloat32Array()).not.toEqual(start.get("a.conv.weight")!.data);
    store.dispose();
    adam.dispose();
  });

  test("agrees with the reference interpreter, running statistics included", () => {
    for (const training of [true, false]) {
      const store = new ParameterStore(tinySpecs, 3, { dtype: "float64" });
      const F = new TorchBackend(store, { training });
      const R = new ReferenceBackend(store.state(), { training });
      const { image } = batch(4);
      tidy(() => {
        const x = tensor(image, [2, 3, 8, 8], { dtype: "float64" });
        const y = noGrad(() => tinyNetwork(F, x));
        const expected = tinyNetwork(R, R.tensor([2, 3, 8, 8], image));
        expect(maxDifference(y.toFloat64Array(), expected.data)).toBeLessThan(1e-12);
        const target = [...batch(4).target];
        const oneHot = F.oneHot(F.constant(target, [2, 8, 8]), 4);
        expect(oneHot.shape).toEqual([2, 4, 8, 8]);
        const expectedOneHot = R.oneHot(R.constant(target, [2, 8, 8]), 4);
        expect(maxDifference(oneHot.toFloat64Array(), expectedOneHot.data)).toBe(0);
      });
      for (const [name, { data }] of store.state()) {
        expect(maxDifference(data, R.state.get(name)!.data), name).toBeLessThan(1e-12);
      }
      store.dispose();
    }
  });

  test("one value per channel has variance 0 and leaves the running variance finite", () => {
    const store = statistics(2, { mean: [0, 0], var: [1, 1] });
    const F = new TorchBackend(store, { training: true });
    tidy(() => {
      const one = tensor(Float64Array.of(1, 1), [2]);
      const y = norm(F, [tensor(Float64Array.of(3, 4), [1, 2, 1, 1]), one, one]);
      expect(y.toFloat64Array()).toEqual(Float64Array.of(1, 1));
    });
    expect(maxDifference(store.get("mean").toFloat64Array(), [0.3, 0.4])).toBeLessThan(1e-12);
    expect(maxDifference(store.get("var").toFloat64Array(), [0.9, 0.9])).toBeLessThan(1e-12);
    store.dispose();
  });

  test("detach stops the gradient", () => {
    const store = new ParameterStore([], 0);
    const F = new TorchBackend(store);
    tidy(() => {
      const x = tensor(Float32Array.of(2), [1]).setRequiresGrad(true);
      expect(grad([F.mul(x, F.detach(x))], [x])[0]!.item()).toBe(2);
    });
  });

  test("errors name the scope, the parameter and what is wrong", () => {
    const store = new ParameterStore(tinySpecs, 0);
    const F: Backend<Tensor> = new TorchBackend(store).scope("a").scope("conv");
    expect(() => F.param("weight", [1, 3, 3, 3], zero)).toThrow(
      "a.conv.weight: expected [1, 3, 3, 3], the parameters hold [8, 3, 3, 3]",
    );
    expect(() => F.param("bias", [8], zero)).toThrow("a.conv.bias: the parameters hold no array");
    tidy(() => {
      const x = tensor(new Float32Array(64), [1, 1, 8, 8]);
      expect(() => F.conv2d(x, F.param("weight", [8, 3, 3, 3], zero), null)).toThrow(
        /^a\.conv: aten::conv2d: .*input float32\[1, 1, 8, 8\], weight float32\[8, 3, 3, 3\]/,
      );
    });
    expect(() => store.load(new Map(), "last.safetensors")).toThrow(/^last\.safetensors: /);
    store.dispose();
  });

  test("a state saved and loaded is the same", () => {
    const store = new ParameterStore(tinySpecs, 5);
    const other = new ParameterStore(tinySpecs, 6);
    other.load(store.state());
    expect(other.state()).toEqual(store.state());
    expect(other.trained().size).toBe(6);
    store.dispose();
    other.dispose();
  });
});
