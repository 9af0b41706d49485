/**
 * Marker-controlled watershed, equal to scikit-image's to the last tie.
 *
 * @module
 */
import { DataError } from "../errors.js";
import type { WatershedTies } from "../post-options.js";
import { assertSameSize, type BinaryMap, type LabelMap, type Raster } from "../raster.js";
import { flood } from "./flood.js";
import { unframeLabels } from "./framed.js";
import { Workspace } from "./workspace.js";

/**
 * Floods a relief from markers, lowest values first, 4-connected, without watershed lines
 * (spec/postprocessing.md §3.1; `skimage.segmentation.watershed(relief, markers, mask=mask)`).
 *
 * @param relief - any numbers but NaN; a `Uint8Array` is flooded fastest
 * @param markers - ids > 0; those outside the mask are ignored
 * @param mask - only its pixels that are not 0 are flooded
 * @param ties - order of equal values: `"skimage-legacy"` is scikit-image 0.14.2 to 0.25.1;
 *   `"skimage-0.25.2"` pushes max(value, level) as later versions do; `"component"` is legacy with a queue per
 *   4-connected component of the mask, so that a nucleus does not depend on what lies elsewhere
 * @returns marker ids, 0 where no flood came
 * @throws ShapeError when sizes differ or the mask has more than 2^26 pixels
 * @throws DataError when a relief value inside the mask is NaN
 */
export function watershed(
  relief: Raster<ArrayLike<number>>,
  markers: LabelMap,
  mask: BinaryMap,
  ties: WatershedTies = "skimage-legacy",
  workspace = new Workspace(),
): LabelMap {
  assertSameSize("relief", relief, "markers", markers);
  assertSameSize("relief", relief, "mask", mask);
  const { width, height } = relief;
  const stride = width + 2;
  const size = stride * (height + 2);
  const labels = workspace.int32("watershed.labels", size).fill(-1);
  const pixels = workspace.int32("watershed.pixels", width * height);
  const sources = workspace.int32("watershed.sources", width * height);
  const values =
    relief.data instanceof Uint8Array
      ? workspace.uint8("watershed.bytes", size)
      : workspace.float64("watershed.values", size);
  let count = 0;
  let sourceCount = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (mask.data[i] === 0) continue;
      const p = (y + 1) * stride + x + 1;
      const value = relief.data[i]!;
      if (Number.isNaN(value)) {
        throw new DataError(`relief is NaN at pixel (${x}, ${y}); the watershed needs numbers`);
      }
      pixels[count++] = p;
      values[p] = value;
      const marker = markers.data[i]!;
      labels[p] = Math.max(marker, 0);
      if (marker > 0) sources[sourceCount++] = p;
    }
  }
  flood(values, labels, stride, pixels, count, sources, sourceCount, () => sources, ties, workspace);
  return unframeLabels({ width, height, stride, labels, pixels, count });
}
