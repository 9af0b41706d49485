/**
 * A network's parameters and buffers as native tensors.
 *
 * @module
 */
import { DataError, ShapeError } from "@renograde/core";
import { checkState, initState, type ParameterSpec, type StateDict, type StateTensor } from "@renograde/nn";
import { noGrad } from "./autograd.js";
import { type Device, keep, op, type Tensor, tensor } from "./tensor.js";

/** Where and how the parameters are stored. */
export interface ParameterStoreOptions {
  /** Default float32; float64 is for checks of gradients. */
  readonly dtype?: "float32" | "float64";
  /** Default `"cpu"`. */
  readonly device?: Device;
  /** Kernels in the order that tensor cores read fastest, `[out, k, k, in]` in memory. Default false. */
  readonly channelsLast?: boolean;
}

/**
 * Parameters and buffers by name. They live outside every scope until {@link ParameterStore.dispose}; networks
 * reach them through {@link TorchBackend}, optimisers through {@link ParameterStore.trained}.
 */
export class ParameterStore {
  readonly specs: readonly ParameterSpec[];
  readonly dtype: "float32" | "float64";
  readonly device: Device;
  readonly #tensors = new Map<string, Tensor>();

  /**
   * @param specs - what the network declares
   * @param start - a seed for fresh values (spec/network.md §2), or the values
   * @throws DataError when the values are not exactly those declared
   */
  constructor(
    specs: readonly ParameterSpec[],
    start: number | StateDict,
    options: ParameterStoreOptions = {},
  ) {
    const state = typeof start === "number" ? initState(specs, start) : start;
    checkState(specs, state);
    this.specs = specs;
    this.dtype = options.dtype ?? "float32";
    this.device = options.device ?? "cpu";
    for (const { name, shape, role } of specs) {
      let values = tensor(state.get(name)!.data, shape, { dtype: this.dtype, device: this.device });
      if (options.channelsLast && shape.length === 4) {
        values = op("contiguous", [values], { memory_format: "channels_last" });
      }
      this.#tensors.set(name, keep(values.setRequiresGrad(role === "parameter")));
    }
  }

  /**
   * The tensor called `name`.
   *
   * @param shape - checked when given
   */
  get(name: string, shape?: readonly number[]): Tensor {
    const found = this.#tensors.get(name);
    if (found === undefined) throw new DataError(`${name}: the parameters hold no array of that name`);
    if (shape !== undefined && shape.join() !== found.shape.join()) {
      throw new ShapeError(
        `${name}: expected [${shape.join(", ")}], the parameters hold [${found.shape.join(", ")}]`,
      );
    }
    return found;
  }

  /** Parameters that receive gradients now, by name, in declaration order. */
  trained(): Map<string, Tensor> {
    const names = this.specs.filter((spec) => spec.role === "parameter").map((spec) => spec.name);
    const pairs = names.map((name): [string, Tensor] => [name, this.get(name)]);
    return new Map(pairs.filter(([, value]) => value.requiresGrad));
  }

  /** Decides for every parameter whether it is trained; gradients of frozen ones are dropped. Buffers never are. */
  setTrained(accept: (name: string) => boolean): void {
    for (const { name, role } of this.specs) {
      if (role !== "parameter") continue;
      const trained = accept(name);
      const value = this.get(name).setRequiresGrad(trained);
      if (!trained) value.setGrad(null);
    }
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const { name, role } of this.specs) if (role === "parameter") this.get(name).setGrad(null);
  }

  /** Copies of all values, in declaration order, exact in the store's element type. */
  state(): Map<string, StateTensor> {
    const copy = (value: Tensor) =>
      this.dtype === "float32" ? value.toFloat32Array() : value.toFloat64Array();
    return new Map(
      this.specs.map(({ name, shape }) => [name, { shape: [...shape], data: copy(this.get(name)) }]),
    );
  }

  /**
   * Overwrites all values in place.
   *
   * @param what - named in messages, such as a file name
   * @throws DataError when the state is not exactly what the network declares
   */
  load(state: StateDict, what?: string): void {
    checkState(this.specs, state, what);
    noGrad(() => {
      for (const { name } of this.specs) this.get(name).write(state.get(name)!.data);
    });
  }

  /** Frees the tensors; the store cannot be used any more. */
  dispose(): void {
    for (const value of this.#tensors.values()) value.dispose();
    this.#tensors.clear();
  }
}
