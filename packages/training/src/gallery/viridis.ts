/**
 * The perceptually even colour map of matplotlib (S. van der Walt and N. Smith, 2015, CC0).
 *
 * @module
 */
import type { Triple } from "@renograde/core";

/** Its colours at 0, 1/8 … 1. */
const STOPS: readonly Triple[] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** Colour of a value in 0 … 1, interpolated between nine colours of the map. */
export function viridis(value: number): Triple {
  const at = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const below = Math.min(STOPS.length - 2, Math.floor(at));
  const [low, high] = [STOPS[below]!, STOPS[below + 1]!];
  const mix = (c: 0 | 1 | 2): number => Math.round(low[c] + (high[c] - low[c]) * (at - below));
  return [mix(0), mix(1), mix(2)];
}
