/**
 * Regions that annotators left open, such as MoNuSAC's ambiguous ones: predictions there are erased before anything is
 * measured (spec/data.md §5, spec/metrics.md §5).
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError, ShapeError, type TypedLabels } from "@renograde/core";
import { readLabelPng, toFileAccessError } from "@renograde/slides/node";

/** Paths of the region maps of a folder by base name. */
export type RegionFiles = ReadonlyMap<string, string>;

/**
 * Lists the label PNGs of a folder, such as `Test/Ambiguous` of a converted MoNuSAC.
 *
 * @throws FileAccessError when the folder cannot be read; DataError when it holds no PNG
 */
export async function findRegions(folder: string): Promise<RegionFiles> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw toFileAccessError(folder, cause);
  });
  const pngs = names.filter((name) => /\.png$/i.test(name));
  if (pngs.length === 0) throw new DataError(`${folder}: holds no label PNG with regions to ignore`);
  return new Map(pngs.map((name) => [name.slice(0, -".png".length), join(folder, name)]));
}

/**
 * Erases predicted pixels inside the regions of a file; a nucleus that loses all of them is gone.
 *
 * @throws FileAccessError, FileFormatError naming the file; ShapeError when it is of another size
 */
export async function eraseRegions(prediction: TypedLabels, path: string): Promise<TypedLabels> {
  const { labels, types } = prediction;
  const regions = await readLabelPng(path);
  if (regions.width !== labels.width || regions.height !== labels.height) {
    throw new ShapeError(
      `${path} is ${regions.width} x ${regions.height} px, but the annotations are ${labels.width} x ${labels.height} px; regions and truth must be of the same image`,
    );
  }
  const data = labels.data.map((id, i) => (regions.data[i] === 0 ? id : 0));
  return { labels: { ...labels, data }, types };
}
