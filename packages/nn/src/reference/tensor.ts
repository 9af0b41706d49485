/**
 * Arrays of the reference interpreter.
 *
 * @module
 */
import { ShapeError } from "@renograde/core";
import { elements, formatDims } from "../shape/rules.js";

/** Element type results are rounded to; sums are always accumulated in float64. */
export type ReferenceType = "float64" | "float32";

/** A dense row-major array. */
export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float64Array | Float32Array;
}

/** An array of zeros. */
export function zeros(dims: readonly number[], type: ReferenceType = "float64"): Tensor {
  const n = elements(dims);
  return { dims, data: type === "float64" ? new Float64Array(n) : new Float32Array(n) };
}

/**
 * An array of the given values.
 *
 * @throws ShapeError when the number of values does not fit
 */
export function tensor(
  dims: readonly number[],
  values: ArrayLike<number>,
  type: ReferenceType = "float64",
): Tensor {
  if (values.length !== elements(dims)) {
    throw new ShapeError(
      `an array ${formatDims(dims)} needs ${elements(dims)} values, received ${values.length}`,
    );
  }
  return { dims, data: type === "float64" ? Float64Array.from(values) : Float32Array.from(values) };
}

/** Distance between neighbours along each axis, in elements. */
export function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length).fill(1);
  for (let i = dims.length - 2; i >= 0; i--) result[i] = result[i + 1]! * dims[i + 1]!;
  return result;
}
