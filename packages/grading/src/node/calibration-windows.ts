/**
 * Windows to calibrate a model on, cut from images as grading would cut them.
 *
 * @module
 */
import { type RgbImage, throwIfAborted, UsageError } from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { resample } from "@renograde/slides";
import { listInputs, readImage } from "@renograde/slides/node";
import { choosePixelSize, MPP_TOLERANCE } from "../grade-image.js";
import type { CalibrationInput } from "../quantize/calibrate.js";
import { extractWindow, planWindows } from "../window-plan.js";

/** What windows are cut from: files, folders of images, or images at the model's pixel size. */
export type CalibrationSource = readonly (string | RgbImage)[];

/** Windows unless told otherwise: ranges and means settle with far fewer pixels than these hold. */
export const DEFAULT_CALIBRATION_WINDOWS = 32;

/** Windows, and from how many images they are. */
export interface CalibrationWindows extends CalibrationInput {
  readonly images: number;
}

/**
 * Cuts up to `count` windows, spread evenly over the images and over each image. Files are brought to the model's
 * pixel size by the one they record; without one the model's is assumed. Same images, same windows.
 *
 * @throws UsageError when there are no images or `count` is impossible; FileAccessError, FileFormatError
 */
export async function cutCalibrationWindows(
  source: CalibrationSource,
  metadata: ModelMetadata,
  count: number = DEFAULT_CALIBRATION_WINDOWS,
  signal?: AbortSignal,
): Promise<CalibrationWindows> {
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError(`windows: expected a whole number of at least 1, received ${count}`);
  }
  if (source.length === 0) {
    throw new UsageError("calibration: no image was named; name at least one image or folder");
  }
  const paths = source.filter((item) => typeof item === "string");
  const files = paths.length > 0 ? await listInputs(paths) : [];
  const images = [...files.map((file) => file.path), ...source.filter((item) => typeof item !== "string")];
  const chosen = spread(images.length, count).map((i) => images[i]!);
  const windows: Float32Array[] = [];
  for (const [i, item] of chosen.entries()) {
    throwIfAborted(signal);
    const share = Math.ceil((count - windows.length) / (chosen.length - i));
    const image = typeof item === "string" ? await readAtModelSize(item, metadata) : item;
    const plan = planWindows(image.width, image.height, metadata);
    for (const k of spread(plan.rows * plan.columns, share)) {
      const window = new Float32Array(3 * plan.window ** 2);
      extractWindow(image, plan, k, metadata.inputScale, window, 0);
      windows.push(window);
    }
  }
  return { dims: [1, 3, metadata.window, metadata.window], windows, images: chosen.length };
}

/** Up to `count` of the positions 0 … length − 1, evenly spread. */
function spread(length: number, count: number): number[] {
  const n = Math.min(length, count);
  return Array.from({ length: n }, (_, i) => Math.floor(((i + 0.5) * length) / n));
}

async function readAtModelSize(path: string, metadata: ModelMetadata): Promise<RgbImage> {
  const { image, pixelSize } = await readImage(path);
  const factor = choosePixelSize(pixelSize, metadata.mpp).mpp / metadata.mpp;
  if (Math.abs(factor - 1) <= MPP_TOLERANCE) return image;
  const side = (length: number): number => Math.max(1, Math.round(length * factor));
  return resample(image, side(image.width), side(image.height));
}
