/**
 * Data sets of images with one `.mat` each: CoNSeP, Kumar, CPM, Lizard (spec/data.md §6).
 *
 * @module
 */
import { DataError, ShapeError } from "@renograde/core";
import { parseMatAnnotation } from "@renograde/formats";
import { readFileBytes, readImage } from "@renograde/slides/node";
import { LIZARD_CLASSES } from "./conic.js";
import { type FilePair, pairFiles } from "./pair-files.js";
import { type ConvertSample, type ConvertSource, type OpenSource, sourceOf } from "./source.js";

/** CoNSeP's seven types. */
export const CONSEP_CLASSES: readonly string[] = [
  "Other",
  "Inflammatory",
  "Healthy epithelial",
  "Malignant epithelial",
  "Fibroblast",
  "Muscle",
  "Endothelial",
];

async function load(pair: FilePair, classes: readonly string[] | null): Promise<ConvertSample> {
  const { image } = await readImage(pair.imagePath);
  const path = pair.labelPath;
  const { labels, types, warnings } = parseMatAnnotation(await readFileBytes(path), path);
  if (labels.width !== image.width || labels.height !== image.height) {
    throw new ShapeError(
      `${path}: the instance map is ${labels.width} x ${labels.height} px, but ${pair.imagePath} is ${image.width} x ${image.height} px`,
    );
  }
  if (classes !== null && types === null) {
    throw new DataError(`${path}: has instances but no classes; choose another --from`);
  }
  return {
    image,
    labels,
    types: classes === null ? null : types,
    ambiguous: null,
    slide: null,
    warnings,
  };
}

function opener(classes: readonly string[] | null, mpp: number): OpenSource {
  return async (input): Promise<ConvertSource> => {
    const pairs = await pairFiles(input, {
      labels: [".mat"],
      images: [".tif", ".tiff", ".png", ".jpg", ".jpeg"],
    });
    const items = pairs.map((pair) => ({
      name: pair.name,
      set: pair.set,
      load: async () => await load(pair, classes),
    }));
    return sourceOf({ items, classes, mpp });
  };
}

/** CoNSeP: `inst_map` with `inst_type` or `type_map`, 40x. */
export const openConsep: OpenSource = opener(CONSEP_CLASSES, 0.25);
/** Lizard: `inst_map`, `id` and `class`, 20x. */
export const openLizard: OpenSource = opener(LIZARD_CLASSES, 0.5);
/** Kumar and CPM: `inst_map` alone, 40x. */
export const openInstanceMats: OpenSource = opener(null, 0.25);
