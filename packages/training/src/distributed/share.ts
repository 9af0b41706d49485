/**
 * Which patches of a batch a process computes.
 *
 * @module
 */

/** Bounds `[from, to)` of the contiguous share of rank `rank` when `count` patches go to `size` processes. */
export function shareOf(
  count: number,
  { rank, size }: { readonly rank: number; readonly size: number },
): { readonly from: number; readonly to: number } {
  return { from: Math.floor((rank * count) / size), to: Math.floor(((rank + 1) * count) / size) };
}
