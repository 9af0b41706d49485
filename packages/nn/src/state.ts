/**
 * State dictionaries: the values of a network's parameters and buffers by name.
 *
 * @module
 */
import { createRandom, DataError, listSome } from "@renograde/core";
import type { ParameterSpec } from "./backend.js";
import { elements } from "./shape/rules.js";

/** One array of a state dictionary, row-major. */
export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** Arrays by dotted name (spec/network.md §15). */
export type StateDict = ReadonlyMap<string, StateTensor>;

/**
 * The values a fresh network starts with. Every array has a random stream of its own, keyed by seed and name,
 * so that an option that adds parameters leaves the others as they were.
 *
 * @returns float32 arrays in declaration order; the same on every machine
 */
export function initState(specs: readonly ParameterSpec[], seed: number): Map<string, StateTensor> {
  return new Map(specs.map((spec) => [spec.name, { shape: spec.shape, data: initialValues(spec, seed) }]));
}

function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const data = new Float32Array(elements(spec.shape));
  if (spec.init.kind === "constant") return data.fill(spec.init.value);
  if (spec.init.kind === "values") {
    if (spec.init.values.length !== data.length) {
      throw new DataError(
        `${spec.name}: ${data.length} initial values expected, received ${spec.init.values.length}`,
      );
    }
    data.set(spec.init.values);
    return data;
  }
  const [out = 1, cin = 1, ...kernel] = spec.shape;
  const random = createRandom(seed, "init", spec.name);
  if (spec.init.kind === "normal") {
    const { fan, gain, truncated = false } = spec.init;
    const deviation = Math.sqrt(gain / (elements(kernel) * (fan === "in" ? cin : out)));
    for (let i = 0; i < data.length; i++) {
      let z = random.normal();
      while (truncated && Math.abs(z) > 2) z = random.normal();
      data[i] = z * deviation;
    }
    return data;
  }
  const limit = Math.sqrt(6 / (elements(kernel) * (cin + out)));
  for (let i = 0; i < data.length; i++) data[i] = random.uniform(-limit, limit);
  return data;
}

/**
 * Checks that a state has exactly the declared arrays.
 *
 * @param what named in the message, such as a file name
 * @throws DataError naming the first arrays that are missing, left over or of another shape
 */
export function checkState(specs: readonly ParameterSpec[], state: StateDict, what = "state"): void {
  const declared = new Map(specs.map((spec) => [spec.name, spec]));
  const problems = specs.filter((spec) => !state.has(spec.name)).map((spec) => `"${spec.name}" is missing`);
  for (const [name, tensor] of state) {
    const spec = declared.get(name);
    if (!spec) problems.push(`"${name}" does not belong to the network`);
    else if (spec.shape.join() !== tensor.shape.join() || tensor.data.length !== elements(spec.shape)) {
      problems.push(
        `"${name}" should be [${spec.shape.join(", ")}] but is [${tensor.shape.join(", ")}] with ${tensor.data.length} values`,
      );
    }
  }
  if (problems.length === 0) return;
  throw new DataError(`${what}: ${listSome(problems, 4, "; ")}`);
}
