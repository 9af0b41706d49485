/**
 * How long steps and validations take, and with that how long a run will still take.
 *
 * @module
 */

const WINDOW = 50;

/** Times of the steps and validations of one session. */
export interface Pace {
  addStep(ms: number): void;
  addValidation(ms: number): void;
  /** Mean of the latest steps, ms; 0 before the first. */
  readonly stepMs: number;
  /** Milliseconds for the given work at the pace so far; validations are unknown before the first one. */
  remaining(steps: number, validations: number): number;
}

/** Starts with nothing measured. The first step is left out of the mean as soon as there is a second: it warms up. */
export function createPace(): Pace {
  const steps: number[] = [];
  let validationMs = 0;
  let validations = 0;
  const mean = () => (steps.length === 0 ? 0 : steps.reduce((a, b) => a + b, 0) / steps.length);
  let warm = false;
  return {
    addStep(ms) {
      if (!warm && steps.length === 1) {
        steps.length = 0;
        warm = true;
      }
      steps.push(ms);
      if (steps.length > WINDOW) steps.shift();
    },
    addValidation(ms) {
      validationMs += ms;
      validations++;
    },
    get stepMs() {
      return mean();
    },
    remaining(stepsLeft, validationsLeft) {
      const each = validations === 0 ? 0 : validationMs / validations;
      return stepsLeft * mean() + validationsLeft * each;
    },
  };
}
