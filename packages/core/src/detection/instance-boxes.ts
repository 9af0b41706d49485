/**
 * True boxes, classes and masks of the instances of a label map.
 *
 * @module
 */
import type { LabelMap, Raster } from "../raster.js";

/** The instances of one image; entry i of each list belongs to one instance. */
export interface BoxedInstances {
  /** Value in the label map, ascending. */
  readonly ids: readonly number[];
  /** Class id, 1…K: that of the instance's first pixel in raster order. */
  readonly labels: readonly number[];
  /** The smallest boxes that cover all pixels, `x1, y1, x2, y2`; maxima exclusive. */
  readonly boxes: Float64Array;
}

/** Boxes and classes of all instances with a class; instances whose class is 0 are left out. */
export function boxInstances(instances: LabelMap, classes: Raster<ArrayLike<number>>): BoxedInstances {
  const { width, height, data } = instances;
  const found = new Map<number, { label: number; box: [number, number, number, number] }>();
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const id = data[p]!;
      if (id === 0) continue;
      const known = found.get(id);
      if (known === undefined) {
        found.set(id, { label: classes.data[p]!, box: [x, y, x + 1, y + 1] });
        continue;
      }
      const { box } = known;
      if (x < box[0]) box[0] = x;
      if (x >= box[2]) box[2] = x + 1;
      box[3] = y + 1;
    }
  }
  const entries = [...found].filter(([, { label }]) => label > 0).sort(([a], [b]) => a - b);
  return {
    ids: entries.map(([id]) => id),
    labels: entries.map(([, { label }]) => label),
    boxes: Float64Array.from(entries.flatMap(([, { box }]) => box)),
  };
}

/**
 * The mask of one instance seen through a box: RoIAlign of its 0/1 map with as many sampling points per cell as the
 * box has pixels there, values in 0…1 (torchvision's `project_masks_on_boxes`).
 *
 * @param box index into `boxes`
 * @param side cells per side of the result
 * @returns `side` × `side`, row-major
 */
export function maskInBox(
  instances: LabelMap,
  id: number,
  boxes: ArrayLike<number>,
  box: number,
  side: number,
): Float64Array {
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map((k) => boxes[4 * box + k]!) as [number, number, number, number];
  const columns = sampleLine(x1, x2, side, instances.width);
  const rows = sampleLine(y1, y2, side, instances.height);
  const { data, width } = instances;
  const inside = (y: number, x: number): number => (data[y * width + x] === id ? 1 : 0);
  const mask = new Float64Array(side * side);
  for (let i = 0; i < rows.points.length; i++) {
    const v = rows.points[i]!;
    if (v === null) continue;
    for (let j = 0; j < columns.points.length; j++) {
      const u = columns.points[j]!;
      if (u === null) continue;
      const top = inside(v.low, u.low) * (1 - u.share) + inside(v.low, u.high) * u.share;
      const bottom = inside(v.high, u.low) * (1 - u.share) + inside(v.high, u.high) * u.share;
      const cell = Math.floor(i / rows.perCell) * side + Math.floor(j / columns.perCell);
      mask[cell]! += top * (1 - v.share) + bottom * v.share;
    }
  }
  const count = rows.perCell * columns.perCell;
  return mask.map((sum) => sum / count);
}

/** Two neighbouring pixels and the share of the second. */
interface Between {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** Sampling points along one axis; null where they lie a pixel or more outside of the map. */
function sampleLine(
  from: number,
  to: number,
  cells: number,
  size: number,
): { readonly perCell: number; readonly points: readonly (Between | null)[] } {
  const length = Math.max(to - from, 1);
  const perCell = Math.ceil(length / cells);
  const points = Array.from({ length: cells * perCell }, (_, i): Between | null => {
    const at = from + ((i + 0.5) * length) / (cells * perCell);
    if (at < -1 || at > size) return null;
    const inner = Math.min(Math.max(at, 0), size - 1);
    const low = Math.floor(inner);
    return { low, high: Math.min(low + 1, size - 1), share: inner - low };
  });
  return { perCell, points };
}
