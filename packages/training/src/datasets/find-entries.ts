/**
 * Finds the images and annotations below a folder and pairs them by base name within one set.
 *
 * @module
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join, sep } from "node:path";
import { DataError, FileAccessError, listSome } from "@renograde/core";
import { type DatasetEntry, type DatasetLayout, SET_NAMES, type SetName } from "./dataset.js";

const SETS: readonly (readonly [RegExp, SetName])[] = [
  [/^train(ing)?$/i, "train"],
  [/^val(id(ation)?)?$/i, "valid"],
  // Kumar: test_same and test_diff, organs seen and not seen in training.
  [/^test(ing|_same|_diff)?$/i, "test"],
];
const IMAGE_EXTENSIONS = new Set([".png", ".tif", ".tiff", ".jpg", ".jpeg"]);

interface Found {
  readonly path: string;
  readonly name: string;
  readonly set: SetName | null;
}

/** Set that the names of folders give, or null. */
export function setOfFolder(folders: readonly string[]): SetName | null {
  for (const folder of folders) {
    for (const [pattern, set] of SETS) if (pattern.test(folder)) return set;
  }
  return null;
}

/** All files below a folder, links followed, sorted; names that start with a dot are left out. */
export async function listFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  const visited = new Set<string>();
  async function walk(folder: string): Promise<void> {
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    for (const item of await readdir(folder, { withFileTypes: true })) {
      if (item.name.startsWith(".")) continue;
      const path = join(folder, item.name);
      const kind = item.isSymbolicLink() ? await stat(path) : item;
      if (kind.isDirectory()) await walk(path);
      else if (kind.isFile()) files.push(path);
    }
  }
  try {
    await walk(root);
  } catch (cause) {
    throw new FileAccessError(root, "cannot list the dataset folder; give an existing folder", { cause });
  }
  return files.sort((a, b) => (a < b ? -1 : 1));
}

function index(files: readonly Found[], kind: string): Map<string, Found> {
  const result = new Map<string, Found>();
  for (const file of files) {
    const key = `${file.set ?? ""}/${file.name}`;
    const other = result.get(key);
    if (other) {
      throw new DataError(
        `${file.path}: a second ${kind} named "${file.name}" in the same set, the first is ${other.path}; rename one of them`,
      );
    }
    result.set(key, file);
  }
  return result;
}

/**
 * Lists the samples of a dataset folder. A folder with `.mat` files is RCCNucSeg (or CoNSeP), else `labels` folders
 * hold PNG instance maps and `classes` folders the class numbers. Sets come from folders named train, valid
 * (val, validation) and test in any letter case.
 *
 * @throws DataError when nothing can be paired, or an image has no annotation
 * @throws FileAccessError when the folder cannot be read
 */
export async function findEntries(root: string): Promise<{ layout: DatasetLayout; entries: DatasetEntry[] }> {
  const images: (Found & { inImages: boolean })[] = [];
  const mats: Found[] = [];
  const labels: Found[] = [];
  const classes: Found[] = [];
  const notClasses: string[] = [];
  for (const path of await listFiles(root)) {
    const folders = path.slice(root.length).split(sep).filter(Boolean).slice(0, -1);
    const extension = extname(path);
    const lower = extension.toLowerCase();
    const found = { path, name: basename(path, extension), set: setOfFolder(folders) };
    const below = (name: RegExp) => folders.some((folder) => name.test(folder));
    if (lower === ".mat") mats.push(found);
    else if (lower === ".json" && below(/^classes$/i)) classes.push(found);
    else if (below(/^classes$/i)) notClasses.push(path);
    else if (lower === ".png" && below(/^labels?$/i)) labels.push(found);
    else if (IMAGE_EXTENSIONS.has(lower)) images.push({ ...found, inImages: below(/^images?$/i) });
  }
  const layout: DatasetLayout = mats.length > 0 ? "rccnucseg" : "label-png";
  if (layout === "label-png" && classes.length === 0 && notClasses.length > 0) {
    throw new DataError(
      `${notClasses[0]}: is no class file; classes/ holds NAME.json with the class of each instance of labels/NAME.png ("instance_class"), or leave the folder out to train without classes`,
    );
  }
  const chosen = images.some((image) => image.inImages) ? images.filter((image) => image.inImages) : images;
  const annotation = index(layout === "rccnucseg" ? mats : labels, "annotation");
  const classFiles = index(classes, "class file");
  if (chosen.length === 0 || annotation.size === 0) {
    throw new DataError(
      `${root}: found ${chosen.length} images and ${annotation.size} annotations; expected images/*.png with labels/*.png, or Images/*.png with Labels/*.mat`,
    );
  }
  const entries: DatasetEntry[] = [];
  const lonely: string[] = [];
  for (const [key, image] of index(chosen, "image")) {
    const label = annotation.get(key);
    annotation.delete(key);
    if (!label) {
      lonely.push(image.path);
      continue;
    }
    entries.push({
      name: image.name,
      set: image.set,
      imagePath: image.path,
      labelPath: label.path,
      classPath: layout === "label-png" ? (classFiles.get(key)?.path ?? null) : null,
    });
  }
  if (lonely.length > 0) {
    throw new DataError(
      `${root}: ${lonely.length} of ${chosen.length} images have no annotation of the same name in their set: ${listSome(lonely, 3)}`,
    );
  }
  const orphans = [...annotation.values()].map((label) => label.path);
  if (orphans.length > 0) {
    throw new DataError(
      `${root}: ${orphans.length} annotations have no image of the same name in their set: ${listSome(orphans, 3)}`,
    );
  }
  const rank = (set: SetName | null) => (set === null ? -1 : SET_NAMES.indexOf(set));
  entries.sort((a, b) => rank(a.set) - rank(b.set) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { layout, entries };
}
