/**
 * Polygons to pixels.
 *
 * @module
 */
import type { BinaryMap, LabelMap } from "../raster.js";

/** Points `x0, y0, x1, y1, …`; closed whether or not the last point repeats the first. */
export type PointList = ArrayLike<number>;

/**
 * Which pixels belong to a polygon. `"centres"`: those whose centre (x + 0.5, y + 0.5) lies inside, for rings along
 * pixel edges such as GeoJSON's. `"lattice"`: those whose point (x, y) lies inside or on an edge or vertex, for
 * outlines whose coordinates are pixel numbers (`skimage.draw.polygon`).
 */
export type PixelRule = "centres" | "lattice";

/**
 * Fills a polygon by the even-odd rule over all its rings.
 *
 * @param rings - exterior and holes in any order
 * @returns BinaryMap of the given size; what lies outside is cut off
 */
export function rasterizePolygon(
  rings: readonly PointList[],
  width: number,
  height: number,
  rule: PixelRule = "centres",
): BinaryMap {
  const data = new Uint8Array(width * height);
  forEachSpan(rings, width, height, rule, (y, from, to) => data.fill(1, y * width + from, y * width + to));
  return { width, height, data };
}

/** Paints a polygon into a label map in place, over whatever is there; see {@link rasterizePolygon}. */
export function paintPolygon(
  labels: LabelMap,
  rings: readonly PointList[],
  label: number,
  rule: PixelRule = "centres",
): void {
  const { width, height, data } = labels;
  forEachSpan(rings, width, height, rule, (y, from, to) =>
    data.fill(label, y * width + from, y * width + to),
  );
}

/**
 * Calls `span(y, from, to)` for runs of pixels `from … to − 1` of row y that belong to the polygon; runs may overlap.
 * Linear in the edges' heights plus the pixels.
 */
export function forEachSpan(
  rings: readonly PointList[],
  width: number,
  height: number,
  rule: PixelRule,
  span: (y: number, from: number, to: number) => void,
): void {
  const centre = rule === "centres" ? 0.5 : 0;
  // An edge crosses the line y = c when one end is above c and the other is not: runs [enter, leave).
  forEachRun(rings, height, centre, false, (y, enter, leave) => {
    const from = Math.max(0, Math.ceil(enter - centre));
    const to = Math.min(width, Math.ceil(leave - centre));
    if (from < to) span(y, from, to);
  });
  if (rule === "centres") return;
  // The same with "below", runs (enter, leave]: what only one of the two has lies on an edge.
  forEachRun(rings, height, centre, true, (y, enter, leave) => {
    const from = Math.max(0, Math.floor(enter) + 1);
    const to = Math.min(width, Math.floor(leave) + 1);
    if (from < to) span(y, from, to);
  });
  for (const ring of rings) {
    for (let i = 0; i + 1 < ring.length; i += 2) {
      const x = ring[i]!;
      const y = ring[i + 1]!;
      if (Number.isInteger(x) && Number.isInteger(y) && x >= 0 && y >= 0 && x < width && y < height) {
        span(y, x, x + 1);
      }
    }
  }
}

/** Pairs the crossings of the edges with every line y = row + centre, sorted by x. */
function forEachRun(
  rings: readonly PointList[],
  height: number,
  centre: number,
  below: boolean,
  run: (y: number, enter: number, leave: number) => void,
): void {
  let top = height;
  let bottom = -1;
  forEachEdge(rings, height, centre, below, (_x0, _y0, _x1, _y1, first, last) => {
    if (first < top) top = first;
    if (last > bottom) bottom = last;
  });
  if (top > bottom) return;
  const starts = new Int32Array(bottom - top + 2);
  forEachEdge(rings, height, centre, below, (_x0, _y0, _x1, _y1, first, last) => {
    for (let y = first; y <= last; y++) starts[y - top + 1]!++;
  });
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const crossings = new Float64Array(starts[starts.length - 1]!);
  const fill = starts.slice();
  forEachEdge(rings, height, centre, below, (x0, y0, x1, y1, first, last) => {
    for (let y = first; y <= last; y++) {
      crossings[fill[y - top]!++] = x0 + ((y + centre - y0) * (x1 - x0)) / (y1 - y0);
    }
  });
  for (let y = top; y <= bottom; y++) {
    const row = crossings.subarray(starts[y - top]!, starts[y - top + 1]!).sort();
    for (let i = 0; i + 1 < row.length; i += 2) run(y, row[i]!, row[i + 1]!);
  }
}

/** Calls `edge` with each edge and the rows first … last whose line it crosses. */
function forEachEdge(
  rings: readonly PointList[],
  height: number,
  centre: number,
  below: boolean,
  edge: (x0: number, y0: number, x1: number, y1: number, first: number, last: number) => void,
): void {
  for (const ring of rings) {
    const n = ring.length;
    for (let i = 0; i + 1 < n; i += 2) {
      const j = i + 2 < n ? i + 2 : 0;
      const y0 = ring[i + 1]!;
      const y1 = ring[j + 1]!;
      const low = Math.min(y0, y1) - centre;
      const high = Math.max(y0, y1) - centre;
      // low ≤ y < high, or low < y ≤ high.
      const first = Math.max(0, below ? Math.floor(low) + 1 : Math.ceil(low));
      const last = Math.min(height - 1, below ? Math.floor(high) : Math.ceil(high) - 1);
      if (first <= last) edge(ring[i]!, y0, ring[j]!, y1, first, last);
    }
  }
}
