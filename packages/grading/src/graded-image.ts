/**
 * The result of grading one image: all that exports and reports need.
 *
 * @module
 */
import type { ClassScheme, LabelMap, NetworkMaps, Nucleus, PostOptions } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";

/** Pixel size of an image, and why it is believed. */
export interface GradedPixelSize {
  /** Micrometres per pixel of the image. */
  readonly mpp: number;
  /** In words: `"--mpp option"`, `"TIFF resolution tags"`, `"assumed: the model's pixel size, none recorded"`. */
  readonly source: string;
  /** True when neither the user nor the file gave it and the model's was taken. */
  readonly assumed: boolean;
}

/** Where the time of one image went, in milliseconds. */
export interface GradingTiming {
  readonly resampleMs: number;
  readonly inferenceMs: number;
  readonly postprocessMs: number;
}

/** One graded image. Coordinates, label map and sizes are those of the input image. */
export interface GradedImage {
  readonly width: number;
  readonly height: number;
  readonly pixelSize: GradedPixelSize;
  /** Instances 1 … n without gaps, at the input's size. */
  readonly labels: LabelMap;
  /** One per instance, `nuclei[i].id === i + 1`. */
  readonly nuclei: readonly Nucleus[];
  /** Nuclei by type id; entry 0 counts those without a type. */
  readonly counts: readonly number[];
  /** What the types mean. */
  readonly classes: ClassScheme;
  /** What the model's file says; absent where maps were post-processed without their model. */
  readonly metadata?: ModelMetadata;
  /** The post-processing constants that were used: the model's with the caller's changes. */
  readonly post: PostOptions;
  /** Channels `[p0 … pK]`, then those of the method (`mapNames`), at the network's pixel size ({@link mapsMpp}). */
  readonly maps: NetworkMaps;
  /** Both task softmaxes at half the maps' resolution, where the model has them. */
  readonly tasks?: NetworkMaps;
  /** Micrometres per pixel of {@link maps}: the image's own where it was not resampled. */
  readonly mapsMpp: number;
  /** Stain normalisation of what the network saw, in words; absent where the image went in as it was. */
  readonly stainNorm?: string;
  readonly timing: GradingTiming;
}
