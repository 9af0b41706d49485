/**
 * Which constants of post-processing are tried: a coarse grid per method, then ever finer steps around the best
 * (docs/users/tune.md).
 *
 * @module
 */
import type { InstanceMethod, PostOptions } from "@renograde/core";

/** Constants that are looked for. */
export type TunedOption = "h" | "threshold" | "minArea" | "dilate";

/** Values of the constants that a method has. */
export type TunedConstants = Readonly<Partial<Record<TunedOption, number>>>;

const AREAS = [0, 10, 20, 40, 80, 160];

/** First values of each constant that has a meaning in the method (spec/postprocessing.md §3, §4, §6, §7, §8). */
export const TUNE_GRIDS: Readonly<
  Record<InstanceMethod, Readonly<Partial<Record<TunedOption, readonly number[]>>>>
> = {
  watershed: {
    h: [10, 30, 60, 90, 120, 150, 180, 210],
    threshold: [2, 10, 25, 40, 60, 85, 127, 160],
    minArea: AREAS,
  },
  distance: { h: [0, 1, 2, 3, 5], threshold: [0, 1, 2, 3] },
  components: { minArea: AREAS, dilate: [0, 1, 2, 3] },
  "hover-net": { minArea: AREAS },
  detections: { threshold: [25, 51, 76, 102, 127, 153, 178, 204, 229], minArea: AREAS },
};

/** Constants that `tune` looks for with a method, in a fixed order. */
export function tunedOptions(method: InstanceMethod): TunedOption[] {
  return Object.keys(TUNE_GRIDS[method]) as TunedOption[];
}

/** The constants of a method out of all options. */
export function constantsOf(post: PostOptions): TunedConstants {
  return Object.fromEntries(tunedOptions(post.method).map((name) => [name, post[name]]));
}

/** All combinations, the first name slowest. */
function product(
  values: readonly (readonly [TunedOption, readonly number[]])[],
): Partial<Record<TunedOption, number>>[] {
  return values.reduce<Partial<Record<TunedOption, number>>[]>(
    (list, [name, choices]) => list.flatMap((item) => choices.map((value) => ({ ...item, [name]: value }))),
    [{}],
  );
}

/** The coarse grid of a method around constants that stay: all combinations. */
export function coarseCandidates(base: PostOptions): PostOptions[] {
  const values = tunedOptions(base.method).map((name) => [name, TUNE_GRIDS[base.method][name]!] as const);
  return product(values).map((constants) => ({ ...base, ...constants }));
}

/**
 * All combinations of the best values and the middles between each and the values tried next to it.
 *
 * @param tried - everything tried so far, `best` among it
 */
export function finerCandidates(best: PostOptions, tried: readonly PostOptions[]): PostOptions[] {
  const values = tunedOptions(best.method).map((name): readonly [TunedOption, number[]] => {
    const known = [...new Set(tried.map((post) => post[name]))].sort((a, b) => a - b);
    const at = known.indexOf(best[name]);
    const middles = [known[at - 1], known[at + 1]].map((next) =>
      next === undefined ? best[name] : Math.round((next + best[name]) / 2),
    );
    return [name, [...new Set([...middles, best[name]])].sort((a, b) => a - b)];
  });
  return product(values).map((constants) => ({ ...best, ...constants }));
}

/** How far constants are from others, in shares of their grid's range; decides between equal scores. */
export function constantsDistance(a: PostOptions, b: PostOptions): number {
  return tunedOptions(a.method).reduce((sum, name) => {
    const grid = TUNE_GRIDS[a.method][name]!;
    return sum + Math.abs(a[name] - b[name]) / (grid.at(-1)! - grid[0]!);
  }, 0);
}
