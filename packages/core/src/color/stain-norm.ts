/**
 * Stain normalisation by name: the colours of an image are made those of a reference.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { RgbImage } from "../raster.js";
import { MACENKO_REFERENCE, type MacenkoProfile, measureMacenko, normalizeMacenko } from "./macenko.js";
import { measureReinhard, normalizeReinhard, REINHARD_REFERENCE, type ReinhardProfile } from "./reinhard.js";
import { LEAST_TISSUE } from "./tissue.js";

/** Methods of {@link createStainNormalizer}. */
export const STAIN_NORM_METHODS = ["macenko", "reinhard"] as const;
/** A method of stain normalisation. */
export type StainNormMethod = (typeof STAIN_NORM_METHODS)[number];

/** Normalises images to one reference. */
export interface StainNormalizer {
  readonly method: StainNormMethod;
  /** Method and reference in words, `macenko (built-in reference)`. */
  readonly description: string;
  /** The reference in numbers: what two normalisers of one method differ in. */
  readonly reference: MacenkoProfile | ReinhardProfile;
  /** The image in the reference's colours; null when too little tissue or a single stain leaves nothing to measure. */
  apply(image: RgbImage): RgbImage | null;
}

/** What to tell of an image that {@link StainNormalizer.apply} left alone. */
export const STAIN_NORM_SKIPPED = `less than ${100 * LEAST_TISSUE} % of it is stained tissue, or all of it has one colour; its colours are kept without stain normalisation`;

/**
 * Prepares a normalisation.
 *
 * @param target - image whose stains are the reference, with a name for messages; default: the method's published
 *   reference
 * @throws DataError when the target has too little tissue
 */
export function createStainNormalizer(
  method: StainNormMethod,
  target?: { readonly name: string; readonly image: RgbImage },
): StainNormalizer {
  const description = `${method} (${target?.name ?? "built-in reference"})`;
  const normalizer = <Profile extends MacenkoProfile | ReinhardProfile>(
    measure: (rgb: Uint8Array) => Profile | null,
    normalize: (rgb: Uint8Array, source: Profile, target: Profile) => Uint8Array,
    published: Profile,
  ): StainNormalizer => {
    const reference = target === undefined ? published : measure(target.image.data);
    if (reference === null) {
      throw new DataError(
        `${target?.name}: less than ${100 * LEAST_TISSUE} % of it is stained tissue, or all of it has one colour; choose another target for stain normalisation`,
      );
    }
    return {
      method,
      description,
      reference,
      apply({ width, height, data }) {
        const source = measure(data);
        return source === null ? null : { width, height, data: normalize(data, source, reference) };
      },
    };
  };
  return method === "macenko"
    ? normalizer(measureMacenko, normalizeMacenko, MACENKO_REFERENCE)
    : normalizer(measureReinhard, normalizeReinhard, REINHARD_REFERENCE);
}
