/**
 * The search for constants: deterministic, coarse to fine, with an honest account of what the gain is worth.
 *
 * @module
 */
import { bootstrapIntervals, createRandom, type Interval, type PostOptions } from "@renograde/core";
import { coarseCandidates, constantsDistance, finerCandidates } from "./candidates.js";
import { setScore } from "./score-candidates.js";

/** Rounds of refinement after the coarse grid: its steps end at about an eighth. */
const FINER_ROUNDS = 3;
/** Parts of the set for {@link TuneResult.heldOut}. */
const FOLDS = 5;

/** Candidates' scores: of each candidate the columns of each image. */
export type ScoreRows = readonly (readonly Float64Array[])[];

/** Result of {@link searchConstants}. */
export interface TuneResult {
  readonly best: PostOptions;
  /** Scores of the set with the constants the search began with, and with the best. */
  readonly before: number;
  readonly after: number;
  /** after − before with the 95 % interval over resampled images; flattered, because the same images chose. */
  readonly gain: Interval;
  /**
   * The gain on images that had no part in the choice: each fifth of the set scored with the constants that are best
   * on the others. Null for a single image.
   */
  readonly heldOut: Interval | null;
  /** Constants that were tried. */
  readonly candidates: number;
  /** Score of every image before and after; mean over classes for aPQ. */
  readonly images: readonly { readonly before: number; readonly after: number }[];
}

/**
 * Looks for the constants of best score.
 *
 * @param start - the constants now; they and `others` are always among the candidates
 * @param evaluate - scores candidates on every image
 */
export async function searchConstants(
  start: PostOptions,
  others: readonly PostOptions[],
  evaluate: (candidates: readonly PostOptions[]) => Promise<ScoreRows>,
): Promise<TuneResult> {
  const tried = new Map<string, { readonly post: PostOptions; readonly rows: readonly Float64Array[] }>();
  const keyOf = (post: PostOptions): string => JSON.stringify(Object.entries(post).sort());
  const tryOut = async (candidates: readonly PostOptions[]): Promise<number> => {
    const fresh = new Map(candidates.map((post) => [keyOf(post), post]));
    for (const key of tried.keys()) fresh.delete(key);
    const posts = [...fresh.values()];
    if (posts.length === 0) return 0;
    const rows = await evaluate(posts);
    for (const [i, post] of posts.entries()) tried.set(keyOf(post), { post, rows: rows[i]! });
    return posts.length;
  };
  /** The best of all tried on some images; of equal ones that nearest to `start`. */
  const bestOn = (images: readonly number[]) => {
    let best:
      | { entry: { post: PostOptions; rows: readonly Float64Array[] }; score: number; far: number }
      | undefined;
    for (const entry of tried.values()) {
      const score = setScore(images.map((i) => entry.rows[i]!));
      if (Number.isNaN(score)) continue;
      const far = constantsDistance(entry.post, start);
      if (!best || score > best.score || (score === best.score && far < best.far))
        best = { entry, score, far };
    }
    return best?.entry ?? tried.get(keyOf(start))!;
  };
  const posts = (): PostOptions[] => [...tried.values()].map((entry) => entry.post);

  await tryOut([start, ...others, ...coarseCandidates(start)]);
  const first = tried.get(keyOf(start))!;
  const all = [...first.rows.keys()];
  for (let round = 0; round < FINER_ROUNDS; round++) {
    if ((await tryOut(finerCandidates(bestOn(all).post, posts()))) === 0) break;
  }
  const best = bestOn(all);
  const gain = gainInterval(first.rows, best.rows);
  let heldOut: Interval | null = null;
  if (all.length > 1) {
    const folds = Math.min(FOLDS, all.length);
    const choices = Array.from({ length: folds }, (_, fold) => bestOn(all.filter((i) => i % folds !== fold)));
    heldOut = gainInterval(
      first.rows,
      all.map((i) => choices[i % folds]!.rows[i]!),
    );
  }
  return {
    best: best.post,
    before: setScore(first.rows),
    after: setScore(best.rows),
    gain,
    heldOut,
    candidates: tried.size,
    images: all.map((i) => ({ before: setScore([first.rows[i]!]), after: setScore([best.rows[i]!]) })),
  };
}

/** Score of `after` minus score of `before`, both on the same resampled images. */
function gainInterval(before: readonly Float64Array[], after: readonly Float64Array[]): Interval {
  const [interval] = bootstrapIntervals(
    before.length,
    (draw) => {
      const images = [...draw];
      return [setScore(images.map((i) => after[i]!)) - setScore(images.map((i) => before[i]!))];
    },
    createRandom("tune"),
  );
  return interval!;
}
