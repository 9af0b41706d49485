/**
 * What was drawn for a sample, in words.
 *
 * @module
 */
import type { AugmentationPlan, ColourStep, GeometricPlan } from "../augmentation/plan.js";

const signed = (value: number, digits: number): string =>
  `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(digits)}`;

function geometryWords(geometry: GeometricPlan): string[] {
  if (geometry.kind === "symmetry") {
    const { transpose, mirrorX, mirrorY } = geometry.symmetry;
    return [...(transpose ? ["transposed"] : []), ...mirrorWords(mirrorX, mirrorY)];
  }
  const { scale, rotation, shear, shiftX, shiftY } = geometry.parameters;
  return [
    ...(scale === 1 ? [] : [`scale ${scale.toFixed(2)}`]),
    `turn ${signed(rotation, 0)}°`,
    ...(shear === 0 ? [] : [`shear ${signed(shear, 1)}°`]),
    ...(shiftX === 0 && shiftY === 0 ? [] : [`shift ${signed(shiftX, 0)},${signed(shiftY, 0)}`]),
    ...mirrorWords(geometry.mirrorX, geometry.mirrorY),
  ];
}

function mirrorWords(mirrorX: boolean, mirrorY: boolean): string[] {
  return mirrorX || mirrorY ? [`flip ${mirrorX ? "x" : ""}${mirrorY ? "y" : ""}`] : [];
}

function colourWords(step: ColourStep): string {
  switch (step.kind) {
    case "stain":
      return `stains ×${step.jitter.factors.map((f) => f.toFixed(2)).join(" ×")}`;
    case "gaussian-blur":
      return `blur ${step.width}×${step.height}`;
    case "median-blur":
      return `median ${step.window}×${step.window}`;
    case "noise":
      return "noise";
    case "hue":
      return `hue ${signed(step.shift, 1)}`;
    case "saturation":
      return `saturation ×${step.factor.toFixed(2)}`;
    case "brightness":
      return `brightness ${signed(step.shift, 0)}`;
    case "contrast":
      return `contrast ×${step.factor.toFixed(2)}`;
  }
}

/** Movements first, then colours in their order. */
export function describePlan({ geometry, colours }: AugmentationPlan): string[] {
  const words = [...geometryWords(geometry), ...colours.map(colourWords)];
  return words.length === 0 ? ["unchanged"] : words;
}
