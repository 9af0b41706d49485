/**
 * Nuclei as a table: one row per nucleus, units in the column names.
 *
 * @module
 */
import type { ClassScheme, Nucleus } from "@renograde/core";
import { type CsvValue, csvChunks } from "@renograde/formats";
import type { GradedImage } from "../graded-image.js";

interface Column {
  readonly name: string;
  readonly value: (nucleus: Nucleus) => number | string;
}

/** Column-safe form of a class's short name. */
function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "_");
}

function columns(graded: GradedImage): Column[] {
  const { classes } = graded;
  const column = (name: string, value: Column["value"]): Column => ({ name, value });
  return [
    column("id", (n) => n.id),
    column("type", (n) => n.type),
    column("type_name", (n) => typeName(classes, n.type)),
    column("type_probability", (n) => n.typeProbability),
    ...["background", ...classes.classes.map((c) => slug(c.short))].map((name, i) =>
      column(`p_${name}`, (n) => n.classProbabilities[i] ?? Number.NaN),
    ),
    ...classes.tasks.flatMap((task, t) =>
      graded.nuclei.some((n) => n.taskProbabilities)
        ? Array.from({ length: Math.max(...task.merge) + 1 }, (_, i) =>
            column(
              `task${t + 1}_p_${i === 0 ? "background" : slug(mergedName(classes, task.merge, i))}`,
              (n) => n.taskProbabilities?.[t]?.[i] ?? Number.NaN,
            ),
          )
        : [],
    ),
    column("centroid_x_px", (n) => n.centroid[0]),
    column("centroid_y_px", (n) => n.centroid[1]),
    column("row_min_px", (n) => n.bbox[0]),
    column("column_min_px", (n) => n.bbox[1]),
    column("row_max_px", (n) => n.bbox[2]),
    column("column_max_px", (n) => n.bbox[3]),
    column("area_px", (n) => n.areaPx),
    column("area_um2", (n) => n.areaUm2),
    column("perimeter_um", (n) => n.perimeterUm),
    column("major_axis_um", (n) => n.majorAxisUm),
    column("minor_axis_um", (n) => n.minorAxisUm),
    column("eccentricity", (n) => n.eccentricity),
    column("solidity", (n) => n.solidity),
    column("haematoxylin_mean_od", (n) => n.haematoxylinMean),
    column("mpp_um_per_px", () => graded.pixelSize.mpp),
    column("mpp_source", () => graded.pixelSize.source),
  ];
}

/** Name of a class id; 0 is "untyped". */
export function typeName(classes: ClassScheme, type: number): string {
  return classes.classes[type - 1]?.name ?? "untyped";
}

/** `g1_g2` for a merged channel of classes 1 and 2. */
function mergedName(classes: ClassScheme, merge: readonly number[], channel: number): string {
  return classes.classes
    .filter((_, i) => merge[i + 1] === channel)
    .map((c) => c.short)
    .join("_");
}

/** Six decimals at most; not-a-number is an empty cell. */
function cell(value: number | string): CsvValue {
  if (typeof value === "string") return value;
  return Number.isFinite(value) ? Number(value.toFixed(6)) : null;
}

/** Writes the table of a graded image; an image without nuclei gives the header only. */
export function encodeNucleiCsv(graded: GradedImage): string {
  const table = columns(graded);
  const rows = graded.nuclei.map((nucleus) => table.map((c) => cell(c.value(nucleus))));
  // Twelve digits keep six decimals of any coordinate of a slide.
  return [
    ...csvChunks(
      table.map((c) => c.name),
      rows,
      { digits: 12 },
    ),
  ].join("");
}
