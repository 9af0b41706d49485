/**
 * MoNuSAC: per sub-image an Aperio XML and a `.tif` or small `.svs` (spec/data.md §5).
 *
 * @module
 */
import { createLabelMap, DataError, indexInstances, type LabelMap, paintPolygon } from "@renograde/core";
import { parseAperioXml } from "@renograde/formats";
import { readFileBytes, readImage } from "@renograde/slides/node";
import { type FilePair, pairFiles } from "./pair-files.js";
import { type ConvertSample, type ConvertSource, sourceOf } from "./source.js";

/** Classes 1 to 4. */
export const MONUSAC_CLASSES: readonly string[] = ["Epithelial", "Lymphocyte", "Macrophage", "Neutrophil"];
const AMBIGUOUS = "ambiguous";

/** Result of {@link paintMonusac}. */
export interface MonusacAnnotation {
  readonly labels: LabelMap;
  readonly types: ReadonlyMap<number, number>;
  /** Regions called Ambiguous, numbered by themselves; null when there are none. */
  readonly ambiguous: LabelMap | null;
  readonly warnings: readonly string[];
}

/**
 * Paints the outlines of a file: even-odd fill, pixels whose point lies inside or on the outline as in scikit-image's
 * `draw.polygon`, in the file's order, later ones over earlier ones, ids running over all classes. Ambiguous regions
 * go to a map of their own.
 *
 * @throws FileFormatError, DataError naming the file
 */
export function paintMonusac(
  bytes: Uint8Array,
  path: string,
  width: number,
  height: number,
): MonusacAnnotation {
  const labels = createLabelMap(width, height);
  const ambiguous = createLabelMap(width, height);
  const types = new Map<number, number>();
  let doubtful = 0;
  let degenerate = 0;
  for (const { className, regions } of parseAperioXml(bytes, path)) {
    const type = MONUSAC_CLASSES.findIndex((name) => name.toLowerCase() === className.toLowerCase()) + 1;
    const isAmbiguous = className.toLowerCase() === AMBIGUOUS;
    if (type === 0 && !isAmbiguous && regions.length > 0) {
      throw new DataError(
        `${path}: has regions of class "${className}"; known are ${MONUSAC_CLASSES.join(", ")}, Ambiguous`,
      );
    }
    for (const { points } of regions) {
      if (points.length < 6) {
        degenerate++;
      } else if (isAmbiguous) {
        paintPolygon(ambiguous, [points], ++doubtful, "lattice");
      } else {
        types.set(types.size + 1, type);
        paintPolygon(labels, [points], types.size, "lattice");
      }
    }
  }
  const warnings: string[] = [];
  if (degenerate > 0) {
    warnings.push(`${path}: ${degenerate} regions have fewer than three vertices and were left out`);
  }
  const lost = types.size - indexInstances(labels).count;
  if (lost > 0) {
    warnings.push(`${path}: ${lost} regions cover no pixel (outside the image, or under others)`);
  }
  return { labels, types, ambiguous: doubtful > 0 ? ambiguous : null, warnings };
}

async function load(pair: FilePair): Promise<ConvertSample> {
  const { image } = await readImage(pair.imagePath);
  const bytes = await readFileBytes(pair.labelPath);
  const annotation = paintMonusac(bytes, pair.labelPath, image.width, image.height);
  return { image, ...annotation, slide: /^TCGA-/i.test(pair.folder) ? pair.folder : null };
}

/** Opens a folder of patients. */
export async function openMonusac(input: string): Promise<ConvertSource> {
  const pairs = await pairFiles(input, { labels: [".xml"], images: [".tif", ".tiff", ".png", ".svs"] });
  return sourceOf({
    items: pairs.map((pair) => ({ name: pair.name, set: pair.set, load: async () => await load(pair) })),
    classes: MONUSAC_CLASSES,
    mpp: 0.25,
  });
}
