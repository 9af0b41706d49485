/**
 * The stain normalisation a model was trained with.
 *
 * @module
 */
import { createStainNormalizer, type StainNormalizer } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";

/**
 * The normalisation of a model's training images, which images to be graded get unless something else is asked for; null
 * where there was none, or where its reference is an image that the model does not hold.
 */
export function modelStainNorm({ stainNorm }: Pick<ModelMetadata, "stainNorm">): StainNormalizer | null {
  return stainNorm?.target === null ? createStainNormalizer(stainNorm.method) : null;
}
