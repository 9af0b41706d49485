/**
 * Markers of the watershed: regional minima of the relief after filling every basin by h.
 *
 * @module
 */
import { UsageError } from "../errors.js";
import { assertSameSize, type BinaryMap, type ByteMap } from "../raster.js";
import { type FramedLabels, labelPixels, unframeLabels } from "./framed.js";
import type { LabelledMap } from "./label-components.js";
import { Workspace } from "./workspace.js";

/**
 * Finds the markers of spec/postprocessing.md §3 steps 3 to 5: R = reconstruction by erosion of min(255, I + h)
 * over I; the regional minima of R below 255, 8-connected; cut to the mask and labelled, 8-connected.
 *
 * @param relief - I, low inside nuclei
 * @param mask - markers lie where it is not 0
 * @param h - depth, an integer 0…255
 * @returns ids 1… in raster order
 * @throws ShapeError when the sizes differ
 * @throws UsageError when h is not an integer 0…255
 */
export function hMinimaMarkers(
  relief: ByteMap,
  mask: BinaryMap,
  h: number,
  workspace = new Workspace(),
): LabelledMap {
  assertSameSize("relief", relief, "mask", mask);
  const { width, height } = relief;
  const stride = width + 2;
  const size = stride * (height + 2);
  const field = workspace.uint8("markers.field", size).fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) field[(y + 1) * stride + x + 1] = 255 - relief.data[y * width + x]!;
  }
  const marks = workspace.uint8("markers.marks", size);
  markMaxima(field, marks, stride, h, workspace);
  const pixels = workspace.int32("markers.pixels", width * height);
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const p = (y + 1) * stride + x + 1;
      if (marks[p] !== 0 && mask.data[y * width + x] !== 0) pixels[count++] = p;
    }
  }
  const labels = workspace.int32("markers.labels", size).fill(0);
  const ids = labelPixels(pixels, count, stride, 8, labels, workspace);
  const framed: FramedLabels = { width, height, stride, labels, pixels, count };
  return { ...unframeLabels(framed), count: ids };
}

/**
 * Marks the regional maxima above 0 of the h-dome reconstruction of a framed field, 8-connected.
 *
 * With D = 255 − I the reconstruction is that of max(0, D − h) by dilation under D. A pixel is settled once, by
 * the highest level v that reaches it: at v when D ≥ v, at D otherwise. Going down level by level, first the
 * slopes that hang from higher plateaus spread; a seed that is still unsettled then lies in a plateau without
 * higher neighbour, which is a regional maximum. The search ends with the last seed, so it never visits more
 * than the surroundings of the nuclei.
 *
 * @param field - D with a frame of zeros; on return 0 wherever the search has been
 * @param marks - receives 1 on maxima, 0 elsewhere; as long as the field
 * @throws UsageError when h is not an integer 0…255
 */
export function markMaxima(
  field: Uint8Array,
  marks: Uint8Array,
  stride: number,
  h: number,
  workspace: Workspace,
): void {
  if (!Number.isInteger(h) || h < 0 || h > 255) {
    throw new UsageError(`depth h must be an integer 0 to 255, received ${h}`);
  }
  const size = field.length;
  marks.fill(0);
  const seedNext = workspace.int32("maxima.seedNext", size);
  const slopeNext = workspace.int32("maxima.slopeNext", size);
  const stack = workspace.int32("maxima.stack", size);
  // Position 0 belongs to the frame, so 0 ends a list.
  const seeds = new Int32Array(256);
  const slopes = new Int32Array(256);
  let unsettled = 0;
  for (let p = 0; p < size; p++) {
    const d = field[p]!;
    if (d <= h) continue;
    seedNext[p] = seeds[d - h]!;
    seeds[d - h] = p;
    unsettled++;
  }
  const neighbours = Int32Array.of(-stride - 1, -stride, 1 - stride, -1, 1, stride - 1, stride, stride + 1);
  const spread = (start: number, level: number, mark: number): void => {
    let depth = 0;
    stack[depth++] = start;
    while (depth > 0) {
      const p = stack[--depth]!;
      marks[p] = mark;
      for (let k = 0; k < 8; k++) {
        const q = p + neighbours[k]!;
        const d = field[q]!;
        if (d === 0) continue;
        field[q] = 0;
        if (d > h) unsettled--;
        if (d >= level) stack[depth++] = q;
        else {
          slopeNext[q] = slopes[d]!;
          slopes[d] = q;
        }
      }
    }
  };
  for (let level = 255 - h; level > 0 && unsettled > 0; level--) {
    for (let p = slopes[level]!; p !== 0; p = slopeNext[p]!) spread(p, level, 0);
    for (let p = seeds[level]!; p !== 0; p = seedNext[p]!) {
      if (field[p] === 0) continue;
      field[p] = 0;
      unsettled--;
      spread(p, level, 1);
    }
  }
}
