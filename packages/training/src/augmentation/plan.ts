/**
 * What happens to one sample: the presets of spec/training.md §6 draw their parameters here, in a fixed order, before
 * any pixel is touched.
 *
 * @module
 */
import type { Random, Triple } from "@renograde/core";
import type { AffineParameters } from "./affine.js";
import type { BlurSide } from "./gaussian-blur.js";
import type { StainJitter } from "./stain-jitter.js";
import type { Symmetry } from "./symmetry.js";
import type { Interpolation } from "./warp.js";

/** `aug.preset`. */
export const AUGMENTATION_PRESETS = ["reference", "paper", "flip", "none"] as const;
/** `aug.preset`: everything of the published code, what the paper's text names, symmetries of the square, nothing. */
export type AugmentationPreset = (typeof AUGMENTATION_PRESETS)[number];

/** The options `aug`. */
export interface AugmentationOptions {
  readonly preset: AugmentationPreset;
  readonly imageInterp: Interpolation;
  /** Each stain's amount is multiplied by 1 ± this; 0 = not. */
  readonly stainScale: number;
  /** To each stain's amount ± this optical density is added; 0 = not. */
  readonly stainShift: number;
}

/** Movement of pixels, labels included. */
export type GeometricPlan =
  | { readonly kind: "symmetry"; readonly symmetry: Symmetry }
  | {
      readonly kind: "affine";
      readonly parameters: AffineParameters;
      readonly mirrorX: boolean;
      readonly mirrorY: boolean;
    };

/** One change of the image's colours. */
export type ColourStep =
  | { readonly kind: "stain"; readonly jitter: StainJitter }
  | { readonly kind: "gaussian-blur"; readonly width: BlurSide; readonly height: BlurSide }
  | { readonly kind: "median-blur"; readonly window: BlurSide }
  | { readonly kind: "noise" }
  | { readonly kind: "hue"; readonly shift: number }
  | { readonly kind: "saturation"; readonly factor: number }
  | { readonly kind: "brightness"; readonly shift: number }
  | { readonly kind: "contrast"; readonly factor: number };

/** All that happens to a sample, in order. */
export interface AugmentationPlan {
  readonly geometry: GeometricPlan;
  readonly colours: readonly ColourStep[];
}

/** Ranges of the published configuration: −x … x, or low … high. */
export const REFERENCE_RANGES = {
  scale: [0.8, 1.2],
  rotation: 179,
  shear: 5,
  /** Of the window's side. */
  shift: 0.01,
  hue: 8,
  saturation: [0.8, 1.2],
  brightness: 26,
  contrast: [0.75, 1.25],
} as const;

/**
 * Side of the window that a preset needs for a crop, px: turned by 45 degrees, and for `reference` shrunk to 0.8, it must
 * still cover the crop (spec/training.md §5, §6). The one percent of shift and the shear are left to the margin.
 */
export function windowFor(preset: AugmentationPreset, crop: number): number {
  if (preset === "reference") return Math.ceil((crop * Math.SQRT2) / REFERENCE_RANGES.scale[0]);
  return preset === "paper" ? Math.ceil(crop * Math.SQRT2) : crop;
}

const side = (random: Random): BlurSide => (random.chance(0.5) ? 3 : 5);
const around = (random: Random, range: number): number => random.uniform(-range, range);

function blur(random: Random): ColourStep {
  return { kind: "gaussian-blur", width: side(random), height: side(random) };
}

function drawAffine(random: Random, window: number, full: boolean): GeometricPlan {
  const { scale, rotation, shear, shift } = REFERENCE_RANGES;
  const turn = around(random, rotation);
  const still = { scale: 1, shear: 0, shiftX: 0, shiftY: 0 };
  const rest = full
    ? {
        scale: random.uniform(...scale),
        shear: around(random, shear),
        shiftX: Math.round(around(random, shift) * window),
        shiftY: Math.round(around(random, shift) * window),
      }
    : still;
  const mirrorY = random.chance(0.5);
  const mirrorX = random.chance(0.5);
  return { kind: "affine", parameters: { rotation: turn, ...rest }, mirrorX, mirrorY };
}

/** One of blur, median and noise with probability 0.5, then hue, saturation, brightness and contrast in any order. */
function drawReferenceColours(random: Random): ColourStep[] {
  const steps: ColourStep[] = [];
  if (random.chance(0.5)) {
    const choice = random.int(0, 2);
    if (choice === 0) steps.push(blur(random));
    else if (choice === 1) steps.push({ kind: "median-blur", window: side(random) });
    else steps.push({ kind: "noise" });
  }
  const { hue, saturation, brightness, contrast } = REFERENCE_RANGES;
  const tones: ColourStep[] = [
    { kind: "hue", shift: around(random, hue) },
    { kind: "saturation", factor: random.uniform(...saturation) },
    { kind: "brightness", shift: around(random, brightness) },
    { kind: "contrast", factor: random.uniform(...contrast) },
  ];
  for (const i of random.shuffle([0, 1, 2, 3])) steps.push(tones[i]!);
  return steps;
}

function drawPaperColours(random: Random): ColourStep[] {
  if (!random.chance(0.5)) return [];
  return [random.chance(0.5) ? blur(random) : { kind: "median-blur", window: side(random) }];
}

function drawStain(random: Random, options: AugmentationOptions): ColourStep[] {
  const { stainScale, stainShift } = options;
  if (stainScale === 0 && stainShift === 0) return [];
  const three = (draw: () => number): Triple => [draw(), draw(), draw()];
  const factors = three(() => 1 + around(random, stainScale));
  const offsets = three(() => around(random, stainShift));
  return [{ kind: "stain", jitter: { factors, offsets } }];
}

/** Draws what happens to one sample. @param window - side of the window, px */
export function drawAugmentation(
  options: AugmentationOptions,
  window: number,
  random: Random,
): AugmentationPlan {
  switch (options.preset) {
    case "none":
    case "flip": {
      const turned = options.preset === "flip";
      const symmetry = {
        transpose: turned && random.chance(0.5),
        mirrorX: turned && random.chance(0.5),
        mirrorY: turned && random.chance(0.5),
      };
      return { geometry: { kind: "symmetry", symmetry }, colours: drawStain(random, options) };
    }
    case "paper": {
      const geometry = drawAffine(random, window, false);
      const colours = drawPaperColours(random);
      return { geometry, colours: [...drawStain(random, options), ...colours] };
    }
    case "reference": {
      const geometry = drawAffine(random, window, true);
      const colours = drawReferenceColours(random);
      return { geometry, colours: [...drawStain(random, options), ...colours] };
    }
  }
}
