/**
 * From the metrics of images and seeds to a table's cells: means with 95 % intervals, over seeds and images
 * (spec/metrics.md §5).
 *
 * @module
 */
import {
  bootstrapIntervals,
  type ClassScheme,
  createRandom,
  type ImageMetrics,
  type Interval,
  summarize,
} from "@renograde/core";

/** Every score of a row. */
export interface RowScores {
  readonly dice: Interval;
  readonly aji: Interval;
  readonly ajiPlus: Interval;
  readonly pq: Interval;
  /** Mean over classes of {@link RowScores.classPq}: the paper's aPQ. */
  readonly apq: Interval;
  /** Mean over the images that have the class. */
  readonly classPq: readonly Interval[];
  /** The stored notebook's "mean PQ": over images of the mean over the classes present. */
  readonly mpqImage: Interval;
  /** From counts pooled over all images. */
  readonly pqPooled: Interval;
  readonly apqPooled: Interval;
  readonly classPqPooled: readonly Interval[];
}

const ROUNDS = 1000;

/** Statistics of one seed's images, in the order {@link toScores} reads. */
function statistics(images: readonly ImageMetrics[], scheme: ClassScheme): number[] {
  const mean = summarize(images, scheme);
  const pooled = summarize(images, scheme, { pooling: "pooled" });
  return [
    mean.dice,
    mean.aji,
    mean.ajiPlus,
    mean.pq,
    mean.apq,
    mean.mpqImage,
    pooled.pq,
    mean.apqPooled,
    ...mean.classPq,
    ...mean.pooledClassPq,
  ];
}

function toScores(intervals: readonly Interval[], classes: number): RowScores {
  const [dice, aji, ajiPlus, pq, apq, mpqImage, pqPooled, apqPooled, ...perClass] = intervals;
  return {
    dice: dice!,
    aji: aji!,
    ajiPlus: ajiPlus!,
    pq: pq!,
    apq: apq!,
    mpqImage: mpqImage!,
    pqPooled: pqPooled!,
    apqPooled: apqPooled!,
    classPq: perClass.slice(0, classes),
    classPqPooled: perClass.slice(classes, 2 * classes),
  };
}

/**
 * Mean over seeds of every score. The interval resamples the test images and, where there are several, the seeds.
 *
 * @param runs - metrics per seed; every seed has the same images in the same order
 */
export function summariseRow(
  runs: readonly (readonly ImageMetrics[])[],
  scheme: ClassScheme,
  seed: number,
): RowScores {
  const random = createRandom(seed, "table");
  let first = true;
  const statistic = (draw: Int32Array): number[] => {
    const chosen = first ? runs : runs.map(() => runs[random.int(0, runs.length - 1)]!);
    first = false;
    const each = chosen.map((images) =>
      statistics(
        Array.from(draw, (i) => images[i]!),
        scheme,
      ),
    );
    return each[0]!.map((_, k) => each.reduce((sum, values) => sum + values[k]!, 0) / each.length);
  };
  const count = runs[0]?.length ?? 0;
  return toScores(bootstrapIntervals(count, statistic, random, { rounds: ROUNDS }), scheme.classes.length);
}
