/**
 * Names and shapes of the targets that losses read; the training package makes their values
 * (spec/training.md §2 to §4, spec/baselines.md §3 to §7).
 *
 * @module
 */
import { UsageError } from "@renograde/core";

/**
 * A target array. H and W are the sides of the network's output.
 *
 * - `classes`: class ids of the scheme, 0 = background, `[N, H, W]`
 * - `binary`: 0 background, 1 nucleus, `[N, H, W]`
 * - `task1`, `task2`: ids of the two cross-category tasks, `[N, H, W]` (spec/network.md §10)
 * - `distance`: normalised distance in 0…1, `[N, 1, H, W]` (spec/training.md §3)
 * - `offsets`: horizontal then vertical offset from the nucleus' centre, −1…1, 0 outside, `[N, 2, H, W]`
 *   (spec/baselines.md §6)
 * - `borderWeights`: weights of pixels, high between close nuclei, `[N, 1, H, W]` (spec/baselines.md §3)
 * - `pixelDistance`: chessboard distance in px inside each nucleus, 0 outside, `[N, 1, H, W]` (spec/baselines.md §7)
 * - `instances`: numbers of the nuclei, 0 = background, `[N, H, W]`; read on the host (spec/baselines.md §4)
 */
export type TargetName =
  | "classes"
  | "binary"
  | "task1"
  | "task2"
  | "distance"
  | "offsets"
  | "borderWeights"
  | "pixelDistance"
  | "instances";

/** Targets of one batch, by name. */
export type Targets<T> = { readonly [Name in TargetName]?: T };

/** The target called `name`. @throws UsageError when it is missing */
export function requireTarget<T>(targets: Targets<T>, name: TargetName): T {
  const target = targets[name];
  if (target === undefined) {
    throw new UsageError(`targets.${name}: needed by this network's loss but not given`);
  }
  return target;
}

/** Ids of a task or of the binary branch for given class ids: `merge[id]` (spec/network.md §10). */
export function mergeClassIds(ids: ArrayLike<number>, merge: readonly number[]): Uint8Array {
  return Uint8Array.from(ids, (id) => merge[id]!);
}
