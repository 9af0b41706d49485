/**
 * PanNuke: folds of `images.npy`, `masks.npy` and `types.npy`, read row by row (spec/data.md §4).
 *
 * @module
 */
import { basename, dirname, relative, sep } from "node:path";
import { DataError, type LabelMap, ShapeError } from "@renograde/core";
import { type NumericArray, parseNpyStrings } from "@renograde/formats";
import { readFileBytes } from "@renograde/slides/node";
import { listFiles } from "../find-entries.js";
import { type NpyRows, openNpyRows, wholeRow } from "./npy-rows.js";
import type { ConvertItem, ConvertSample, ConvertSource } from "./source.js";

/** Channels 0 to 4 of the masks; channel 5 is the background. */
export const PANNUKE_CLASSES: readonly string[] = [
  "Neoplastic",
  "Inflammatory",
  "Connective",
  "Dead",
  "Epithelial",
];
const CHANNELS = 6;
const MAX_ID = 2 ** 24;

/**
 * Instances of one row of masks: the channels in order, every distinct id other than 0 a new running id, later
 * channels over earlier ones.
 *
 * @param masks - rows × columns × 6
 */
export function pannukeInstances(
  masks: NumericArray,
  width: number,
  height: number,
  path: string,
  what: string,
): { labels: LabelMap; types: Map<number, number> } {
  const values = wholeRow(masks, new Int32Array(width * height * CHANNELS), MAX_ID, path, what);
  const data = new Int32Array(width * height);
  const types = new Map<number, number>();
  let running = 0;
  for (let channel = 0; channel < CHANNELS - 1; channel++) {
    const ids = new Set<number>();
    for (let i = channel; i < values.length; i += CHANNELS) if (values[i] !== 0) ids.add(values[i]!);
    const numbers = new Map<number, number>();
    for (const id of [...ids].sort((a, b) => a - b)) {
      numbers.set(id, ++running);
      types.set(running, channel + 1);
    }
    for (let p = 0, i = channel; p < data.length; p++, i += CHANNELS) {
      if (values[i] !== 0) data[p] = numbers.get(values[i]!)!;
    }
  }
  return { labels: { width, height, data }, types };
}

/** `fold1` from a folder such as `Fold 1`, the innermost first; else the folders themselves. */
function foldName(root: string, path: string): string {
  const folders = [basename(root), ...relative(root, dirname(path)).split(sep)].filter(Boolean);
  for (const folder of folders.toReversed()) {
    const number = /fold[\s_-]*(\d+)/i.exec(folder)?.[1];
    if (number !== undefined) return `fold${number}`;
  }
  return folders.at(-1)!.replace(/[^\w.-]+/g, "-");
}

/** The file of the same fold: beside, or in the folder where `images` is replaced. */
function partner(files: ReadonlySet<string>, images: string, name: string, folder: string): string | null {
  const beside = `${images.slice(0, -"images.npy".length)}${name}`;
  const parts = images.slice(0, -"images.npy".length).split(sep);
  const at = parts.findLastIndex((part) => /^images$/i.test(part));
  const apart = `${parts.with(at < 0 ? 0 : at, at < 0 ? parts[0]! : folder).join(sep)}${name}`;
  return [beside, apart].find((path) => files.has(path)) ?? null;
}

interface Fold {
  readonly name: string;
  readonly images: NpyRows;
  readonly masks: NpyRows;
  readonly tissues: readonly string[] | null;
}

async function openFold(
  root: string,
  path: string,
  files: ReadonlySet<string>,
  open: NpyRows[],
): Promise<Fold> {
  const masksPath = partner(files, path, "masks.npy", "masks");
  if (masksPath === null) {
    throw new DataError(`${path}: no masks.npy beside it or in the folder masks; unpack the whole fold`);
  }
  const images = await openNpyRows(path, 4);
  open.push(images);
  const masks = await openNpyRows(masksPath, 4);
  open.push(masks);
  const [count, height, width, channels] = images.shape;
  const [maskCount, maskHeight, maskWidth, maskChannels] = masks.shape;
  if (channels !== 3) {
    throw new ShapeError(`${path}: has shape (${images.shape.join(", ")}), expected N x 256 x 256 x 3`);
  }
  if (maskCount !== count || maskHeight !== height || maskWidth !== width || maskChannels !== CHANNELS) {
    throw new ShapeError(
      `${masksPath}: has shape (${masks.shape.join(", ")}), expected (${count}, ${height}, ${width}, ${CHANNELS}) as ${path} demands`,
    );
  }
  const typesPath = partner(files, path, "types.npy", "masks");
  const tissues = typesPath === null ? null : parseNpyStrings(await readFileBytes(typesPath), typesPath);
  if (tissues !== null && tissues.length !== count) {
    throw new ShapeError(`${typesPath}: names ${tissues.length} tissues, but ${path} holds ${count} images`);
  }
  return { name: foldName(root, path), images, masks, tissues };
}

async function loadRow({ images, masks }: Fold, index: number): Promise<ConvertSample> {
  const [, height = 0, width = 0] = images.shape;
  const pixels = new Uint8Array(width * height * 3);
  const image = wholeRow(await images.read(index), pixels, 255, images.path, `image ${index}`);
  const instances = pannukeInstances(await masks.read(index), width, height, masks.path, `image ${index}`);
  return {
    image: { width, height, data: image },
    ...instances,
    ambiguous: null,
    slide: null,
    warnings: [],
  };
}

/** Opens a fold, or a folder of folds. Images are named `fold1_00000_Kidney`. */
export async function openPannuke(input: string): Promise<ConvertSource> {
  const files = await listFiles(input);
  const paths = files.filter((path) => basename(path) === "images.npy");
  if (paths.length === 0) {
    throw new DataError(`${input}: no images.npy found; give a fold of PanNuke, or a folder of folds`);
  }
  const open: NpyRows[] = [];
  const close = async (): Promise<void> => {
    for (const rows of open) await rows.close();
  };
  try {
    const all = new Set(files);
    const items: ConvertItem[] = [];
    const folds = new Map<string, string>();
    for (const path of paths) {
      const fold = await openFold(input, path, all, open);
      const other = folds.get(fold.name);
      if (other !== undefined) {
        throw new DataError(
          `${path}: a second fold called "${fold.name}" beside ${other}; convert them apart`,
        );
      }
      folds.set(fold.name, path);
      for (let i = 0; i < fold.images.shape[0]!; i++) {
        const tissue = fold.tissues?.[i]?.replace(/[^\w-]+/g, "-");
        const name = [fold.name, String(i).padStart(5, "0"), ...(tissue ? [tissue] : [])].join("_");
        items.push({ name, set: null, load: async () => await loadRow(fold, i) });
      }
    }
    return { items, classes: PANNUKE_CLASSES, mpp: 0.25, warnings: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}
