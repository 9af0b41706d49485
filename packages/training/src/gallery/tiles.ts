/**
 * One sample as pictures: the image, the image with its outlines, and every target as colours.
 *
 * @module
 */
import type { ClassScheme, ClassTask, RgbImage, Triple } from "@renograde/core";
import type { TargetName } from "@renograde/nn";
import { type Batch, targetPart } from "../targets/batch.js";
import { viridis } from "./viridis.js";

/** Background of a map of classes. */
const EMPTY: Triple = [23, 27, 31];

/** Colour of each id of a task: the mean of the colours of the classes it stands for. Entry 0 is background. */
export function taskColors(scheme: ClassScheme, task: ClassTask): Triple[] {
  const count = Math.max(...task.merge) + 1;
  return Array.from({ length: count }, (_, id) => {
    const colors = scheme.classes.filter((_, i) => task.merge[i + 1] === id).map((c) => c.color);
    if (id === 0 || colors.length === 0) return EMPTY;
    const mean = (c: 0 | 1 | 2): number =>
      Math.round(colors.reduce((sum, k) => sum + k[c], 0) / colors.length);
    return [mean(0), mean(1), mean(2)];
  });
}

/** Colour of each class id. */
export function classColors(scheme: ClassScheme): Triple[] {
  return [EMPTY, ...scheme.classes.map((c) => c.color)];
}

function paint(side: number, colorOf: (pixel: number) => Triple): RgbImage {
  const data = new Uint8Array(side * side * 3);
  for (let p = 0; p < side * side; p++) data.set(colorOf(p), 3 * p);
  return { width: side, height: side, data };
}

/** The image of a sample, cut to the size of its targets. */
export function imageTile(batch: Batch, slot: number): RgbImage {
  const { crop, output } = batch.plan;
  const inset = (crop - output) / 2;
  const plane = crop * crop;
  return paint(output, (p) => {
    const from = slot * 3 * plane + (Math.floor(p / output) + inset) * crop + (p % output) + inset;
    return [batch.images[from]!, batch.images[from + plane]!, batch.images[from + 2 * plane]!];
  });
}

/** The image with the rim of every nucleus in its class's colour and a dark line around it. */
export function outlineTile(batch: Batch, slot: number, scheme: ClassScheme): RgbImage {
  const side = batch.plan.output;
  const ids = batch.instances.subarray(slot * side * side, (slot + 1) * side * side);
  const classes = targetPart(batch, "classes", slot, slot + 1);
  const colors = classColors(scheme);
  const tile = imageTile(batch, slot);
  for (let y = 0, p = 0; y < side; y++) {
    for (let x = 0; x < side; x++, p++) {
      const id = ids[p]!;
      const others = [
        x > 0 ? p - 1 : p,
        x + 1 < side ? p + 1 : p,
        y > 0 ? p - side : p,
        y + 1 < side ? p + side : p,
      ];
      if (others.every((q) => ids[q] === id)) continue;
      tile.data.set(id === 0 ? [20, 20, 20] : colors[classes[p]!]!, 3 * p);
    }
  }
  return tile;
}

/** A target of class ids in the given colours. */
export function classTile(
  batch: Batch,
  slot: number,
  name: "classes" | "task1" | "task2",
  colors: readonly Triple[],
): RgbImage {
  const ids = targetPart(batch, name, slot, slot + 1);
  return paint(batch.plan.output, (p) => colors[ids[p]!]!);
}

/** A target of one plane as a heat map from `low` to `high`; what is at `low` or below stays dark. */
export function valueTile(batch: Batch, slot: number, name: TargetName, low: number, high: number): RgbImage {
  const values = targetPart(batch, name, slot, slot + 1);
  return paint(batch.plan.output, (p) =>
    values[p]! <= low ? EMPTY : viridis(Math.min(1, (values[p]! - low) / (high - low))),
  );
}

const NEGATIVE: Triple = [64, 144, 255];
const POSITIVE: Triple = [255, 150, 60];

/** Colour of a value in -1 … 1: blue below, orange above, dark at zero. */
export function slopeColor(value: number): Triple {
  const end = value < 0 ? NEGATIVE : POSITIVE;
  const share = Math.min(1, Math.abs(value));
  const mix = (c: 0 | 1 | 2): number => Math.round(EMPTY[c] + share * (end[c] - EMPTY[c]));
  return [mix(0), mix(1), mix(2)];
}

/** A plane of a target whose values lie in -1 … 1. */
export function signedTile(batch: Batch, slot: number, name: TargetName, plane: number): RgbImage {
  const pixels = batch.plan.output ** 2;
  const values = targetPart(batch, name, slot, slot + 1).subarray(plane * pixels, (plane + 1) * pixels);
  return paint(batch.plan.output, (p) => slopeColor(values[p]!));
}
