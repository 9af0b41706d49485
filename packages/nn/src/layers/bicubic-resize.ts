/**
 * Bicubic resizing as TensorFlow 1.12 does it, written as two products with constant matrices (spec/baselines.md §5).
 *
 * @module
 */
import type { Backend } from "../backend.js";

const A = -0.75;
const STEPS = 1024;

/** Weights of the pixel at distance `x` (below 1) and of the one after it (`x` + 1). */
function kernel(x: number): readonly [near: number, far: number] {
  const y = x + 1;
  return [((A + 2) * x - (A + 3)) * x * x + 1, ((A * y - 5 * A) * y + 8 * A) * y - 4 * A];
}

function roundToEven(x: number): number {
  const whole = Math.floor(x);
  return x - whole === 0.5 ? whole + (whole % 2) : Math.round(x);
}

/**
 * The matrix `[to, from]` of one axis: output i reads around i·from/to in float32 (corners not aligned, no half pixel),
 * the fraction rounded to 1/1024 (ties to even), A = −0.75; beyond the edge the edge pixel counts.
 */
export function bicubicMatrix(from: number, to: number): Float64Array {
  const matrix = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = Math.fround(i * Math.fround(from / to));
    const first = Math.floor(at);
    const step = roundToEven((at - first) * STEPS);
    const [near, before] = kernel(step / STEPS);
    const [after, farAfter] = kernel((STEPS - step) / STEPS);
    for (const [k, weight] of [before, near, after, farAfter].entries()) {
      const pixel = Math.min(from - 1, Math.max(0, first - 1 + k));
      matrix[i * from + pixel]! += weight;
    }
  }
  return matrix;
}

/** Resizes square maps: `[N, C, from, from]` to `[N, C, to, to]`. */
export function resizeBicubic<T>(F: Backend<T>, x: T, from: number, to: number): T {
  const rows = bicubicMatrix(from, to);
  const columns = Float64Array.from(
    { length: from * to },
    (_, i) => rows[(i % to) * from + Math.floor(i / to)]!,
  );
  return F.matmul(F.matmul(F.constant(rows, [to, from]), x), F.constant(columns, [from, to]));
}
