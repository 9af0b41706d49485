/**
 * Validation scores pooled over all pixels of the set (spec/training.md §9).
 *
 * @module
 */

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
}

/** Accumulates scores over batches. */
export interface ScoreKeeper {
  /**
   * Adds network maps `[N, K+2, H, W]` (class probabilities, nucleus probability, distance) with their targets.
   *
   * @param classes - `[N, H, W]`
   * @param distance - `[N, 1, H, W]`
   * @param patches - how many of the N count; the rest is padding
   */
  add(maps: Float32Array, classes: Uint8Array, distance: Float32Array, patches: number): void;
  scores(): ValidationScores;
}

/**
 * Starts a count of pixels from which the validation scores are computed.
 *
 * @param classCount - classes without background, K − 1
 * @param side - H = W of the output
 * @param hasDistance - whether the distance channel means something
 */
export function createScoreKeeper(classCount: number, side: number, hasDistance: boolean): ScoreKeeper {
  const pixels = side * side;
  const channels = classCount + 3;
  const both = new Float64Array(classCount + 1);
  const predicted = new Float64Array(classCount + 1);
  const actual = new Float64Array(classCount + 1);
  let error = 0;
  let count = 0;
  return {
    add(maps, classes, distance, patches) {
      for (let n = 0; n < patches; n++) {
        const at = n * channels * pixels;
        const nucleusAt = at + (classCount + 1) * pixels;
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
          if (maps[nucleusAt + i]! > 0.5) {
            predicted[0]!++;
            if (truth > 0) both[0]!++;
          }
          if (hasDistance) error += Math.abs(maps[nucleusAt + pixels + i]! - distance[n * pixels + i]!);
        }
      }
      count += patches * pixels;
    },
    scores() {
      const dice = (c: number) => (2 * both[c]!) / (predicted[c]! + actual[c]! + 1e-8);
      const perClass = Array.from({ length: classCount }, (_, i) => dice(i + 1));
      return {
        validDice: dice(0),
        validDicePerClass: perClass,
        validMeanDice: perClass.reduce((a, b) => a + b, 0) / classCount,
        validMae: hasDistance ? error / count : null,
      };
    },
  };
}

/** The score that selects `best`: the mean over classes, or the nucleus Dice when there is one class only. */
export function selectionScore(scores: ValidationScores): { name: string; value: number } {
  return scores.validDicePerClass.length > 1
    ? { name: "valid_mean_dice", value: scores.validMeanDice }
    : { name: "valid_dice", value: scores.validDice };
}

/** Scores under the names of spec/training.md §9, for logs and model files. */
export function namedScores(scores: ValidationScores): Record<string, number> {
  const result: Record<string, number> = { valid_dice: scores.validDice };
  for (const [i, value] of scores.validDicePerClass.entries()) result[`valid_dice_${i + 1}`] = value;
  result.valid_mean_dice = scores.validMeanDice;
  if (scores.validMae !== null) result.valid_mae = scores.validMae;
  return result;
}
