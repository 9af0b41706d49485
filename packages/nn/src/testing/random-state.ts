/**
 * States for tests: no parameter at a value that hides mistakes. A fresh network starts with γ = 0 in every second
 * batch norm and, by default, zero GC outputs, so that half of it has no effect.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import type { ParameterSpec } from "../backend.js";
import { initState, type StateTensor } from "../state.js";

/** Xavier weights, scales around 1, shifts around 0, variances around 1; float64 values rounded to float32. */
export function randomState(specs: readonly ParameterSpec[], seed: number): Map<string, StateTensor> {
  const weights = initState(
    specs.map(
      (spec): ParameterSpec => (spec.shape.length === 4 ? { ...spec, init: { kind: "xavier" } } : spec),
    ),
    seed,
  );
  const state = new Map<string, StateTensor>();
  for (const [name, { shape, data }] of weights) {
    const random = createRandom(seed, "test", name);
    const positive = shape.length === 1 && /(weight|running_var)$/.test(name);
    const values =
      shape.length === 4
        ? data
        : Float32Array.from(data, () => (positive ? random.uniform(0.5, 1.5) : random.uniform(-0.3, 0.3)));
    state.set(name, { shape, data: Float64Array.from(values) });
  }
  return state;
}

/** A smooth, non-repeating image `[N, 3, height, width]` in 0…1, float32 values. */
export function randomImage(dims: readonly number[], seed: number): Float64Array {
  const random = createRandom(seed, "image");
  return Float64Array.from({ length: dims.reduce((p, v) => p * v, 1) }, () => Math.fround(random.next()));
}

/** Largest absolute difference; Infinity when the lengths differ. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= max)) max = difference;
  }
  return max;
}
