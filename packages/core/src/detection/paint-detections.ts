/**
 * From detections with masks to a label map (spec/postprocessing.md §8).
 *
 * @module
 */
import type { LabelMap } from "../raster.js";

/** One object a network found. */
export interface Detection {
  /** x1, y1, x2, y2, pixels; may reach beyond the image. */
  readonly box: readonly [number, number, number, number];
  /** 0…1. */
  readonly score: number;
  /** Class id, 1…K. */
  readonly label: number;
  /** Class probabilities, background first. */
  readonly probabilities: readonly number[];
  /** Probability of the object in each of m × m cells of the box, row-major. */
  readonly mask: ArrayLike<number>;
}

/** Detections as instances. */
export interface PaintedDetections {
  readonly labels: LabelMap;
  /** The detection of instance i + 1. */
  readonly detections: readonly Detection[];
}

/** Constants of §8. */
export interface PaintOptions {
  /** Detections below this score are left out. Default 0.5. */
  readonly score?: number;
  /** An instance must keep at least this many pixels. Default 10. */
  readonly pixels?: number;
}

/**
 * Paints detections by falling score (ties by index) onto a map of zeros; each takes only pixels that are still free.
 *
 * A pixel belongs to a detection when its centre lies in the box and the mask there, interpolated between the centres
 * of its cells, exceeds 0.5. Pixel x is looked up at coordinate x of the box, not x + 0.5, because the network's masks
 * are learned through RoIAlign without the half-pixel shift ({@link maskInBox}).
 */
export function paintDetections(
  detections: readonly Detection[],
  size: { readonly width: number; readonly height: number },
  { score = 0.5, pixels = 10 }: PaintOptions = {},
): PaintedDetections {
  const { width, height } = size;
  const data = new Int32Array(width * height);
  const order = detections
    .map((_, i) => i)
    .filter((i) => detections[i]!.score >= score)
    .sort((a, b) => detections[b]!.score - detections[a]!.score || a - b);
  const painted: Detection[] = [];
  for (const i of order) {
    const detection = detections[i]!;
    const free = pixelsOf(detection, size).filter((p) => data[p] === 0);
    if (free.length < pixels) continue;
    painted.push(detection);
    for (const p of free) data[p] = painted.length;
  }
  return { labels: { width, height, data }, detections: painted };
}

/** Positions of all pixels of a detection within the image. */
function pixelsOf(
  { box, mask }: Detection,
  { width, height }: { readonly width: number; readonly height: number },
): number[] {
  const side = Math.round(Math.sqrt(mask.length));
  const [x1, y1, x2, y2] = box;
  const columns = cellsAlong(x1, x2, width, side);
  const rows = cellsAlong(y1, y2, height, side);
  const pixels: number[] = [];
  for (const v of rows) {
    for (const u of columns) {
      const top = mask[v.low * side + u.low]! * (1 - u.share) + mask[v.low * side + u.high]! * u.share;
      const bottom = mask[v.high * side + u.low]! * (1 - u.share) + mask[v.high * side + u.high]! * u.share;
      if (top * (1 - v.share) + bottom * v.share > 0.5) pixels.push(v.at * width + u.at);
    }
  }
  return pixels;
}

/** The pixels of one axis whose centres lie in the box, each with its two neighbouring cells. */
function cellsAlong(
  from: number,
  to: number,
  size: number,
  side: number,
): { readonly at: number; readonly low: number; readonly high: number; readonly share: number }[] {
  const first = Math.max(0, Math.ceil(from - 0.5));
  const end = Math.min(size, Math.ceil(to - 0.5));
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => {
    const at = first + i;
    const cell = Math.min(Math.max(((at - from) * side) / (to - from) - 0.5, 0), side - 1);
    const low = Math.floor(cell);
    return { at, low, high: Math.min(low + 1, side - 1), share: cell - low };
  });
}
