/**
 * Pairs images with annotation files by base name within one set.
 *
 * @module
 */
import { basename, extname, sep } from "node:path";
import { DataError, listSome } from "@renograde/core";
import type { SetName } from "../dataset.js";
import { listFiles, setOfFolder } from "../find-entries.js";

/** An image and its annotation. */
export interface FilePair {
  readonly name: string;
  readonly set: SetName | null;
  readonly imagePath: string;
  readonly labelPath: string;
  /** Name of the folder the annotation lies in. */
  readonly folder: string;
}

/** What to pair. */
export interface PairOptions {
  /** Endings of annotations, lower case. */
  readonly labels: readonly string[];
  /** Endings of images, lower case, the preferred first where an image is there twice. */
  readonly images: readonly string[];
}

interface Found {
  readonly path: string;
  readonly name: string;
  readonly set: SetName | null;
  readonly extension: string;
  readonly folder: string;
  readonly inImages: boolean;
}

/**
 * Lists the pairs below a folder by set and name. Where folders called images (also `Lizard_Images1`) exist, only
 * what lies in them is an image: overlays and label pictures are left out.
 *
 * @throws FileAccessError when the folder cannot be read; DataError when nothing pairs, something has no partner, or
 *   two files have one name
 */
export async function pairFiles(root: string, options: PairOptions): Promise<FilePair[]> {
  const found = (await listFiles(root)).map((path): Found => {
    const folders = path.slice(root.length).split(sep).filter(Boolean).slice(0, -1);
    const ending = extname(path);
    return {
      path,
      name: basename(path, ending),
      set: setOfFolder(folders),
      extension: ending.toLowerCase(),
      folder: folders.at(-1) ?? "",
      inImages: folders.some((folder) => /images?\d*$/i.test(folder)),
    };
  });
  const labels = unique(
    found.filter((file) => options.labels.includes(file.extension)),
    options.labels,
  );
  const pictures = found.filter((file) => options.images.includes(file.extension));
  const inImages = pictures.filter((file) => file.inImages);
  const images = unique(inImages.length > 0 ? inImages : pictures, options.images);
  if (images.size === 0 || labels.size === 0) {
    throw new DataError(
      `${root}: found ${images.size} images (${options.images.join(", ")}) and ${labels.size} annotations (${options.labels.join(", ")}); expected pairs of the same base name`,
    );
  }
  const bare = [...images].filter(([key]) => !labels.has(key)).map(([, file]) => file.path);
  const orphans = [...labels].filter(([key]) => !images.has(key)).map(([, file]) => file.path);
  if (bare.length > 0) {
    throw new DataError(
      `${root}: ${bare.length} of ${images.size} images have no annotation of the same name: ${listSome(bare, 3)}`,
    );
  }
  if (orphans.length > 0) {
    throw new DataError(
      `${root}: ${orphans.length} of ${labels.size} annotations have no image of the same name: ${listSome(orphans, 3)}`,
    );
  }
  return [...images]
    .map(([key, image]) => {
      const label = labels.get(key)!;
      const { name, set } = image;
      return { name, set, imagePath: image.path, labelPath: label.path, folder: label.folder };
    })
    .sort((a, b) => (`${a.set}/${a.name}` < `${b.set}/${b.name}` ? -1 : 1));
}

/** Files by set and name; of one name the one whose ending comes first in `preference`. */
function unique(files: readonly Found[], preference: readonly string[]): Map<string, Found> {
  const result = new Map<string, Found>();
  const rank = (file: Found): number => preference.indexOf(file.extension);
  for (const file of files) {
    const key = `${file.set ?? ""}/${file.name}`;
    const other = result.get(key);
    if (other !== undefined && other.extension === file.extension) {
      throw new DataError(
        `${file.path}: a second file of this name beside ${other.path}; rename one of them`,
      );
    }
    if (other === undefined || rank(file) < rank(other)) result.set(key, file);
  }
  return result;
}
