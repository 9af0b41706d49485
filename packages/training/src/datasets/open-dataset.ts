/**
 * Opens a dataset folder: RCCNucSeg and CoNSeP (`.mat`) or label PNGs (spec/data.md §1, §6).
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError, type LabelMap, RCC_CLASSES } from "@renograde/core";
import { readFileBytes, readImage, readLabelPng } from "@renograde/slides/node";
import { checkLabels, type NumericMap } from "./check-labels.js";
import {
  type ClassMapping,
  type InstanceClasses,
  NUCLEUS_CLASSES,
  parseClassMapping,
  parseInstanceClasses,
  schemeFromNames,
} from "./class-map.js";
import { type Dataset, type DatasetEntry, type LabelledImage, slideAndPatient } from "./dataset.js";
import { findEntries } from "./find-entries.js";
import { readMatLabels } from "./mat-labels.js";

/** Options of {@link openDataset}. */
export interface OpenDatasetOptions {
  /** Mapping file of spec/data.md §6; default: `classes.json` in the folder, where present. */
  readonly classMap?: string | null;
  /** Regular expression that finds the patient in an image's name; default: TCGA barcodes alone. */
  readonly patientPattern?: string | null;
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readFileBytes(path));
}

async function findMapping(root: string, options: OpenDatasetOptions): Promise<ClassMapping | null> {
  const { classMap } = options;
  if (typeof classMap === "string") return parseClassMapping(await readText(classMap), classMap);
  const path = join(root, "classes.json");
  return existsSync(path) ? parseClassMapping(await readText(path), path) : null;
}

/** Instances of a label PNG painted with their class numbers. */
function paintClasses(instances: LabelMap, classes: InstanceClasses, path: string): NumericMap {
  const data = new Uint16Array(instances.data.length);
  for (let i = 0; i < data.length; i++) {
    const id = instances.data[i]!;
    if (id === 0) continue;
    const value = classes.classOf.get(id);
    if (value === undefined)
      throw new DataError(
        `${path}: instance_class has no entry for instance ${id}; add its class, or 0 to leave the nucleus out`,
      );
    data[i] = value;
  }
  return { width: instances.width, height: instances.height, data };
}

/** Scheme of label PNGs: the union of the names in all class files, which must agree. */
async function schemeOfClassFiles(entries: readonly DatasetEntry[]): Promise<ClassMapping> {
  const names = new Map<number, { name: string; path: string }>();
  for (const { classPath } of entries) {
    if (classPath === null) continue;
    for (const [id, name] of parseInstanceClasses(await readText(classPath), classPath).names) {
      const known = names.get(id);
      if (known && known.name !== name) {
        throw new DataError(
          `${classPath}: class ${id} is "${name}", but "${known.name}" in ${known.path}; class names must agree`,
        );
      }
      names.set(id, { name, path: classPath });
    }
  }
  const ids = [...names.keys()].sort((a, b) => a - b);
  const scheme = schemeFromNames(
    "dataset-classes",
    ids.map((id) => names.get(id)!.name),
  );
  return { scheme, targets: new Map(ids.map((id, i) => [id, i + 1])) };
}

/**
 * Opens the dataset in `root`. Only file names and class names are read here; pixels come with
 * {@link Dataset.load}.
 *
 * Layouts: `.mat` beside PNG (RCCNucSeg: `instance_map`, `class_map`; CoNSeP: `inst_map`, `type_map`), or
 * `images/`, `labels/` and optionally `classes/` with PNG instance maps. Folders named train, valid and test at any
 * depth give the sets.
 *
 * @throws DataError, FileAccessError naming the file and what to do
 */
export async function openDataset(root: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { layout, entries } = await findEntries(root);
  const given = await findMapping(root, options);
  const hasClasses = layout === "rccnucseg" || entries.some((entry) => entry.classPath !== null);
  const bare = layout === "label-png" ? entries.find((entry) => entry.classPath === null) : undefined;
  if (hasClasses && bare) {
    throw new DataError(
      `${bare.imagePath}: has no file in classes/, but other images of ${root} have one; add it or remove all`,
    );
  }
  const mapping: ClassMapping =
    given ??
    (layout === "rccnucseg"
      ? { scheme: RCC_CLASSES, targets: null }
      : hasClasses
        ? await schemeOfClassFiles(entries)
        : { scheme: NUCLEUS_CLASSES, targets: null });
  const classCount = mapping.scheme.classes.length;
  const pattern = options.patientPattern ?? null;
  const patientPattern = pattern === null ? null : new RegExp(pattern);

  async function load(index: number): Promise<LabelledImage> {
    const entry = entries[index];
    if (entry === undefined) throw new DataError(`${root}: no image ${index}, there are ${entries.length}`);
    const { image } = await readImage(entry.imagePath);
    let instances: NumericMap;
    let classes: NumericMap | null = null;
    let slideName: string | null = null;
    if (layout === "rccnucseg") {
      ({ instances, classes, slideName } = await readMatLabels(entry.labelPath));
    } else {
      const labels = await readLabelPng(entry.labelPath);
      instances = labels;
      if (entry.classPath !== null) {
        const file = parseInstanceClasses(await readText(entry.classPath), entry.classPath);
        classes = paintClasses(labels, file, entry.classPath);
      }
    }
    const checked = checkLabels(entry.labelPath, image, instances, classes, mapping.targets, classCount);
    return { name: entry.name, image, ...checked, ...slideAndPatient(slideName, entry.name, patientPattern) };
  }

  const synthetic = existsSync(join(root, "SYNTHETIC.json"));
  return { root, layout, synthetic, classes: mapping.scheme, hasClasses, entries, load };
}
