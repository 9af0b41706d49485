import { expect, test } from "vitest";
import { Adam, loadTorch, type Tensor, tensor, tidy } from "./index.js";
import { describeTorch } from "./testing/describe-torch.js";
import { type FixtureArray, maxDifference, readFixture } from "./testing/fixtures.js";

interface AdamFixture {
  readonly start: Readonly<Record<string, FixtureArray>>;
  readonly gradients: readonly Readonly<Record<string, readonly number[]>>[];
  readonly rates: readonly number[];
  readonly end: Readonly<Record<string, FixtureArray>>;
  readonly tfEps: number;
  readonly tfEnd: Readonly<Record<string, readonly number[]>>;
}

const fixture = readFixture<AdamFixture>("adam.json");

function startParameters(): Map<string, Tensor> {
  return new Map(
    Object.entries(fixture.start).map(([name, { shape, data }]) => [
      name,
      tensor(Float32Array.from(data), shape).setRequiresGrad(true),
    ]),
  );
}

/** Runs the recorded steps `from` … `to − 1`; returns how many tensors each updated. */
function run(adam: Adam, from = 0, to = fixture.rates.length): number[] {
  const updated: number[] = [];
  for (let step = from; step < to; step++) {
    tidy(() => {
      adam.zeroGrad();
      for (const [name, values] of Object.entries(fixture.gradients[step]!)) {
        const parameter = adam.parameters.get(name)!;
        parameter.setGrad(tensor(Float32Array.from(values), parameter.shape));
      }
      updated.push(adam.step(fixture.rates[step]!));
    });
  }
  return updated;
}

describeTorch("Adam", () => {
  test("follows torch.optim.Adam for 20 steps, with late and missing gradients", () => {
    const parameters = startParameters();
    const updated = run(new Adam(parameters));
    expect(updated).toEqual([...new Array(8).fill(2), ...new Array(12).fill(3)]);
    for (const [name, { data }] of Object.entries(fixture.end)) {
      expect(maxDifference(parameters.get(name)!.toFloat32Array(), data), name).toBeLessThan(1e-6);
    }
  });

  test("epsMode tf puts ε outside the bias correction", () => {
    const parameters = startParameters();
    run(new Adam(parameters, { epsMode: "tf", eps: fixture.tfEps }));
    for (const [name, data] of Object.entries(fixture.tfEnd)) {
      expect(maxDifference(parameters.get(name)!.toFloat32Array(), data), name).toBeLessThan(1e-6);
    }
  });

  test("weight decay adds λW to the gradients of kernels alone", () => {
    const start = [0.5, -2, 1, 3];
    const gradient = [0.1, 0.2, -0.3, 0.05];
    const stepped = (decay: number, shape: number[], grads: number[]) => {
      const value = tensor(Float32Array.from(start), shape).setRequiresGrad(true);
      value.setGrad(tensor(Float32Array.from(grads), shape));
      new Adam(new Map([["w", value]]), { weightDecay: decay }).step(0.1);
      return value.toFloat32Array();
    };
    const added = gradient.map((g, i) => g + 0.05 * start[i]!);
    expect(maxDifference(stepped(0.05, [2, 2], gradient), stepped(0, [2, 2], added))).toBeLessThan(1e-7);
    expect(stepped(0.05, [4], gradient)).toEqual(stepped(0, [4], gradient));
  });

  test("one fused kernel follows the same formula, where libtorch has it for the CPU (2.4)", () => {
    const [major = 0, minor = 0] = loadTorch().version.split(".").map(Number);
    const parameters = startParameters();
    const fused = () => run(new Adam(parameters, { fused: true }));
    if (major < 2 || (major === 2 && minor < 4)) {
      expect(fused).toThrow("_fused_adam_");
      return;
    }
    fused();
    for (const [name, { data }] of Object.entries(fixture.end)) {
      expect(maxDifference(parameters.get(name)!.toFloat32Array(), data), name).toBeLessThan(1e-6);
    }
  });

  test("a saved state continues bit for bit", () => {
    const whole = startParameters();
    run(new Adam(whole));

    const parameters = startParameters();
    const first = new Adam(parameters);
    run(first, 0, 10);
    const state = first.state();
    expect([...state.steps]).toEqual([
      ["weight", 10],
      ["bias", 10],
      ["late", 2],
    ]);
    const second = new Adam(parameters);
    second.load(state);
    expect(second.state()).toEqual(state);
    run(second, 10);
    for (const [name, value] of whole) {
      expect(parameters.get(name)!.toFloat32Array(), name).toEqual(value.toFloat32Array());
    }
  });

  test("a state of other parameters is refused", () => {
    const adam = new Adam(startParameters());
    const moment = { shape: [2], data: new Float32Array(2) };
    const state = (name: string) => ({
      steps: new Map([[name, 1]]),
      first: new Map([[name, moment]]),
      second: new Map([[name, moment]]),
    });
    expect(() => adam.load(state("other"))).toThrow('"other" is not among the parameters');
    expect(() => adam.load(state("bias"))).toThrow('"bias" should have two moments of shape [4], found [2]');
  });
});
