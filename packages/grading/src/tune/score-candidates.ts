/**
 * Scores of one image under many constants of post-processing.
 *
 * @module
 */
import {
  aggregatedJaccard,
  type ClassScheme,
  computeOverlap,
  countMatches,
  DEFAULT_METRIC_OPTIONS,
  diceCoefficient,
  type LabelMap,
  type NetworkMaps,
  nanMean,
  type PostOptions,
  panopticScores,
  removeSmall,
  segmentNuclei,
  type TypedLabels,
  voteTypes,
  Workspace,
} from "@renograde/core";
import { resampleLabels } from "@renograde/slides";

/** Scores that `tune` can make large, as in spec/metrics.md §1, §2, §4, §5. */
export const TUNE_SCORES = ["pq", "aPQ", "aji", "dice"] as const;

/** A score of {@link TUNE_SCORES}. */
export type TuneScore = (typeof TUNE_SCORES)[number];

/** One image with what the network made of it. */
export interface TuneSample {
  /** Channels in the order of post-processing (`orderMaps`). */
  readonly maps: NetworkMaps;
  /** At the image's own size, which may differ from the maps'. */
  readonly truth: TypedLabels;
}

/** Values a score has per image: aPQ one per class, the others one. */
export function scoreColumns(score: TuneScore, classes: ClassScheme): number {
  return score === "aPQ" ? classes.classes.length : 1;
}

/** Methods that remove small nuclei last, so that one segmentation serves every `minArea` (§3 step 9, §8). */
const AREA_LAST: readonly PostOptions["method"][] = ["watershed", "detections"];

/**
 * Scores an image under every candidate.
 *
 * @returns `[candidates, columns]`; NaN where the image does not define the score
 * @throws ShapeError, DataError when maps or truth are impossible
 */
export function scoreCandidates(
  sample: TuneSample,
  classes: ClassScheme,
  score: TuneScore,
  candidates: readonly PostOptions[],
): Float64Array {
  const columns = scoreColumns(score, classes);
  const values = new Float64Array(candidates.length * columns);
  const workspace = new Workspace();
  let cached: { readonly key: string; readonly labels: LabelMap } | undefined;
  const segment = (post: PostOptions): LabelMap => {
    if (!AREA_LAST.includes(post.method)) return segmentNuclei(sample.maps, classes, post, workspace).labels;
    const all = { ...post, minArea: 0 };
    const key = JSON.stringify(all);
    if (cached?.key !== key) {
      cached = { key, labels: segmentNuclei(sample.maps, classes, all, workspace).labels };
    }
    return removeSmall(cached.labels, post.minArea, workspace);
  };
  for (const [i, post] of candidates.entries()) {
    const labels = segment(post);
    values.set(scoreOne(sample, labels, classes, score, post), i * columns);
  }
  return values;
}

function scoreOne(
  { maps, truth }: TuneSample,
  segmented: LabelMap,
  classes: ClassScheme,
  score: TuneScore,
  post: PostOptions,
): number[] {
  const { width, height } = truth.labels;
  const overlap = computeOverlap(truth.labels, resampleLabels(segmented, width, height));
  if (score === "dice") return [diceCoefficient(overlap)];
  if (score === "aji") return [aggregatedJaccard(overlap)];
  const { iouThreshold, eps } = DEFAULT_METRIC_OPTIONS;
  if (score === "pq") return [panopticScores(countMatches(overlap, iouThreshold), eps).pq];
  const { types } = voteTypes(segmented, maps, post);
  const truthTypes = Uint8Array.from(overlap.truth.ids, (id) => truth.types.get(id) ?? 0);
  const predictionTypes = Uint8Array.from(overlap.prediction.ids, (id) => types[id]!);
  return classes.classes.map((_, index) => {
    const type = index + 1;
    if (!truthTypes.includes(type)) return Number.NaN;
    return panopticScores(countMatches(overlap, iouThreshold, { truthTypes, predictionTypes, type }), eps).pq;
  });
}

/**
 * The score of a set: mean over images of each column, then mean over columns, each over what is defined.
 *
 * @param rows - columns of each image of the set
 */
export function setScore(rows: readonly Float64Array[]): number {
  const columns = rows[0]?.length ?? 0;
  return nanMean(Array.from({ length: columns }, (_, column) => nanMean(rows.map((row) => row[column]!))));
}
