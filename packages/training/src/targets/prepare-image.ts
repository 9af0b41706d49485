/**
 * What training needs of an image beyond its labels: normalised colours, distances, in memory that threads share.
 *
 * @module
 */
import {
  createStainNormalizer,
  instanceDistanceBytes,
  STAIN_NORM_SKIPPED,
  type StainNormalizer,
} from "@renograde/core";
import { readImage } from "@renograde/slides/node";
import type { TrainConfig } from "../config/schema.js";
import type { LabelledImage } from "../datasets/dataset.js";
import type { PreparedImage } from "./windows.js";

/** The normalisation of `data.stainNorm`. @throws DataError, FileAccessError, FileFormatError for the target */
export async function openStainNorm(data: TrainConfig["data"]): Promise<StainNormalizer | null> {
  if (data.stainNorm === "none") return null;
  if (data.stainTarget === null) return createStainNormalizer(data.stainNorm);
  const { image } = await readImage(data.stainTarget);
  return createStainNormalizer(data.stainNorm, { name: data.stainTarget, image });
}

/** Memory other threads can read without copying. */
function shared<A extends Uint8Array | Int32Array>(type: new (buffer: SharedArrayBuffer) => A, from: A): A {
  const copy = new type(new SharedArrayBuffer(from.byteLength));
  copy.set(from);
  return copy;
}

/**
 * Prepares an image.
 *
 * @returns the image, and what there is to tell about it beyond the warnings of its labels
 */
export function prepareImage(
  labelled: LabelledImage,
  data: TrainConfig["data"],
  stainNorm: StainNormalizer | null,
): { readonly image: PreparedImage; readonly warnings: readonly string[] } {
  const { norm, metric } = { norm: data.distanceNorm, metric: data.distanceMetric };
  const distance = instanceDistanceBytes(labelled.instances, { norm, metric });
  const normalized = stainNorm?.apply(labelled.image) ?? null;
  const skipped = stainNorm !== null && normalized === null;
  return {
    image: {
      name: labelled.name,
      width: labelled.image.width,
      height: labelled.image.height,
      rgb: shared<Uint8Array>(Uint8Array, (normalized ?? labelled.image).data),
      instances: shared<Int32Array>(Int32Array, labelled.instances.data),
      classes: shared<Uint8Array>(Uint8Array, labelled.classes.data),
      distance: shared<Uint8Array>(Uint8Array, distance.data),
    },
    warnings: skipped ? [`${labelled.name}: ${STAIN_NORM_SKIPPED}`] : [],
  };
}
