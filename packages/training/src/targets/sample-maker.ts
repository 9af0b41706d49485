/**
 * The work on one image and on one sample, the same in worker threads and in the main thread.
 *
 * @module
 */
import type { StainNormalizer } from "@renograde/core";
import { augmentedCrop, sampleRandom } from "../augmentation/augment.js";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset } from "../datasets/dataset.js";
import { type Batch, writeSample } from "./batch.js";
import { openStainNorm, prepareImage } from "./prepare-image.js";
import type { PatchWindow, PreparedImage } from "./windows.js";

/** The settings of `data` and `aug` that decide what a sample looks like. */
export type SampleOptions = Pick<TrainConfig, "data" | "aug">;

/** Which variation of a sample is wanted; null = validation, none. */
export type Variation = { readonly seed: number; readonly epoch: number } | null;

/** One sample to be made. Plain data on shared memory, so it can be posted to a thread. */
export interface SampleTask {
  /** Where it is written, and at which place. */
  readonly batch: Batch;
  readonly slot: number;
  /** Number of the sample, which with the variation decides its random stream. */
  readonly sample: number;
  /** The prepared image, or its number in the dataset when it has to be read. */
  readonly image: PreparedImage | number;
  readonly at: PatchWindow;
  readonly variation: Variation;
}

/** An image ready for training, with what there is to tell about it. */
export interface PreparedEntry {
  readonly image: PreparedImage;
  readonly warnings: readonly string[];
}

/** Prepares images and makes samples. */
export interface SampleMaker {
  /** Reads an image of the dataset. @throws the errors of `Dataset.load` */
  prepare(index: number): Promise<PreparedEntry>;
  /** Makes a sample and writes it into its batch. @throws as prepare, when the image has to be read */
  write(task: SampleTask): Promise<void>;
}

/** Creates a maker for one dataset. */
export function createSampleMaker(dataset: Dataset, { data, aug }: SampleOptions): SampleMaker {
  let stainNorm: Promise<StainNormalizer | null> | undefined;

  async function prepare(index: number): Promise<PreparedEntry> {
    stainNorm ??= openStainNorm(data);
    const labelled = await dataset.load(index);
    const { image, warnings } = prepareImage(labelled, data, await stainNorm);
    return { image, warnings: [...labelled.warnings, ...warnings] };
  }

  return {
    prepare,
    async write({ batch, slot, sample, image, at, variation }) {
      const prepared = typeof image === "number" ? (await prepare(image)).image : image;
      const random = variation === null ? null : sampleRandom(variation.seed, variation.epoch, sample);
      writeSample(batch, slot, augmentedCrop(prepared, at, data, aug, random));
    },
  };
}
