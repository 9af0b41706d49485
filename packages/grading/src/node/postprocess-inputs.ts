/**
 * Post-processing of kept maps without the network (`renograde postprocess`).
 *
 * @module
 */
import {
  type ClassScheme,
  DEFAULT_POST_OPTIONS,
  isRenogradeError,
  type PostOptions,
  RCC_CLASSES,
  throwIfAborted,
  UsageError,
} from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { listInputs, readFileBytes } from "@renograde/slides/node";
import { parseMapsNpy } from "../exports/maps-npy.js";
import { gradeMaps } from "../grade-image.js";
import type { GradedPixelSize } from "../graded-image.js";
import type { GradedFile, GradeSummary } from "./grade-inputs.js";
import { encodeOutputs, type ImageFormat, outputNames, writeOutputs } from "./write-outputs.js";

/** What is written for maps unless asked otherwise: everything that needs no image. */
export const DEFAULT_MAPS_FORMATS: readonly ImageFormat[] = ["json", "geojson", "csv", "mat"];

/** Pixel size of the published models, taken for maps of unknown pixel size. */
const DEFAULT_MPP = 0.25;

/** Options of {@link postprocessInputs}. */
export interface PostprocessInputsOptions {
  /** `.npy` files and folders of them, `[H, W, K + 2]` float32; with `post.method` hover-net `[H, W, K + 3]`. */
  readonly inputs: readonly string[];
  readonly outDir: string;
  /** The model that made the maps; what it says of classes, constants and pixel size is the default of the others. */
  readonly model?: Pick<ModelMetadata, "name" | "classes" | "post" | "mpp">;
  /** Micrometres per pixel of the maps; without it and without a model 0.25 is assumed and said so. */
  readonly mpp?: number;
  /** Default {@link DEFAULT_MAPS_FORMATS}; `overlay` is not possible without the image. */
  readonly formats?: readonly ImageFormat[];
  /** Changes to the model's constants, without one to {@link DEFAULT_POST_OPTIONS}. */
  readonly post?: Partial<PostOptions>;
  /** Default: the model's, without one {@link RCC_CLASSES}. */
  readonly classes?: ClassScheme;
  readonly signal?: AbortSignal;
  /** Called after every file with files done and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly onWarning?: (sentence: string) => void;
}

/** Kept maps have the pixels of their model, whatever the image had. */
function pixelSizeOf({ mpp, model }: Pick<PostprocessInputsOptions, "mpp" | "model">): GradedPixelSize {
  if (mpp !== undefined) return { mpp, source: "--mpp option", assumed: false };
  if (model !== undefined) return { mpp: model.mpp, source: `model ${model.name}`, assumed: false };
  return { mpp: DEFAULT_MPP, source: `assumed: ${DEFAULT_MPP} µm per pixel, none given`, assumed: true };
}

/**
 * Finds and types the nuclei of kept maps. Files that cannot be used are listed in `failures`, the others are done.
 * `tile.maps.npy` writes `tile.json`, ….
 *
 * @throws UsageError when two inputs would write one name or a format needs the image
 * @throws FileAccessError when outputs cannot be written
 * @throws InterruptedError when `signal` is aborted; finished files are kept
 */
export async function postprocessInputs(options: PostprocessInputsOptions): Promise<GradeSummary> {
  const formats = options.formats ?? DEFAULT_MAPS_FORMATS;
  if (formats.includes("overlay")) {
    throw new UsageError("format overlay needs the image, which maps do not hold; use renograde grade");
  }
  if (options.mpp !== undefined && !(options.mpp >= 0.01 && options.mpp <= 100)) {
    throw new UsageError(`mpp: expected micrometres per pixel from 0.01 to 100, received ${options.mpp}`);
  }
  const listed = await listInputs(options.inputs, { outDir: options.outDir, extensions: [".npy"] });
  const files = listed.map((file) => ({ ...file, stem: file.stem.replace(/\.maps$/, "") }));
  const twice = files.find((file, i) => files.findIndex((other) => other.stem === file.stem) < i);
  if (twice)
    throw new UsageError(`${twice.path}: another input would also write "${twice.stem}"; rename one`);
  const { model } = options;
  const classes = options.classes ?? model?.classes ?? RCC_CLASSES;
  const pixelSize = pixelSizeOf(options);
  if (pixelSize.assumed) {
    options.onWarning?.(
      `no pixel size given; the maps are taken at ${DEFAULT_MPP} µm per pixel; pass --mpp if that is wrong`,
    );
  }
  const post = { ...(model?.post ?? DEFAULT_POST_OPTIONS), ...options.post };
  const choice = { formats, maps: false };
  const images: GradedFile[] = [];
  const failures: GradeSummary["failures"][number][] = [];
  const counts = new Array<number>(classes.classes.length + 1).fill(0);
  for (const [index, { path, stem }] of files.entries()) {
    throwIfAborted(options.signal);
    let encoded: Map<string, Uint8Array | string> | undefined;
    try {
      const maps = parseMapsNpy(await readFileBytes(path), classes.classes.length, path, post.method);
      const graded = gradeMaps(maps, { post, pixelSize, classes });
      encoded = await encodeOutputs(stem, graded, undefined, choice);
      for (const [type, n] of graded.counts.entries()) counts[type]! += n;
      images.push({
        path,
        stem,
        resumed: false,
        pixelSize,
        counts: graded.counts,
        outputs: outputNames(stem, choice),
      });
    } catch (error) {
      if (!isRenogradeError(error) || error.exitCode === 2) throw error;
      const message = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
      failures.push({ name: stem, path, message });
    }
    if (encoded) await writeOutputs(options.outDir, encoded);
    options.onProgress?.(index + 1, files.length);
  }
  return { images, failures, counts, nuclei: counts.reduce((a, n) => a + n, 0) };
}
