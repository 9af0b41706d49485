/**
 * The Adam optimiser (Kingma & Ba, ICLR 2015), with the two places of ε found in the wild.
 *
 * @module
 */
import { DataError } from "@renograde/core";
import type { StateDict, StateTensor } from "@renograde/nn";
import { noGrad } from "./autograd.js";
import { call, keep, op, type Tensor, tensor, tidy } from "./tensor.js";

/** Constants of {@link Adam}; defaults are those of spec/training.md §8. */
export interface AdamOptions {
  /** Decay of the first moment. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly eps?: number;
  /**
   * `torch` (default): step = lr/(1−β1ᵗ) · m/(√(v/(1−β2ᵗ)) + ε). `tf`: ε outside the bias correction,
   * step = lr·√(1−β2ᵗ)/(1−β1ᵗ) · m/(√v + ε).
   */
  readonly epsMode?: "torch" | "tf";
  /**
   * λ of an L2 term ½λΣ‖W‖² over the kernels (tensors of two or more axes), added to their gradients
   * (spec/baselines.md §3, §5, §7). Default 0.
   */
  readonly weightDecay?: number;
  /**
   * One kernel for the whole update (libtorch 2, `epsMode: "torch"`), for GPUs. Same formula; results differ in the last
   * bits. Default false: one kernel per operation for all tensors together.
   */
  readonly fused?: boolean;
}

/** Everything Adam remembers, by parameter name. */
export interface AdamState {
  /** Updates each tensor has had. */
  readonly steps: ReadonlyMap<string, number>;
  /** m */
  readonly first: StateDict;
  /** v */
  readonly second: StateDict;
}

interface Moments {
  steps: number;
  readonly first: Tensor;
  readonly second: Tensor;
}

/**
 * Adam over named parameters. Each tensor has its own step counter, and its moments come into being with its first
 * gradient; a tensor without gradient is left as it is, so parameters may be frozen and freed at any time and carry
 * their moments over (spec/training.md §8).
 *
 * @example
 * const adam = new Adam(store.trained());
 * tidy(() => backward(loss(network)));
 * adam.step(1e-4);
 * adam.zeroGrad();
 */
export class Adam {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly #options: Required<AdamOptions>;
  readonly #moments = new Map<string, Moments>();

  /** @param parameters - by name; frozen ones may be among them */
  constructor(parameters: ReadonlyMap<string, Tensor>, options: AdamOptions = {}) {
    this.parameters = new Map(parameters);
    const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8, epsMode = "torch" } = options;
    const { weightDecay = 0, fused = false } = options;
    this.#options = { beta1, beta2, eps, epsMode, weightDecay, fused: fused && epsMode === "torch" };
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * @returns how many tensors were updated
   */
  step(learningRate: number): number {
    return tidy(() => noGrad(() => this.#step(learningRate)));
  }

  #step(learningRate: number): number {
    const { beta1, beta2, eps, epsMode, weightDecay } = this.#options;
    const values: Tensor[] = [];
    const gradients: Tensor[] = [];
    const first: Tensor[] = [];
    const second: Tensor[] = [];
    const rates: number[] = [];
    const corrections: number[] = [];
    const counters: number[] = [];
    for (const [name, value] of this.parameters) {
      const gradient = value.grad;
      if (gradient === null) continue;
      const moments = this.#momentsOf(name, value);
      moments.steps++;
      const correction1 = 1 - beta1 ** moments.steps;
      const correction2 = Math.sqrt(1 - beta2 ** moments.steps);
      values.push(value);
      gradients.push(gradient);
      first.push(moments.first);
      second.push(moments.second);
      rates.push((-learningRate / correction1) * (epsMode === "tf" ? correction2 : 1));
      corrections.push(correction2);
      counters.push(moments.steps);
    }
    if (values.length === 0) return 0;
    if (weightDecay > 0) {
      for (const [i, value] of values.entries()) {
        if (value.shape.length > 1) op("add_.Tensor", [gradients[i]!, value], { alpha: weightDecay });
      }
    }
    if (this.#options.fused) {
      const steps = counters.map((count) =>
        tensor(Float32Array.of(count), [], { device: values[0]!.device }),
      );
      const constants = {
        lr: learningRate,
        beta1,
        beta2,
        weight_decay: 0,
        eps,
        amsgrad: false,
        maximize: false,
      };
      call("_fused_adam_", [values, gradients, first, second, [], steps], constants);
      return values.length;
    }
    call("_foreach_mul_.Scalar", [first, beta1]);
    call("_foreach_add_.List", [first, gradients], { alpha: 1 - beta1 });
    call("_foreach_mul_.Scalar", [second, beta2]);
    call("_foreach_addcmul_.Scalar", [second, gradients, gradients, 1 - beta2]);
    const roots = call("_foreach_sqrt", [second]);
    if (epsMode === "torch") call("_foreach_div_.ScalarList", [roots, corrections]);
    call("_foreach_add_.Scalar", [roots, eps]);
    call("_foreach_addcdiv_.ScalarList", [values, first, roots, rates]);
    return values.length;
  }

  #momentsOf(name: string, like: Tensor): Moments {
    let moments = this.#moments.get(name);
    if (moments === undefined) {
      const zeros = () => keep(op("zeros_like", [like]));
      moments = { steps: 0, first: zeros(), second: zeros() };
      this.#moments.set(name, moments);
    }
    return moments;
  }

  /** Drops the gradients. */
  zeroGrad(): void {
    for (const value of this.parameters.values()) value.setGrad(null);
  }

  /** Bytes of the moments that trained parameters do not have yet. */
  momentsToCome(): number {
    let bytes = 0;
    for (const [name, value] of this.parameters) {
      if (value.requiresGrad && !this.#moments.has(name)) bytes += 8 * value.size;
    }
    return bytes;
  }

  /** A copy of everything it remembers, exact. */
  state(): AdamState {
    const copy = (value: Tensor): StateTensor => ({
      shape: value.shape,
      data: value.dtype === "float64" ? value.toFloat64Array() : value.toFloat32Array(),
    });
    const entries = [...this.#moments];
    return {
      steps: new Map(entries.map(([name, m]) => [name, m.steps])),
      first: new Map(entries.map(([name, m]) => [name, copy(m.first)])),
      second: new Map(entries.map(([name, m]) => [name, copy(m.second)])),
    };
  }

  /**
   * Goes on from a saved state. Parameters it does not name start afresh; an empty state resets everything.
   *
   * @throws DataError when the state names something that is no parameter here, or misses an array or a shape
   */
  load(state: AdamState): void {
    for (const [name] of state.steps) {
      const shape = this.parameters.get(name)?.shape;
      if (shape === undefined) throw new DataError(`optimiser state: "${name}" is not among the parameters`);
      for (const moment of [state.first.get(name), state.second.get(name)]) {
        if (moment?.shape.join() !== shape.join()) {
          throw new DataError(
            `optimiser state: "${name}" should have two moments of shape [${shape.join(", ")}], found ${
              moment === undefined ? "none" : `[${moment.shape.join(", ")}]`
            }`,
          );
        }
      }
    }
    this.dispose();
    for (const [name, steps] of state.steps) {
      const { dtype, device } = this.parameters.get(name)!;
      const restore = (from: StateDict) => {
        const { data, shape } = from.get(name)!;
        return keep(tensor(data, shape, { dtype, device }));
      };
      this.#moments.set(name, { steps, first: restore(state.first), second: restore(state.second) });
    }
  }

  /** Frees the moments; the next step starts afresh. */
  dispose(): void {
    for (const { first, second } of this.#moments.values()) {
      first.dispose();
      second.dispose();
    }
    this.#moments.clear();
  }
}
