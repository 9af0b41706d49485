/**
 * HoVer-Net's offset maps: where each pixel lies in its nucleus, left to right and top to bottom
 * (spec/baselines.md §6).
 *
 * @module
 */
import type { LabelMap } from "@renograde/core";

/** Nuclei with fewer pixels in the network's output have no offsets. */
const LEAST_PIXELS = 30;

/**
 * Writes horizontal, then vertical offsets of the centre of a crop. An instance's centre is its centre of mass,
 * rounded (floor(x + 0.5)), over the whole crop; the pixel there has offset 1, the one before it 0. Negative offsets
 * are divided by the smallest one's size, positive by the greatest.
 *
 * @param into - `[2, output, output]`, all of it written
 * @param labels - instances of a whole crop, ids ≥ 0
 */
export function writeOffsets(into: Float32Array, labels: LabelMap, output: number): void {
  const { width, data } = labels;
  const inset = (width - output) / 2;
  let last = 0;
  for (let p = 0; p < data.length; p++) if (data[p]! > last) last = data[p]!;
  const inside = new Int32Array(last + 1);
  for (let y = inset; y < inset + output; y++) {
    for (let p = y * width + inset, end = p + output; p < end; p++) inside[data[p]!]!++;
  }
  const axes = [offsetTable(labels, last, "x"), offsetTable(labels, last, "y")] as const;
  for (const [axis, { centres, least, most }] of axes.entries()) {
    for (let y = 0, to = axis * output * output; y < output; y++) {
      for (let x = 0; x < output; x++, to++) {
        const id = data[(y + inset) * width + x + inset]!;
        if (id === 0 || inside[id]! < LEAST_PIXELS) {
          into[to] = 0;
          continue;
        }
        const offset = inset + (axis === 0 ? x : y) + 1 - centres[id]!;
        into[to] = offset < 0 ? offset / -least[id]! : offset > 0 ? offset / most[id]! : 0;
      }
    }
  }
}

/** Rounded centre of every instance along an axis, and its smallest and greatest offset. */
function offsetTable(
  { width, height, data }: LabelMap,
  last: number,
  axis: "x" | "y",
): { centres: Int32Array; least: Int32Array; most: Int32Array } {
  const areas = new Int32Array(last + 1);
  const sums = new Float64Array(last + 1);
  const least = new Int32Array(last + 1).fill(width + height);
  const most = new Int32Array(last + 1).fill(-1);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const id = data[p]!;
      const at = axis === "x" ? x : y;
      areas[id]!++;
      sums[id]! += at;
      if (at < least[id]!) least[id] = at;
      if (at > most[id]!) most[id] = at;
    }
  }
  const centres = new Int32Array(last + 1);
  for (let id = 1; id <= last; id++) {
    if (areas[id] === 0) continue;
    centres[id] = Math.floor(sums[id]! / areas[id]! + 0.5);
    least[id]! += 1 - centres[id]!;
    most[id]! += 1 - centres[id]!;
  }
  return { centres, least, most };
}
