/**
 * Grey-scale reconstruction by erosion on bytes.
 *
 * @module
 */
import { DataError } from "../errors.js";
import { assertSameSize, type ByteMap } from "../raster.js";
import { Workspace } from "./workspace.js";

/**
 * Reconstruction by erosion with the 3×3 neighbourhood: the limit of s ← max(g, min over the neighbourhood of
 * s), starting from the seed s above the mask g; outside the image is ignored (spec/postprocessing.md §3 step 3;
 * `skimage.morphology.reconstruction(seed, mask, method="erosion")`).
 *
 * Pixels are settled in increasing value from 256 buckets. The first settled neighbour of a pixel is its lowest,
 * so each pixel is lowered at most once: linear time.
 *
 * @param seed - ByteMap, at least `mask` everywhere
 * @param mask - ByteMap of the same size
 * @throws ShapeError when the sizes differ
 * @throws DataError when the seed lies below the mask
 */
export function reconstructByErosion(seed: ByteMap, mask: ByteMap, workspace = new Workspace()): ByteMap {
  assertSameSize("seed", seed, "mask", mask);
  const { width, height } = mask;
  const stride = width + 2;
  const size = stride * (height + 2);
  // The frame has floor 255: nothing lowers it.
  const floor = workspace.uint8("reconstruct.floor", size).fill(255);
  const value = workspace.uint8("reconstruct.value", size).fill(255);
  const starts = new Int32Array(257);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const s = seed.data[y * width + x]!;
      const g = mask.data[y * width + x]!;
      if (s < g) {
        throw new DataError(
          `seed of the reconstruction is ${s} at pixel (${x}, ${y}), below the mask's ${g}; it must be at least the mask`,
        );
      }
      const p = (y + 1) * stride + x + 1;
      value[p] = s;
      floor[p] = g;
      starts[s + 1]!++;
    }
  }
  for (let v = 0; v < 256; v++) starts[v + 1]! += starts[v]!;
  const fill = starts.slice();
  const order = workspace.int32("reconstruct.order", width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0, p = (y + 1) * stride + 1; x < width; x++, p++) order[fill[value[p]!]!++] = p;
  }

  const lowered = new Int32Array(256);
  const next = workspace.int32("reconstruct.next", size);
  const neighbours = [-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1];
  const settle = (p: number, v: number): void => {
    for (const offset of neighbours) {
      const q = p + offset;
      const g = floor[q]!;
      const candidate = Math.max(g, v);
      if (candidate >= value[q]!) continue;
      value[q] = candidate;
      next[q] = lowered[candidate]!;
      lowered[candidate] = q;
    }
  };
  for (let v = 0; v < 255; v++) {
    for (let i = starts[v]!; i < starts[v + 1]!; i++) if (value[order[i]!] === v) settle(order[i]!, v);
    while (lowered[v] !== 0) {
      const p = lowered[v]!;
      lowered[v] = next[p]!;
      settle(p, v);
    }
  }

  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + 1) * stride + 1;
    data.set(value.subarray(start, start + width), y * width);
  }
  return { width, height, data };
}
