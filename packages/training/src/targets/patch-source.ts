/**
 * The patches of one set of images, by number: prepares each image once (distance map, shared memory), keeps as
 * many as fit, and fills batches (spec/training.md §3 to §5).
 *
 * @module
 */
import { instanceDistanceBytes } from "@renograde/core";
import { augmentedCrop, sampleRandom } from "../augmentation/augment.js";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset, LabelledImage } from "../datasets/dataset.js";
import { type Batch, writeSample } from "./batch.js";
import { type PatchWindow, type PreparedImage, planWindows } from "./windows.js";

/** The settings of `data` and `aug` that decide what a sample looks like. */
export type SampleOptions = Pick<TrainConfig, "data" | "aug">;

/** Which variation of a sample is wanted; null = validation, none. */
export type Variation = { readonly seed: number; readonly epoch: number } | null;

/** Numbered patches. */
export interface PatchSource {
  /** Number of patches. */
  readonly length: number;
  /** Name of the image a patch is from, with the window, for messages. */
  describe(sample: number): string;
  /** Reads and varies the samples and writes them into the first places of `batch`. */
  fill(batch: Batch, samples: ArrayLike<number>, variation: Variation): Promise<void>;
}

/** Memory other threads can read without copying. */
function shared<A extends Uint8Array | Int32Array>(type: new (buffer: SharedArrayBuffer) => A, from: A): A {
  const copy = new type(new SharedArrayBuffer(from.byteLength));
  copy.set(from);
  return copy;
}

/** Computes what training needs of an image beyond its labels. */
export function prepareImage(image: LabelledImage, data: TrainConfig["data"]): PreparedImage {
  const distance = instanceDistanceBytes(image.instances, {
    norm: data.distanceNorm,
    metric: data.distanceMetric,
  });
  return {
    name: image.name,
    width: image.image.width,
    height: image.image.height,
    rgb: shared<Uint8Array>(Uint8Array, image.image.data),
    instances: shared<Int32Array>(Int32Array, image.instances.data),
    classes: shared<Uint8Array>(Uint8Array, image.classes.data),
    distance: shared<Uint8Array>(Uint8Array, distance.data),
  };
}

const BYTES_PER_PIXEL = 3 + 4 + 1 + 1;

/**
 * Opens the patches of `images` of a dataset. Every image is read once here, so that broken files are known before
 * training starts.
 *
 * @param images - indices into `dataset.entries`
 * @param onWarning - receives what the checks of an image found
 */
export async function openPatchSource(
  dataset: Dataset,
  images: readonly number[],
  options: SampleOptions,
  hooks: {
    readonly onImage?: (done: number, total: number) => void;
    readonly onWarning?: (message: string) => void;
    readonly throwIfAborted?: () => void;
  } = {},
): Promise<PatchSource> {
  const { data, aug } = options;
  const cache = new Map<number, PreparedImage>();
  let freeBytes = data.cacheMiB * 2 ** 20;
  const patches: { image: number; at: PatchWindow }[] = [];

  function remember(index: number, image: PreparedImage): void {
    const bytes = image.width * image.height * BYTES_PER_PIXEL;
    if (bytes > freeBytes) return;
    freeBytes -= bytes;
    cache.set(index, image);
  }

  async function get(index: number): Promise<PreparedImage> {
    return cache.get(index) ?? prepareImage(await dataset.load(index), data);
  }

  for (const [done, index] of images.entries()) {
    hooks.throwIfAborted?.();
    const labelled = await dataset.load(index);
    for (const warning of labelled.warnings) hooks.onWarning?.(warning);
    remember(index, prepareImage(labelled, data));
    const { width, height } = labelled.image;
    for (const at of planWindows(width, height, data.window, data.step)) patches.push({ image: index, at });
    hooks.onImage?.(done + 1, images.length);
  }

  return {
    length: patches.length,
    describe(sample) {
      const { image, at } = patches[sample]!;
      return `${dataset.entries[image]!.imagePath} (window at row ${at.top}, column ${at.left})`;
    },
    async fill(batch, samples, variation) {
      for (let slot = 0; slot < samples.length; slot++) {
        const sample = samples[slot]!;
        const { image, at } = patches[sample]!;
        const random = variation === null ? null : sampleRandom(variation.seed, variation.epoch, sample);
        const patch = augmentedCrop(await get(image), at, data, aug, random);
        writeSample(batch, slot, patch);
      }
    },
  };
}
