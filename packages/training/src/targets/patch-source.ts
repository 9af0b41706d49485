/**
 * The patches of one set of images, by number: prepares each image once (distance map, shared memory), keeps as
 * many as fit, and fills batches (spec/training.md §3 to §5).
 *
 * @module
 */
import type { Dataset } from "../datasets/dataset.js";
import type { Batch } from "./batch.js";
import type { PreparedEntry, SampleOptions, Variation } from "./sample-maker.js";
import type { SamplePool } from "./sample-pool.js";
import { type PatchWindow, type PreparedImage, planWindows } from "./windows.js";

/** Numbered patches. */
export interface PatchSource {
  /** Number of patches. */
  readonly length: number;
  /** Batches worth filling ahead of their use: 0 when the main thread makes the samples. */
  readonly ahead: number;
  /** Name of the image a patch is from, with the window, for messages. */
  describe(sample: number): string;
  /** Makes the samples and writes them into the first places of `batch`. @throws the errors of `Dataset.load` */
  fill(batch: Batch, samples: ArrayLike<number>, variation: Variation): Promise<void>;
}

const BYTES_PER_PIXEL = 3 + 4 + 1 + 1;

/** Batches that are filled while one is in use. */
const BATCHES_AHEAD = 3;

/** Prepares images with a few under way at once, in their order. */
async function* prepareInOrder(
  images: readonly number[],
  pool: SamplePool,
): AsyncGenerator<PreparedEntry & { readonly index: number }> {
  const underWay: Promise<PreparedEntry>[] = [];
  for (const [at, index] of images.entries()) {
    while (underWay.length < Math.max(1, 2 * pool.workers) && at + underWay.length < images.length) {
      const entry = pool.prepare(images[at + underWay.length]!);
      // Nobody waits for it any more when an earlier one fails.
      entry.catch(() => undefined);
      underWay.push(entry);
    }
    yield { index, ...(await underWay.shift()!) };
  }
}

/**
 * Opens the patches of `images` of a dataset. Every image is read once here, so that broken files are known before
 * training starts.
 *
 * @param images - indices into `dataset.entries`
 * @param pool - makes the samples; opened with the same dataset and options, and closed by the caller
 * @param onWarning - receives what the checks of an image found
 */
export async function openPatchSource(
  dataset: Dataset,
  images: readonly number[],
  { data }: Pick<SampleOptions, "data">,
  pool: SamplePool,
  hooks: {
    readonly onImage?: (done: number, total: number) => void;
    readonly onWarning?: (message: string) => void;
    readonly throwIfAborted?: () => void;
  } = {},
): Promise<PatchSource> {
  const cache = new Map<number, PreparedImage>();
  let freeBytes = data.cacheMiB * 2 ** 20;
  const patches: { image: number; at: PatchWindow }[] = [];
  let done = 0;
  hooks.throwIfAborted?.();
  for await (const { index, image, warnings } of prepareInOrder(images, pool)) {
    hooks.throwIfAborted?.();
    for (const warning of warnings) hooks.onWarning?.(warning);
    const { width, height } = image;
    const bytes = width * height * BYTES_PER_PIXEL;
    if (bytes <= freeBytes) {
      freeBytes -= bytes;
      cache.set(index, image);
    }
    for (const at of planWindows(width, height, data.window, data.step)) patches.push({ image: index, at });
    hooks.onImage?.(++done, images.length);
  }

  return {
    length: patches.length,
    ahead: pool.workers === 0 ? 0 : BATCHES_AHEAD,
    describe(sample) {
      const { image, at } = patches[sample]!;
      return `${dataset.entries[image]!.imagePath} (window at row ${at.top}, column ${at.left})`;
    },
    async fill(batch, samples, variation) {
      await Promise.all(
        Array.from(samples, (sample, slot) => {
          const { image, at } = patches[sample]!;
          return pool.write({ batch, slot, sample, image: cache.get(image) ?? image, at, variation });
        }),
      );
    },
  };
}
