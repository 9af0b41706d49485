/**
 * The columns of a gallery: the image, its nuclei, and every target of a network with the meaning of its colours.
 *
 * @module
 */
import type { ClassScheme, ClassTask, RgbImage, Triple } from "@renograde/core";
import type { TargetName } from "@renograde/nn";
import type { Batch } from "../targets/batch.js";
import {
  classColors,
  classTile,
  imageTile,
  outlineTile,
  signedTile,
  slopeColor,
  taskColors,
  valueTile,
} from "./tiles.js";
import { viridis } from "./viridis.js";

/** A column: its heading, what its colours mean, and how a sample looks in it. */
export interface Column {
  readonly title: string;
  readonly legend: readonly { readonly color: Triple; readonly text: string }[];
  tile(batch: Batch, slot: number): RgbImage;
}

/** Largest values of maps that have no bound, px and weight; what is above has the colour of the top. */
const MOST_DISTANCE = 20;
const MOST_WEIGHT = 11;

function taskColumn(name: "task1" | "task2", scheme: ClassScheme, task: ClassTask): Column {
  const colors = taskColors(scheme, task);
  const legend = colors.slice(1).map((color, i) => ({
    color,
    text: scheme.classes
      .filter((_, c) => task.merge[c + 1] === i + 1)
      .map((c) => c.short)
      .join("+"),
  }));
  const title = name === "task1" ? "task 1" : "task 2";
  return { title, legend, tile: (batch, slot) => classTile(batch, slot, name, colors) };
}

function valueColumn(
  title: string,
  name: TargetName,
  values: readonly [low: number, middle: number, high: number],
): Column {
  const [low, , high] = values;
  return {
    title,
    legend: values.map((v) => ({ color: viridis((v - low) / (high - low)), text: String(v) })),
    tile: (batch, slot) => valueTile(batch, slot, name, low, high),
  };
}

function offsetColumn(title: string, plane: 0 | 1): Column {
  return {
    title,
    legend: [-1, 0, 1].map((v) => ({ color: slopeColor(v), text: String(v) })),
    tile: (batch, slot) => signedTile(batch, slot, "offsets", plane),
  };
}

/** Targets with columns of their own, in their order; `binary` and `instances` are seen among classes and nuclei. */
const DRAWN = ["distance", "pixelDistance", "borderWeights", "offsets", "task1", "task2"] as const;

function targetColumns(name: (typeof DRAWN)[number], scheme: ClassScheme): Column[] {
  const several = scheme.classes.length > 1;
  switch (name) {
    case "distance":
      return [valueColumn("distance", name, [0, 0.5, 1])];
    case "pixelDistance":
      return [valueColumn("distance, px", name, [0, MOST_DISTANCE / 2, MOST_DISTANCE])];
    case "borderWeights":
      return [valueColumn("weights", name, [1, (1 + MOST_WEIGHT) / 2, MOST_WEIGHT])];
    case "offsets":
      return [offsetColumn("horizontal", 0), offsetColumn("vertical", 1)];
    case "task1":
      return several ? [taskColumn(name, scheme, scheme.tasks[0])] : [];
    case "task2":
      return several ? [taskColumn(name, scheme, scheme.tasks[1])] : [];
  }
}

/** The columns for the targets of a network. */
export function columnsOf(targets: readonly TargetName[], scheme: ClassScheme): Column[] {
  return [
    { title: "image", legend: [], tile: imageTile },
    { title: "nuclei", legend: [], tile: (batch, slot) => outlineTile(batch, slot, scheme) },
    {
      title: "classes",
      legend: scheme.classes.map(({ short, color }) => ({ color, text: short })),
      tile: (batch, slot) => classTile(batch, slot, "classes", classColors(scheme)),
    },
    ...DRAWN.filter((name) => targets.includes(name)).flatMap((name) => targetColumns(name, scheme)),
  ];
}
