/**
 * Grading of one image in memory: pixel size, network, post-processing.
 *
 * @module
 */
import type { ClassScheme, NetworkMaps, PostOptions, RgbImage, StainNormalizer } from "@renograde/core";
import { DataError, RCC_CLASSES, UsageError } from "@renograde/core";
import { type ModelMetadata, mapChannels } from "@renograde/formats";
import { type PixelSize, resample } from "@renograde/slides";
import { assembleNuclei, orderMaps } from "./assemble-nuclei.js";
import type { GradedImage, GradedPixelSize } from "./graded-image.js";
import { type InferOptions, type InferredMaps, inferMaps } from "./infer.js";
import { modelStainNorm } from "./model-stain-norm.js";
import type { InferenceSession } from "./session.js";

/** Pixel sizes this close to the model's are taken as equal: scanners of one magnification differ by as much. */
export const MPP_TOLERANCE = 0.02;

/** Resampled images with more pixels are refused: 16,384 × 16,384, 7.5 GB of maps. */
const MAX_PIXELS = 268_435_456;

/** Options of {@link gradeImage}. */
export interface GradeOptions extends InferOptions {
  /** The image's pixel size; without it the model's is assumed and said so. */
  readonly pixelSize?: PixelSize;
  /** Changes to the model's post-processing constants. */
  readonly post?: Partial<PostOptions>;
  /**
   * Gives the network the image in other colours; results, pictures and densities stay those of the image itself.
   * Default {@link modelStainNorm}; null: none.
   */
  readonly stainNorm?: StainNormalizer | null;
}

/** What the network made of an image; the second half is {@link finishGrading}. */
export interface NetworkResult extends InferredMaps {
  readonly pixelSize: GradedPixelSize;
  readonly mapsMpp: number;
  /** Description of the normalisation; absent where none was asked for or the image has too little tissue. */
  readonly stainNorm?: string;
  readonly resampleMs: number;
  readonly inferenceMs: number;
}

/** Decides the pixel size of an image. @throws UsageError when it is not a positive number */
export function choosePixelSize(pixelSize: PixelSize | undefined, modelMpp: number): GradedPixelSize {
  if (!pixelSize) {
    return { mpp: modelMpp, source: "assumed: the model's pixel size, none recorded", assumed: true };
  }
  if (!(pixelSize.mpp > 0 && pixelSize.mpp < 1000)) {
    throw new UsageError(
      `mpp: expected micrometres per pixel such as 0.25, received ${pixelSize.mpp} (${pixelSize.source})`,
    );
  }
  return { mpp: pixelSize.mpp, source: pixelSize.source, assumed: false };
}

/**
 * Runs the network on an image, resampled to the model's pixel size where the two differ by more than 2 %.
 *
 * @throws UsageError, EngineError, DataError, InterruptedError
 */
export async function runNetwork(
  image: RgbImage,
  session: InferenceSession,
  metadata: ModelMetadata,
  options: GradeOptions = {},
): Promise<NetworkResult> {
  const pixelSize = choosePixelSize(options.pixelSize, metadata.mpp);
  const factor = pixelSize.mpp / metadata.mpp;
  const start = performance.now();
  const resized = Math.abs(factor - 1) > MPP_TOLERANCE;
  const width = resized ? scaledSide(image.width, factor) : image.width;
  const height = resized ? scaledSide(image.height, factor) : image.height;
  if (width * height > MAX_PIXELS) {
    throw new DataError(
      `at the model's ${metadata.mpp} µm per pixel the image has ${width} x ${height} px, more than ${MAX_PIXELS} pixels; cut it into pieces`,
    );
  }
  const stainNorm = options.stainNorm === undefined ? modelStainNorm(metadata) : options.stainNorm;
  const normalized = stainNorm?.apply(image) ?? null;
  const scaled = resample(normalized ?? image, width, height);
  const resampledAt = performance.now();
  const inferred = await inferMaps(scaled, session, metadata, options);
  return {
    ...inferred,
    pixelSize,
    mapsMpp: resized ? metadata.mpp : pixelSize.mpp,
    ...(normalized && stainNorm && { stainNorm: stainNorm.description }),
    resampleMs: resampledAt - start,
    inferenceMs: performance.now() - resampledAt,
  };
}

function scaledSide(side: number, factor: number): number {
  return Math.max(1, Math.round(side * factor));
}

/**
 * Post-processes what {@link runNetwork} returned, in the pixels of `image`.
 *
 * @throws ShapeError, DataError when the maps do not fit or hold NaN
 */
export function finishGrading(
  image: RgbImage,
  result: NetworkResult,
  metadata: ModelMetadata,
  post: Partial<PostOptions> = {},
): GradedImage {
  const start = performance.now();
  const channels = mapChannels(metadata.outputs);
  if (!channels) throw new DataError(`model "${metadata.name}" lists no output "maps" or "detections"`);
  const constants: PostOptions = { ...metadata.post, ...post };
  const maps = orderMaps(result.maps, channels, metadata.classes, constants.method);
  const { width, height } = image;
  const assembly = assembleNuclei({
    maps,
    ...(result.tasks && { tasks: result.tasks }),
    classes: metadata.classes,
    post: constants,
    size: { width, height },
    mpp: result.pixelSize.mpp,
    image,
  });
  return {
    width,
    height,
    pixelSize: result.pixelSize,
    ...assembly,
    classes: metadata.classes,
    metadata,
    post: constants,
    maps,
    ...(result.tasks && { tasks: result.tasks }),
    mapsMpp: result.mapsMpp,
    ...(result.stainNorm !== undefined && { stainNorm: result.stainNorm }),
    timing: {
      resampleMs: result.resampleMs,
      inferenceMs: result.inferenceMs,
      postprocessMs: performance.now() - start,
    },
  };
}

/**
 * Grades one image.
 *
 * @example
 * const { nuclei, counts } = await gradeImage(image, session, metadata, { pixelSize: { mpp: 0.5, source: "known" } });
 * @throws UsageError, EngineError, DataError, InterruptedError
 */
export async function gradeImage(
  image: RgbImage,
  session: InferenceSession,
  metadata: ModelMetadata,
  options: GradeOptions = {},
): Promise<GradedImage> {
  const result = await runNetwork(image, session, metadata, options);
  return finishGrading(image, result, metadata, options.post);
}

/** Options of {@link gradeMaps}. */
export interface GradeMapsOptions {
  readonly post: PostOptions;
  /** Pixel size of the maps, which is then also that of labels and nuclei. */
  readonly pixelSize: GradedPixelSize;
  /** Default {@link RCC_CLASSES}. */
  readonly classes?: ClassScheme;
  /** The image the maps were made from, for the haematoxylin density; same size as the maps. */
  readonly image?: RgbImage;
}

/**
 * Post-processes maps without their network (`renograde postprocess`).
 *
 * @param maps channels `[p0 … pK]`, then those of the method, from `parseMapsNpy`
 * @throws ShapeError, DataError when the maps do not fit the classes or hold NaN
 */
export function gradeMaps(maps: NetworkMaps, options: GradeMapsOptions): GradedImage {
  const start = performance.now();
  const { post, pixelSize, classes = RCC_CLASSES, image } = options;
  const assembly = assembleNuclei({ maps, classes, post, mpp: pixelSize.mpp, ...(image && { image }) });
  return {
    width: maps.width,
    height: maps.height,
    pixelSize,
    ...assembly,
    classes,
    post,
    maps,
    mapsMpp: pixelSize.mpp,
    timing: { resampleMs: 0, inferenceMs: 0, postprocessMs: performance.now() - start },
  };
}
