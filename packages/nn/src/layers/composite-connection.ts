/**
 * Composite connection: a coarser backbone map enters a finer stage of the lead network
 * (Liu et al. 2020, CBNet; spec/network.md §3.5).
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { convBn } from "./conv.js";
import type { Rewrite } from "./up-conv.js";

/** Channels and number of doublings of a composite connection. */
export interface CompositeSpec {
  readonly in: number;
  readonly out: number;
  /** up2 is applied this many times. */
  readonly ups: 1 | 2;
  /** ReLU at the end (`net.compositeRelu`). */
  readonly relu: boolean;
}

/**
 * CC(Cin→C, n): up2 n times, Conv 1/1, batch norm, ReLU. Any rewrite but "none" upsamples last, which gives
 * the same values with 4ⁿ times fewer multiplications.
 *
 * @param x `[N, in, h, w]`
 * @returns `[N, out, 2ⁿh, 2ⁿw]`, to be added to its destination
 */
export function compositeConnection<T>(F: Backend<T>, x: T, spec: CompositeSpec, rewrite: Rewrite): T {
  const factor = 2 ** spec.ups;
  const geometry = { in: spec.in, out: spec.out, kernel: 1 };
  const activate = (y: T): T => (spec.relu ? F.relu(y) : y);
  if (rewrite === "none") return activate(convBn(F, F.upsampleNearest(x, factor), geometry));
  const low = activate(convBn(F, x, geometry, { replication: factor * factor }));
  return F.upsampleNearest(low, factor);
}
