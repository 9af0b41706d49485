/**
 * Random variation of training patches. The stream of random numbers belongs to (seed, epoch, sample), so a sample
 * comes out the same whatever the number of workers (spec/training.md §6, §10).
 *
 * @module
 */
import { createRandom, type Random } from "@renograde/core";
import { cutPatch, type Patch, type PatchWindow, type PreparedImage } from "../targets/windows.js";
import { affineMatrix, invertAffine } from "./affine.js";
import { gaussianBlur } from "./gaussian-blur.js";
import { addNoise } from "./gaussian-noise.js";
import { shiftHue } from "./hue.js";
import { medianBlur } from "./median-blur.js";
import { type AugmentationOptions, type ColourStep, drawAugmentation, type GeometricPlan } from "./plan.js";
import { jitterStains } from "./stain-jitter.js";
import { applySymmetry } from "./symmetry.js";
import { scaleContrast, scaleSaturation, shiftBrightness } from "./tone.js";
import { type Interpolation, warpCrop } from "./warp.js";

/** Side of the window that is cut from an image, and of the crop from its centre; the difference is even. */
export interface CropSizes {
  readonly window: number;
  readonly crop: number;
}

/** The random stream of one sample in one epoch. */
export function sampleRandom(seed: number, epoch: number, sample: number): Random {
  return createRandom(seed, "augment", epoch, sample);
}

function cutCentre(image: PreparedImage, at: PatchWindow, { window, crop }: CropSizes): Patch {
  const inset = (window - crop) / 2;
  return cutPatch(image, at.top + inset, at.left + inset, crop);
}

function applyGeometry(
  image: PreparedImage,
  at: PatchWindow,
  sizes: CropSizes,
  geometry: GeometricPlan,
  interpolation: Interpolation,
): Patch {
  if (geometry.kind === "symmetry") return applySymmetry(cutCentre(image, at, sizes), geometry.symmetry);
  const { parameters, mirrorX, mirrorY } = geometry;
  const inverse = invertAffine(affineMatrix(parameters, sizes.window));
  return warpCrop(image, at, { ...sizes, inverse, mirrorX, mirrorY, interpolation });
}

/**
 * The bytes of an RGB crop after one change; `random` is read by noise only.
 *
 * @param result - receives the bytes where no others are read for them: blurs and stains return fresh ones; may be `rgb`
 */
export function applyColour(
  rgb: Uint8Array,
  size: number,
  step: ColourStep,
  random: Random,
  result?: Uint8Array,
): Uint8Array {
  switch (step.kind) {
    case "stain":
      return jitterStains(rgb, step.jitter);
    case "gaussian-blur":
      return gaussianBlur(rgb, size, step.width, step.height);
    case "median-blur":
      return medianBlur(rgb, size, step.window);
    case "noise":
      return addNoise(rgb, random, result);
    case "hue":
      return shiftHue(rgb, step.shift, result);
    case "saturation":
      return scaleSaturation(rgb, step.factor, result);
    case "brightness":
      return shiftBrightness(rgb, step.shift, result);
    case "contrast":
      return scaleContrast(rgb, step.factor, result);
  }
}

/**
 * The varied `crop × crop` centre of a window.
 *
 * @param random - null for validation: the plain centre
 */
export function augmentedCrop(
  image: PreparedImage,
  at: PatchWindow,
  sizes: CropSizes,
  options: AugmentationOptions,
  random: Random | null,
): Patch {
  if (random === null) return cutCentre(image, at, sizes);
  const plan = drawAugmentation(options, sizes.window, random);
  const patch = applyGeometry(image, at, sizes, plan.geometry, options.imageInterp);
  let { rgb } = patch;
  for (const step of plan.colours) rgb = applyColour(rgb, patch.size, step, random, rgb);
  return { ...patch, rgb };
}
