/**
 * How the values of each target are made from the labels of a sample; see `TargetName` of the nn package for what
 * they mean (spec/training.md §2 to §4).
 *
 * @module
 */
import type { ClassScheme, SampleLabels } from "@renograde/core";
import type { TargetName } from "@renograde/nn";

/** Arrays a target may be stored in. */
export type TargetArray = Uint8Array | Int32Array | Float32Array;

/** Labels of a sample, prepared (parts split, boundaries eroded), on the whole crop. */
export interface PreparedSample {
  /** Maps of side `crop`. */
  readonly labels: SampleLabels;
  readonly crop: number;
  /** Side of the network's output, the centre of the crop. */
  readonly output: number;
}

/** One target: its storage and how a sample's values are written. */
export interface TargetKind {
  readonly element: "uint8" | "int32" | "float32";
  /** Shape for `n` samples of an output of `side` px. */
  shape(n: number, side: number): readonly number[];
  /** Writes one sample into its part of the batch. */
  write(into: TargetArray, sample: PreparedSample, scheme: ClassScheme): void;
}

/** Copies the centre of a map of side `crop` through `convert`. */
export function writeCentre(
  into: TargetArray,
  from: ArrayLike<number>,
  sample: Pick<PreparedSample, "crop" | "output">,
  convert: (value: number) => number = (value) => value,
): void {
  const { crop, output } = sample;
  const inset = (crop - output) / 2;
  for (let y = 0, to = 0; y < output; y++) {
    let at = (y + inset) * crop + inset;
    for (let x = 0; x < output; x++, at++, to++) into[to] = convert(from[at]!);
  }
}

/** A map of class ids merged by a table that depends on the scheme. */
function mergedClasses(table: (scheme: ClassScheme) => (id: number) => number): TargetKind {
  return {
    element: "uint8",
    shape: (n, side) => [n, side, side],
    write: (into, sample, scheme) => writeCentre(into, sample.labels.classes.data, sample, table(scheme)),
  };
}

function mergeTable(merge: readonly number[]): (id: number) => number {
  return (id) => merge[id]!;
}

/** Every target by name. */
export const TARGET_KINDS: Readonly<Record<TargetName, TargetKind>> = {
  classes: mergedClasses(() => (id) => id),
  binary: mergedClasses(() => (id) => (id > 0 ? 1 : 0)),
  task1: mergedClasses((scheme) => mergeTable(scheme.tasks[0].merge)),
  task2: mergedClasses((scheme) => mergeTable(scheme.tasks[1].merge)),
  distance: {
    element: "float32",
    shape: (n, side) => [n, 1, side, side],
    write: (into, sample) =>
      writeCentre(into, sample.labels.distances.data, sample, (value) => Math.fround(value / 255)),
  },
};
