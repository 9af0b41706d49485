/**
 * How the values of each target are made from the labels of a sample; see `TargetName` of the nn package for what
 * they mean (spec/training.md §2 to §4).
 *
 * @module
 */
import { borderWeights, type ClassScheme, instancePixelDistances, type SampleLabels } from "@renograde/core";
import type { TargetName } from "@renograde/nn";
import { writeOffsets } from "./offsets.js";

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

/** Copies the centre of a map of side `crop`. */
export function writeCentre(
  into: TargetArray,
  from: TargetArray,
  { crop, output }: Pick<PreparedSample, "crop" | "output">,
): void {
  const inset = (crop - output) / 2;
  for (let y = 0; y < output; y++) {
    const start = (y + inset) * crop + inset;
    into.set(from.subarray(start, start + output), y * output);
  }
}

/** Writes the classes at the centre, looked up in a table. */
function writeMerged(into: Uint8Array, sample: PreparedSample, table: Uint8Array): void {
  const { crop, output, labels } = sample;
  const from = labels.classes.data;
  const inset = (crop - output) / 2;
  for (let y = 0, to = 0; y < output; y++) {
    const start = (y + inset) * crop + inset;
    for (let at = start; at < start + output; at++, to++) into[to] = table[from[at]!]!;
  }
}

/** Writes the distances at the centre as shares of 255. */
function writeDistances(into: Float32Array, { crop, output, labels }: PreparedSample): void {
  const from = labels.distances.data;
  const inset = (crop - output) / 2;
  for (let y = 0, to = 0; y < output; y++) {
    const start = (y + inset) * crop + inset;
    for (let at = start; at < start + output; at++, to++) into[to] = from[at]! / 255;
  }
}

/** A map of class ids merged by a table that depends on the scheme. */
function mergedClasses(merge: (scheme: ClassScheme) => readonly number[]): TargetKind {
  return {
    element: "uint8",
    shape: (n, side) => [n, side, side],
    write: (into, sample, scheme) => writeMerged(into as Uint8Array, sample, Uint8Array.from(merge(scheme))),
  };
}

/** Every target by name. */
export const TARGET_KINDS: Readonly<Record<TargetName, TargetKind>> = {
  classes: {
    element: "uint8",
    shape: (n, side) => [n, side, side],
    write: (into, sample) => writeCentre(into, sample.labels.classes.data, sample),
  },
  binary: mergedClasses((scheme) => [0, ...scheme.classes.map(() => 1)]),
  instances: {
    element: "int32",
    shape: (n, side) => [n, side, side],
    write: (into, sample) => writeCentre(into, sample.labels.instances.data, sample),
  },
  task1: mergedClasses((scheme) => scheme.tasks[0].merge),
  task2: mergedClasses((scheme) => scheme.tasks[1].merge),
  distance: {
    element: "float32",
    shape: (n, side) => [n, 1, side, side],
    write: (into, sample) => writeDistances(into as Float32Array, sample),
  },
  borderWeights: {
    element: "float32",
    shape: (n, side) => [n, 1, side, side],
    write: (into, sample) => writeCentre(into, borderWeights(sample.labels.instances).data, sample),
  },
  pixelDistance: {
    element: "float32",
    shape: (n, side) => [n, 1, side, side],
    write: (into, sample) => writeCentre(into, instancePixelDistances(sample.labels.instances).data, sample),
  },
  offsets: {
    element: "float32",
    shape: (n, side) => [n, 2, side, side],
    write: (into, sample) => writeOffsets(into as Float32Array, sample.labels.instances, sample.output),
  },
};
