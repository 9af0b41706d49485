/**
 * Colours of the classes on screen: the paper's hues tuned to be seen on H&E, and a colour-blind-safe set.
 * Files always carry the plain colours of the class scheme.
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import type { ReportClass } from "./payload.js";

const RCC_SCREEN = ["#2BD96B", "#FFD62E", "#FF4438", "#3D7BFF"];
const SAFE = ["#56B4E9", "#F0E442", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#999999"];
const DASHES: readonly (readonly number[])[] = [[], [6, 2], [2, 2], [8, 2, 2, 2]];

/** CSS colour of three bytes. */
export function cssColor(rgb: readonly [number, number, number]): string {
  return `#${rgb.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

/** The classes of a scheme with their screen colours. */
export function reportClasses(scheme: ClassScheme): ReportClass[] {
  return scheme.classes.map((c, i) => ({
    name: c.name,
    short: c.short,
    color: scheme.name === "rcc-grade" ? (RCC_SCREEN[i] ?? cssColor(c.color)) : cssColor(c.color),
    safeColor: SAFE[i % SAFE.length]!,
    dash: DASHES[i % DASHES.length]!,
  }));
}

/**
 * Colour of a channel that merges several classes: their mean, so that G1+G2 is between green and yellow.
 *
 * @param ids - class ids, 1…
 */
export function mergedColor(
  classes: readonly ReportClass[],
  ids: readonly number[],
): [number, number, number] {
  const sum = [0, 0, 0];
  for (const id of ids) {
    const hex = classes[id - 1]!.color;
    for (let c = 0; c < 3; c++) sum[c] = sum[c]! + Number.parseInt(hex.slice(1 + 2 * c, 3 + 2 * c), 16);
  }
  return sum.map((v) => Math.round(v / ids.length)) as [number, number, number];
}
