/**
 * Batches as the network reads them: images and targets in flat arrays (spec/training.md §2 to §4).
 *
 * @module
 */
import { type ClassScheme, prepareLabels } from "@renograde/core";
import type { Patch } from "./windows.js";

/** Arrays of one batch, filled again for every step. Class ids are bytes. */
export interface Batch {
  /** Patches it has room for. */
  readonly size: number;
  /** Side of the images. */
  readonly crop: number;
  /** Side of the targets, `crop − 6`. */
  readonly output: number;
  /** `[N, 3, crop, crop]`, RGB bytes; the network gets them divided by 255. */
  readonly images: Uint8Array;
  /** `[N, output, output]`, 0 = background. */
  readonly classes: Uint8Array;
  /** `[N, 1, output, output]`, integer / 255. */
  readonly distance: Float32Array;
}

/** Network inputs lose this many pixels (the valid 7×7 stem). */
export const CROP_RIM = 6;

/** Creates the arrays of a batch. */
export function createBatch(size: number, crop: number): Batch {
  const output = crop - CROP_RIM;
  return {
    size,
    crop,
    output,
    images: new Uint8Array(size * 3 * crop * crop),
    classes: new Uint8Array(size * output * output),
    distance: new Float32Array(size * output * output),
  };
}

/**
 * Writes one augmented crop into place `slot` of a batch: labels are prepared on the whole crop (mirrored copies
 * split, every nucleus eroded), then cut to the central output.
 */
export function writeSample(batch: Batch, slot: number, patch: Patch, erodeBoundary: number): void {
  const { crop, output } = batch;
  const plane = crop * crop;
  const imageAt = slot * 3 * plane;
  for (let i = 0; i < plane; i++) {
    batch.images[imageAt + i] = patch.rgb[i * 3]!;
    batch.images[imageAt + plane + i] = patch.rgb[i * 3 + 1]!;
    batch.images[imageAt + 2 * plane + i] = patch.rgb[i * 3 + 2]!;
  }
  const map = <A>(data: A) => ({ width: crop, height: crop, data });
  const labels = prepareLabels(
    { instances: map(patch.instances), classes: map(patch.classes), distances: map(patch.distance) },
    erodeBoundary,
  );
  const inset = CROP_RIM / 2;
  let to = slot * output * output;
  for (let y = 0; y < output; y++) {
    let from = (y + inset) * crop + inset;
    for (let x = 0; x < output; x++, from++, to++) {
      batch.classes[to] = labels.classes.data[from]!;
      batch.distance[to] = labels.distances.data[from]! / 255;
    }
  }
}

/** Byte tables by which a class map becomes the target of each branch (spec/network.md §10). */
export interface TargetTables {
  readonly binary: readonly number[];
  readonly task1: readonly number[];
  readonly task2: readonly number[];
}

/** The tables of a scheme: nucleus or not, and both tasks. */
export function targetTables(scheme: ClassScheme): TargetTables {
  return {
    binary: [0, ...scheme.classes.map(() => 1)],
    task1: scheme.tasks[0].merge,
    task2: scheme.tasks[1].merge,
  };
}
