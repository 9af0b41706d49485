/**
 * CoNIC: `images.npy`, `labels.npy` (instance and class per pixel) and `counts.csv` in one folder (spec/data.md §6).
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { DataError, type LabelMap, majorityTypes, ShapeError } from "@renograde/core";
import { parseCsv } from "@renograde/formats";
import { readFileBytes } from "@renograde/slides/node";
import { listFiles } from "../find-entries.js";
import { type NpyRows, openNpyRows, wholeRow } from "./npy-rows.js";
import type { ConvertItem, ConvertSample, ConvertSource } from "./source.js";

/** Classes of Lizard and CoNIC, 1 to 6. */
export const LIZARD_CLASSES: readonly string[] = [
  "Neutrophil",
  "Epithelial",
  "Lymphocyte",
  "Plasma",
  "Eosinophil",
  "Connective",
];

async function loadRow(images: NpyRows, labels: NpyRows, index: number): Promise<ConvertSample> {
  const [, height = 0, width = 0] = images.shape;
  const size = width * height;
  const what = `image ${index}`;
  const pixels = wholeRow(await images.read(index), new Uint8Array(size * 3), 255, images.path, what);
  const both = wholeRow(await labels.read(index), new Int32Array(size * 2), 65_535, labels.path, what);
  const ids: LabelMap = { width, height, data: new Int32Array(size) };
  const classes = new Uint8Array(size);
  for (let p = 0; p < size; p++) {
    ids.data[p] = both[2 * p]!;
    const type = both[2 * p + 1]!;
    if (type > LIZARD_CLASSES.length) {
      throw new DataError(
        `${labels.path}: ${what} holds class ${type}, expected 0 to ${LIZARD_CLASSES.length}`,
      );
    }
    classes[p] = type;
  }
  const { types, mixed } = majorityTypes(ids, { width, height, data: classes });
  const warnings =
    mixed.length === 0
      ? []
      : [`${labels.path}: ${what} has ${mixed.length} instances of more than one class, majority taken`];
  return {
    image: { width, height, data: pixels },
    labels: ids,
    types,
    ambiguous: null,
    slide: null,
    warnings,
  };
}

/** Checks `counts.csv` against the arrays: its columns are the classes, its rows the images. */
async function checkCounts(path: string, count: number): Promise<void> {
  const [header = [], ...rows] = parseCsv(await readFileBytes(path), path);
  const names = header.map((name) => name.trim().toLowerCase());
  const expected = LIZARD_CLASSES.map((name) => name.toLowerCase());
  if (names.join() !== expected.join()) {
    throw new DataError(`${path}: has the columns ${names.join(", ")}, expected ${expected.join(", ")}`);
  }
  if (rows.length !== count) {
    throw new DataError(`${path}: has ${rows.length} rows, but images.npy holds ${count} images`);
  }
}

/** Opens the folder. Images are named `conic_00000`. */
export async function openConic(input: string): Promise<ConvertSource> {
  const files = await listFiles(input);
  const found = files.filter((path) => basename(path) === "images.npy");
  const imagesPath = found[0];
  if (imagesPath === undefined || found.length > 1) {
    throw new DataError(
      `${input}: found ${found.length} files images.npy, expected one beside labels.npy and counts.csv`,
    );
  }
  const labelsPath = join(dirname(imagesPath), "labels.npy");
  const images = await openNpyRows(imagesPath, 4);
  const open = [images];
  const close = async (): Promise<void> => {
    for (const rows of open) await rows.close();
  };
  try {
    const labels = await openNpyRows(labelsPath, 4);
    open.push(labels);
    const [count = 0, height, width, channels] = images.shape;
    if (channels !== 3) {
      throw new ShapeError(
        `${imagesPath}: has shape (${images.shape.join(", ")}), expected N x 256 x 256 x 3`,
      );
    }
    const expected = [count, height, width, 2].join(", ");
    if (labels.shape.join(", ") !== expected) {
      throw new ShapeError(
        `${labelsPath}: has shape (${labels.shape.join(", ")}), expected (${expected}) as ${imagesPath} demands`,
      );
    }
    const countsPath = join(dirname(imagesPath), "counts.csv");
    const hasCounts = files.includes(countsPath);
    if (hasCounts) await checkCounts(countsPath, count);
    const items = Array.from(
      { length: count },
      (_, i): ConvertItem => ({
        name: `conic_${String(i).padStart(5, "0")}`,
        set: null,
        load: async () => await loadRow(images, labels, i),
      }),
    );
    const warnings = hasCounts ? [] : [`${countsPath}: is missing, so the classes are taken as published`];
    return { items, classes: LIZARD_CLASSES, mpp: 0.5, warnings, close };
  } catch (error) {
    await close();
    throw error;
  }
}
