/**
 * Gradients: recording on and off, and the backward pass.
 *
 * @module
 */
import { guarded, native } from "./native.js";
import { Tensor } from "./tensor.js";

/**
 * Adds the gradient of `loss` to {@link Tensor.grad} of every leaf that requires one, and frees the recorded graph.
 *
 * @param loss - one element, unless `seed` is given
 * @param options - `seed`: gradient of the loss itself, default 1; `retainGraph`: keep the graph for another pass
 * @throws EngineError when nothing was recorded
 */
export function backward(loss: Tensor, options: { seed?: Tensor; retainGraph?: boolean } = {}): void {
  const { seed, retainGraph = false } = options;
  guarded(() => native().backward(loss.handle, seed === undefined ? null : seed.handle, retainGraph));
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs`; {@link Tensor.grad} is not touched.
 *
 * @param options - `seeds`: gradients of the outputs, default 1 for outputs with one element
 * @returns one per input; null where the outputs do not depend on it
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { seeds?: readonly Tensor[]; retainGraph?: boolean } = {},
): (Tensor | null)[] {
  const { seeds, retainGraph = false } = options;
  const handles = (tensors: readonly Tensor[]) => tensors.map((t) => t.handle);
  const result = guarded(() =>
    native().grad(
      handles(outputs),
      handles(inputs),
      seeds === undefined ? null : handles(seeds),
      retainGraph,
    ),
  );
  return result.map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** Runs `fn`, which is synchronous, without recording for gradients. */
export function noGrad<R>(fn: () => R): R {
  const addon = native();
  const before = addon.gradEnabled(false);
  try {
    return fn();
  } finally {
    addon.gradEnabled(before);
  }
}
