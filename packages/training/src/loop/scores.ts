/**
 * Validation scores pooled over all pixels of the set (spec/training.md §9).
 *
 * @module
 */
import { mapChannels } from "@renograde/formats";
import type { Network, TargetName } from "@renograde/nn";
import type { QualityScores } from "./quality.js";

/** Scores of one validation. */
export interface ValidationScores {
  /** 2|A∩B|/(|A|+|B|) with A = nucleus probability > 0.5, B = class > 0. */
  readonly validDice: number;
  /** The same per class, with the arg-max of the class probabilities; in the scheme's order. */
  readonly validDicePerClass: readonly number[];
  /** Mean of {@link validDicePerClass}. */
  readonly validMeanDice: number;
  /** Mean absolute error of the distance against its target; null for networks without a distance map. */
  readonly validMae: number | null;
  /** Mean squared error of a distance in pixels (DIST). */
  readonly validMse?: number;
  /** Where `train.evalPq` asked for it. */
  readonly quality?: QualityScores;
}

/** Where a network's maps hold what scores need. */
export interface MapLayout {
  readonly channels: number;
  /** Class probabilities, background first, are the first channels; this many without background. */
  readonly classCount: number;
  /** Channel of the nucleus probability; null: the sum of the classes. */
  readonly nucleus: number | null;
  /** Channel compared with the target of {@link distanceTarget}; null where the network has none. */
  readonly distance: number | null;
  /** The distance is in pixels: its squared error counts, too. Default false. */
  readonly inPixels?: boolean;
}

/** The target that a network's distance is compared with. */
export function distanceTarget({ targets }: Pick<Network, "targets">): TargetName | null {
  return targets.find((name) => name === "distance" || name === "pixelDistance") ?? null;
}

/** The layout of a network's `maps`, or of those its detections are painted into. */
export function mapLayout(network: Pick<Network, "outputs" | "options" | "targets">): MapLayout {
  const channels = mapChannels(network.outputs) ?? [];
  const find = (kind: string): number | null => {
    const at = channels.findIndex((channel) => channel.kind === kind);
    return at < 0 ? null : at;
  };
  return {
    channels: channels.length,
    classCount: network.options.classes.classes.length,
    nucleus: find("nucleus"),
    distance: distanceTarget(network) === null ? null : find("distance"),
    inPixels: distanceTarget(network) === "pixelDistance",
  };
}

/** Accumulates scores over batches. */
export interface ScoreKeeper {
  /**
   * Adds network maps `[N, channels, H, W]` with their targets.
   *
   * @param classes - `[N, H, W]`
   * @param distance - `[N, 1, H, W]`; read where the layout has a distance
   * @param patches - how many of the N count; the rest is padding
   * @returns the nucleus Dice of each of these patches; 1 where there is no nucleus and none was found
   */
  add(maps: Float32Array, classes: ArrayLike<number>, distance: ArrayLike<number>, patches: number): number[];
  scores(): ValidationScores;
}

/**
 * Starts a count of pixels from which the validation scores are computed.
 *
 * @param side - H = W of the output
 */
export function createScoreKeeper(layout: MapLayout, side: number): ScoreKeeper {
  const pixels = side * side;
  const { channels, classCount } = layout;
  const both = new Float64Array(classCount + 1);
  const predicted = new Float64Array(classCount + 1);
  const actual = new Float64Array(classCount + 1);
  let error = 0;
  let squared = 0;
  let count = 0;
  return {
    add(maps, classes, distance, patches) {
      const patchDice: number[] = [];
      for (let n = 0; n < patches; n++) {
        const before = { both: both[0]!, sum: predicted[0]! + actual[0]! };
        const at = n * channels * pixels;
        const nucleusAt = layout.nucleus === null ? -1 : at + layout.nucleus * pixels;
        const distanceAt = layout.distance === null ? -1 : at + layout.distance * pixels;
        for (let i = 0; i < pixels; i++) {
          const truth = classes[n * pixels + i]!;
          let winner = 0;
          let highest = maps[at + i]!;
          for (let c = 1; c <= classCount; c++) {
            const p = maps[at + c * pixels + i]!;
            if (p > highest) {
              winner = c;
              highest = p;
            }
          }
          if (winner > 0) predicted[winner]!++;
          if (truth > 0) {
            actual[truth]!++;
            actual[0]!++;
            if (winner === truth) both[truth]!++;
          }
          const nucleus = nucleusAt < 0 ? 1 - maps[at + i]! : maps[nucleusAt + i]!;
          if (nucleus > 0.5) {
            predicted[0]!++;
            if (truth > 0) both[0]!++;
          }
          if (distanceAt >= 0) {
            const difference = maps[distanceAt + i]! - distance[n * pixels + i]!;
            error += Math.abs(difference);
            squared += difference * difference;
          }
        }
        const sum = predicted[0]! + actual[0]! - before.sum;
        patchDice.push(sum === 0 ? 1 : (2 * (both[0]! - before.both)) / sum);
      }
      count += patches * pixels;
      return patchDice;
    },
    scores() {
      const dice = (c: number) => (2 * both[c]!) / (predicted[c]! + actual[c]! + 1e-8);
      const perClass = Array.from({ length: classCount }, (_, i) => dice(i + 1));
      return {
        validDice: dice(0),
        validDicePerClass: perClass,
        validMeanDice: perClass.reduce((a, b) => a + b, 0) / classCount,
        validMae: layout.distance === null ? null : error / count,
        ...(layout.inPixels && { validMse: squared / count }),
      };
    },
  };
}

/**
 * The score that selects `best`: the highest, of `mse` the lowest ({@link isBetter}). `meanDice`: the mean Dice over
 * classes, or the nucleus Dice when there is one class only. `aPQ`: null where the validation did not measure it, or no
 * class occurs. `mse`: null where there is no distance in pixels.
 */
export function selectionScore(
  scores: ValidationScores,
  select: "meanDice" | "aPQ" | "mse" = "meanDice",
): { name: string; value: number } | null {
  if (select === "mse") {
    return scores.validMse === undefined ? null : { name: "valid_mse", value: scores.validMse };
  }
  if (select === "aPQ") {
    const value = scores.quality?.validApq ?? Number.NaN;
    return Number.isNaN(value) ? null : { name: "valid_apq", value };
  }
  return scores.validDicePerClass.length > 1
    ? { name: "valid_mean_dice", value: scores.validMeanDice }
    : { name: "valid_dice", value: scores.validDice };
}

/** Whether a score beats the best so far. */
export function isBetter(
  score: { readonly name: string; readonly value: number },
  best: { readonly value: number } | null,
): boolean {
  if (best === null) return true;
  return score.name === "valid_mse" ? score.value < best.value : score.value > best.value;
}

/** Scores under the names of spec/training.md §9, for logs and model files. */
export function namedScores(scores: ValidationScores): Record<string, number> {
  const result: Record<string, number> = { valid_dice: scores.validDice };
  for (const [i, value] of scores.validDicePerClass.entries()) result[`valid_dice_${i + 1}`] = value;
  result.valid_mean_dice = scores.validMeanDice;
  if (scores.validMae !== null) result.valid_mae = scores.validMae;
  if (scores.validMse !== undefined) result.valid_mse = scores.validMse;
  if (scores.quality !== undefined) {
    // JSON has no NaN; a set without nuclei has no quality.
    const { validPq, validApq } = scores.quality;
    if (!Number.isNaN(validPq)) result.valid_pq = validPq;
    if (!Number.isNaN(validApq)) result.valid_apq = validApq;
  }
  return result;
}
