/**
 * Weights, inputs and targets that need no file: the formulas of `fixtures/network/formula.py`.
 *
 * @module
 */
import { declareParameters, type Network, type StateDict } from "@renograde/nn";

/** Mean, mean of absolute values, and the value at a third of the length. */
export type Description = readonly [mean: number, meanAbs: number, sample: number];

/** `formula` of formula.py: FNV-1a of the name, then a murmur3 finaliser of hash + index; in [-1, 1). */
export function formula(name: string, count: number): Float64Array {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = hash + Math.imul(i, 2654435761);
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    values[i] = ((x ^ (x >>> 16)) >>> 0) / 2147483648 - 1;
  }
  return values;
}

/** `value` of formula.py: what parameter or buffer `name` holds. */
export function formulaValues(name: string, shape: readonly number[]): Float64Array {
  const [out = 1, cin = 1, ...kernel] = shape;
  const scale = Math.sqrt(6 / (kernel.reduce((a, b) => a * b, 1) * (out + cin)));
  const values = formula(
    name,
    shape.reduce((a, b) => a * b, 1),
  );
  if (name.endsWith("running_var")) return values.map((v) => 1 + 0.5 * v);
  if (name.endsWith("running_mean") || name.endsWith("bias")) return values.map((v) => 0.1 * v);
  return values.map(shape.length === 1 ? (v) => 1 + 0.2 * v : (v) => v * scale);
}

/** The state of a network whose arrays are {@link formulaValues} of their own names. */
export function formulaState(network: Network): StateDict {
  return new Map(
    declareParameters(network).map(({ name, shape }) => [name, { shape, data: formulaValues(name, shape) }]),
  );
}

/** `describe` of formula.py. */
export function describeValues(values: ArrayLike<number>): Description {
  let sum = 0;
  let abs = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    abs += Math.abs(values[i]!);
  }
  return [sum / values.length, abs / values.length, values[Math.floor(values.length / 3)]!];
}
