/**
 * Finds the annotation files of a folder and pairs truth with prediction by base name.
 *
 * Formats, best first; where a folder holds several of one image, as a prediction folder of ours does, the first is
 * read: `.mat`, 16-bit PNG below a folder `labels` (with `classes/<name>.json` beside it), `.geojson`, `.json` of
 * HoVer-Net, and last `<name>.labels.png`, which grading writes and which has no classes. All other files (images,
 * overlays, tables, reports) are no annotations.
 *
 * @module
 */
import { open, readdir, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { DataError } from "@renograde/core";
import { toFileAccessError } from "@renograde/slides/node";

/** How an annotation is stored. */
export type AnnotationFormat = "mat" | "label-png" | "geojson" | "hover-net-json" | "graded-labels";

/** Formats in the order of preference. */
export const ANNOTATION_FORMATS: readonly AnnotationFormat[] = [
  "mat",
  "label-png",
  "geojson",
  "hover-net-json",
  "graded-labels",
];

/** One annotated image; nothing is read yet. */
export interface AnnotationFile {
  /** File name without ending. */
  readonly name: string;
  /** Path below the folder without ending and without folders called images or labels, `/` between the parts. */
  readonly key: string;
  readonly path: string;
  readonly format: AnnotationFormat;
  /** Where the classes of a label PNG would lie; null for other formats. */
  readonly classesPath: string | null;
}

/** A true annotation and its prediction, or null when there is none. */
export interface AnnotationPair {
  readonly truth: AnnotationFile;
  readonly prediction: AnnotationFile | null;
}

const LABELS = /^labels?$/i;
const GRADED_LABELS = /\.labels\.png$/i;

/** Format by ending and by the folders from the named one down. */
function formatOf(path: string, folders: readonly string[]): AnnotationFormat | null {
  switch (extname(path).toLowerCase()) {
    case ".mat":
      return "mat";
    case ".geojson":
      return "geojson";
    case ".json":
      return folders.some((folder) => /^classes$/i.test(folder)) ? null : "hover-net-json";
    case ".png":
      if (folders.some((folder) => LABELS.test(folder))) return "label-png";
      return GRADED_LABELS.test(path) ? "graded-labels" : null;
    default:
      return null;
  }
}

/** `…/labels/a/b.png` → `…/classes/a/b.json`. */
function classesPathOf(path: string): string {
  const parts = path.split(sep);
  const at = parts.findLastIndex((part, i) => i < parts.length - 1 && LABELS.test(part));
  parts[at] = "classes";
  return `${parts.join(sep).slice(0, -extname(path).length)}.json`;
}

/** Whether a JSON file begins like a result of HoVer-Net; others (settings, tables of classes) are no annotations. */
async function mentionsNuclei(path: string): Promise<boolean> {
  const file = await open(path).catch((cause: unknown) => {
    throw toFileAccessError(path, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.subarray(0, bytesRead).includes('"nuc"');
  } finally {
    await file.close();
  }
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const items = await readdir(folder, { recursive: true, withFileTypes: true });
    const files: string[] = [];
    for (const item of items) {
      const path = join(item.parentPath, item.name);
      if (
        relative(folder, path)
          .split(sep)
          .some((part) => part.startsWith("."))
      )
        continue;
      const isFile = item.isSymbolicLink() ? (await stat(path).catch(() => null))?.isFile() : item.isFile();
      if (isFile) files.push(path);
    }
    return files.sort();
  } catch (cause) {
    throw toFileAccessError(folder, cause);
  }
}

/**
 * Lists the annotations below a folder, one file per image, ordered by path.
 *
 * @throws FileAccessError when the folder cannot be read
 * @throws DataError when it holds no annotation, or two of one format and name in folders that count as one
 */
export async function findAnnotations(folder: string): Promise<AnnotationFile[]> {
  const best = new Map<string, AnnotationFile>();
  const rank = (file: AnnotationFile): number => ANNOTATION_FORMATS.indexOf(file.format);
  for (const path of await listFiles(folder)) {
    const below = relative(folder, path).split(sep).slice(0, -1);
    const format = formatOf(path, [basename(resolve(folder)), ...below]);
    if (format === null) continue;
    const name = basename(path, extname(path));
    const stem = format === "graded-labels" ? basename(name, extname(name)) : name;
    const folders = below.filter((part) => !/^(images?|labels?)$/i.test(part));
    const file: AnnotationFile = {
      name: stem,
      key: [...folders, stem].join("/"),
      path,
      format,
      classesPath: format === "label-png" ? classesPathOf(path) : null,
    };
    const other = best.get(file.key);
    if (other?.format === format) {
      throw new DataError(
        `${path}: a second annotation "${file.key}" beside ${other.path}; remove or rename one`,
      );
    }
    if (other === undefined || rank(file) < rank(other)) best.set(file.key, file);
  }
  for (const [key, { format, path }] of best) {
    if (format === "hover-net-json" && !(await mentionsNuclei(path))) best.delete(key);
  }
  if (best.size === 0) {
    throw new DataError(
      `${folder}: no annotation found; expected .mat, labels/*.png, .geojson, HoVer-Net .json or .labels.png files`,
    );
  }
  return [...best.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function groupByName(files: readonly AnnotationFile[]): Map<string, AnnotationFile[]> {
  const groups = new Map<string, AnnotationFile[]>();
  for (const file of files) groups.set(file.name, [...(groups.get(file.name) ?? []), file]);
  return groups;
}

/**
 * Pairs annotations by base name; where a base name occurs more than once, by the folders too.
 *
 * @returns one pair per truth, in the order of the truth, and the predictions without truth
 * @throws DataError when a name occurs more than once and the folders do not decide, or when nothing pairs
 */
export function pairAnnotations(
  truth: readonly AnnotationFile[],
  prediction: readonly AnnotationFile[],
): { pairs: AnnotationPair[]; extra: AnnotationFile[] } {
  const truths = groupByName(truth);
  const predictions = groupByName(prediction);
  const partner = new Map<AnnotationFile, AnnotationFile>();
  for (const [name, ours] of truths) {
    const theirs = predictions.get(name) ?? [];
    if (ours.length === 1 && theirs.length === 1) {
      partner.set(ours[0]!, theirs[0]!);
      continue;
    }
    for (const file of ours) {
      const same = theirs.find((other) => other.key === file.key);
      if (same !== undefined) partner.set(file, same);
    }
    const used = new Set(partner.values());
    const open = ours.find((file) => !partner.has(file));
    const left = theirs.find((file) => !used.has(file));
    if (open !== undefined && left !== undefined) {
      throw new DataError(
        `${open.path} and ${left.path}: "${name}" occurs more than once and the folders differ; use the same folders in truth and prediction, or different names`,
      );
    }
  }
  if (partner.size === 0) {
    throw new DataError(
      `no prediction has the name of a true annotation: ${truth[0]?.path} has no partner like ${prediction[0]?.path}; give matching folders`,
    );
  }
  const used = new Set(partner.values());
  return {
    pairs: truth.map((file) => ({ truth: file, prediction: partner.get(file) ?? null })),
    extra: prediction.filter((file) => !used.has(file)),
  };
}
