/**
 * Small folders of truth and predictions in every format, for tests.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { borderContours, type LabelMap, labelPolygons, RCC_CLASSES } from "@renograde/core";
import { encodeMat5, geoJsonChunks, hoverNetJsonChunks, type Mat5Numeric } from "@renograde/formats";
import { writeLabelPng } from "@renograde/slides/node";

/** A label map from a drawing: one row per line, numbers apart by spaces. */
export function draw(text: string): LabelMap {
  const rows = text
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  return { width: rows[0]!.length, height: rows.length, data: Int32Array.from(rows.flat()) };
}

/** Worked example A of spec/metrics.md §8; types by id from 1. */
export const EXAMPLE_A = {
  truth: draw(`1 1 1 0 0 0 0 0
               1 1 1 0 2 2 0 0
               1 1 1 0 2 2 0 0
               0 0 0 0 2 2 0 3
               0 0 0 0 0 0 0 3
               4 4 0 0 0 0 0 3`),
  truthTypes: [1, 2, 4, 1],
  prediction: draw(`1 1 0 0 0 0 0 0
                    1 1 1 0 2 2 2 0
                    1 1 1 0 2 2 2 0
                    0 0 0 0 3 3 0 0
                    0 0 0 0 3 3 0 0
                    4 4 4 0 0 0 0 0`),
  predictionTypes: [1, 3, 2, 1],
};
/** Worked example B of spec/metrics.md §9. */
export const EXAMPLE_B = {
  truth: draw(`1 1 0 0 2 2
               1 1 0 0 2 2
               0 0 0 0 0 0`),
  truthTypes: [1, 1],
  prediction: draw(`1 1 0 0 2 2
                    1 1 0 0 0 2
                    0 0 3 3 0 0`),
  predictionTypes: [1, 1, 3],
};

/** Writes one annotated image under a path without ending. */
export type WriteAnnotation = (stem: string, labels: LabelMap, types: number[]) => Promise<void>;

/** Writes a file and the folders it needs. */
export async function save(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
/** A MATLAB variable. */
export const numeric = (
  kind: "int32" | "uint8" | "double",
  shape: number[],
  data: Int32Array | Uint8Array | Float64Array,
): Mat5Numeric => ({
  kind: "numeric",
  class: kind,
  shape,
  data,
});
const className = (type: number): string => RCC_CLASSES.classes[type - 1]!.name;

/** One writer per format that the evaluation reads. */
export const annotationWriters: Record<string, WriteAnnotation> = {
  "RCCNucSeg .mat": async (stem, { width, height, data }, types) => {
    const classMap = Uint8Array.from(data, (id) => (id === 0 ? 0 : types[id - 1]!));
    const bytes = encodeMat5([
      ["instance_map", numeric("int32", [height, width], data)],
      ["class_map", numeric("uint8", [height, width], classMap)],
    ]);
    await save(`${stem}.mat`, bytes);
  },
  "HoVer-Net .mat": async (stem, { width, height, data }, types) => {
    const bytes = encodeMat5([
      ["inst_map", numeric("int32", [height, width], data)],
      ["inst_type", numeric("int32", [types.length, 1], Int32Array.from(types))],
    ]);
    await save(`${stem}.mat`, bytes);
  },
  "label PNG": async (stem, labels, types) => {
    await writeLabelPng(join(dirname(stem), "labels", `${basename(stem)}.png`), labels);
    const names = Object.fromEntries(RCC_CLASSES.classes.map((c, i) => [i + 1, c.name]));
    const of = Object.fromEntries(types.map((type, i) => [i + 1, type]));
    const path = join(dirname(stem), "classes", `${basename(stem)}.json`);
    await save(path, JSON.stringify({ class_names: names, instance_class: of }));
  },
  GeoJSON: async (stem, labels, types) => {
    const nuclei = [...labelPolygons(labels)].map(([id, parts]) => ({
      id: null,
      className: className(types[id - 1]!),
      color: null,
      polygons: parts.map((part) => [part.exterior, ...part.holes].map(pairsOf)),
      measurements: {},
    }));
    await save(`${stem}.geojson`, [...geoJsonChunks(nuclei)].join(""));
  },
  "HoVer-Net JSON": async (stem, labels, types) => {
    const nuclei = [...borderContours(labels)].map(([id, contour]) => ({
      id,
      bbox: [0, 0, 1, 1] as const,
      centroid: [0, 0] as const,
      contour: pairsOf(contour),
      type: types[id - 1]!,
      typeProbability: 1,
    }));
    await save(`${stem}.json`, [...hoverNetJsonChunks({ mag: 40 }, nuclei)].join(""));
  },
};

function pairsOf(flat: ArrayLike<number>): [number, number][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
}

/** Writes both examples, `a` and `b`, as truth and prediction. */
export async function writeExamples(
  truthDir: string,
  truthFormat: string,
  predictionDir: string,
  predictionFormat: string,
): Promise<void> {
  for (const [name, example] of Object.entries({ a: EXAMPLE_A, b: EXAMPLE_B })) {
    await annotationWriters[truthFormat]!(join(truthDir, name), example.truth, example.truthTypes);
    const stem = join(predictionDir, name);
    await annotationWriters[predictionFormat]!(stem, example.prediction, example.predictionTypes);
  }
}
