/**
 * Freezing the backbone in phase 1 of training (spec/network.md §13).
 *
 * @module
 */
import type { ParameterSpec } from "../backend.js";

/**
 * What stands still. `encoder`: every encoder parameter. `reference`: group0 … group3 as in the authors' code,
 * the stem keeps training through the identity path of group0 and the d1 skip connection.
 */
export type FreezeScope = "none" | "encoder" | "reference";

/** How a forward pass treats the frozen part. */
export interface FreezeOptions {
  readonly scope: FreezeScope;
  /** Batch norms whose γ, β are frozen: batch statistics with moving averages (default), or running statistics. */
  readonly bn?: "batch" | "running";
}

/** Nothing frozen: phase 2, and every network without phases. */
export const NOT_FROZEN: FreezeOptions = { scope: "none" };

/** True when the parameter called `name` must stay as it is under `scope`. */
export function isFrozen(name: string, scope: FreezeScope): boolean {
  if (scope === "none") return false;
  return name.startsWith(scope === "encoder" ? "encoder." : "encoder.group");
}

/** The trained parameters among `specs`, in order: no buffers, nothing frozen. */
export function trainableParameters(specs: readonly ParameterSpec[], scope: FreezeScope): ParameterSpec[] {
  return specs.filter((spec) => spec.role === "parameter" && !isFrozen(spec.name, scope));
}
