/**
 * The instances of a label map as a table: ids in ascending order, areas, centroids, and the way from an id to
 * its row; and the class of an instance when a dataset gives classes per pixel (spec/metrics.md §5, §7).
 *
 * Ids may have holes and come in any order; every metric works on rows of this table, so renumbering a label
 * map changes no metric.
 *
 * @module
 */
import { DataError, ShapeError } from "../errors.js";
import { assertSameSize, type ByteMap, type LabelMap } from "../raster.js";

/** The instances of one label map, one row each, by ascending id. */
export interface InstanceTable {
  readonly count: number;
  /** Id of each row, ascending, `[count]`. */
  readonly ids: Int32Array;
  /** Pixels of each instance, `[count]`. */
  readonly areas: Float64Array;
  /** Mean pixel coordinate x of each instance; the centre of the top-left pixel is (0, 0). */
  readonly centroidX: Float64Array;
  readonly centroidY: Float64Array;
  /** Row of an id, or -1 for background and ids that do not occur. */
  rowOf(id: number): number;
}

/**
 * A label map with the class of each instance, as truth or prediction: `types.get(id)` is 1…K of the class
 * scheme; 0 or absent means that the instance has no class.
 */
export interface TypedLabels {
  readonly labels: LabelMap;
  readonly types: ReadonlyMap<number, number>;
}

/** Id to row by a table where ids are small next to the image, else by a hash map. */
function createLookup(ids: Int32Array, pixels: number): (id: number) => number {
  const max = ids.length === 0 ? 0 : ids[ids.length - 1]!;
  if (max <= 2 * pixels + 1024) {
    const rows = new Int32Array(max + 1).fill(-1);
    for (let row = 0; row < ids.length; row++) rows[ids[row]!] = row;
    return (id) => (id > max ? -1 : rows[id]!);
  }
  const rows = new Map<number, number>();
  for (let row = 0; row < ids.length; row++) rows.set(ids[row]!, row);
  return (id) => rows.get(id) ?? -1;
}

/** Distinct positive values of `data`, ascending. */
function distinctIds(data: Int32Array): Int32Array {
  let max = 0;
  let min = 0;
  for (let i = 0; i < data.length; i++) {
    const id = data[i]!;
    if (id > max) max = id;
    else if (id < min) min = id;
  }
  if (min < 0) {
    throw new DataError(
      `label map: instance ids must be 0 (background) or positive, received ${min}; correct the map`,
    );
  }
  if (max <= 2 * data.length + 1024) {
    const seen = new Uint8Array(max + 1);
    for (let i = 0; i < data.length; i++) seen[data[i]!] = 1;
    let count = 0;
    for (let id = 1; id <= max; id++) count += seen[id]!;
    const ids = new Int32Array(count);
    for (let id = 1, row = 0; id <= max; id++) if (seen[id]) ids[row++] = id;
    return ids;
  }
  const seen = new Set<number>();
  let previous = 0;
  for (let i = 0; i < data.length; i++) {
    const id = data[i]!;
    if (id !== previous && id !== 0) seen.add(id);
    previous = id;
  }
  return Int32Array.from(seen).sort();
}

/**
 * Lists the instances of a label map with areas and centroids, in time linear in the pixels.
 *
 * @param labels - LabelMap `[H, W]`, 0 = background, ids positive, holes allowed
 * @throws {@link ShapeError} when `data` does not fit the size, {@link DataError} for a negative id
 */
export function indexInstances(labels: LabelMap): InstanceTable {
  const { width, height, data } = labels;
  if (data.length !== width * height) {
    throw new ShapeError(
      `label map: ${width} x ${height} px need ${width * height} values, received ${data.length}`,
    );
  }
  const ids = distinctIds(data);
  const count = ids.length;
  const rowOf = createLookup(ids, data.length);
  const areas = new Float64Array(count);
  const centroidX = new Float64Array(count);
  const centroidY = new Float64Array(count);
  for (let y = 0, start = 0; y < height; y++) {
    const end = start + width;
    for (let i = start; i < end; ) {
      const id = data[i]!;
      const first = i;
      do i++;
      while (i < end && data[i] === id);
      if (id === 0) continue;
      const row = rowOf(id);
      const length = i - first;
      areas[row]! += length;
      centroidX[row]! += (length * (first + i - 1 - 2 * start)) / 2;
      centroidY[row]! += length * y;
    }
    start = end;
  }
  for (let row = 0; row < count; row++) {
    centroidX[row]! /= areas[row]!;
    centroidY[row]! /= areas[row]!;
  }
  return { count, ids, areas, centroidX, centroidY, rowOf };
}

/**
 * Gives every instance the most frequent class among its pixels; ties go to the lowest class id. Pixels of class
 * 0 do not vote; an instance with no other pixel gets class 0 (spec/metrics.md §5).
 *
 * @param labels - LabelMap `[H, W]`
 * @param classes - class of each pixel, `[H, W]`, 0 = background
 * @returns class by instance id, and the ids whose pixels do not all carry one class, for a warning
 * @throws {@link ShapeError} when the maps differ in size
 */
export function majorityTypes(
  labels: LabelMap,
  classes: ByteMap,
): { types: Map<number, number>; mixed: number[] } {
  assertSameSize("label map", labels, "class map", classes);
  const table = indexInstances(labels);
  let top = 0;
  for (let i = 0; i < classes.data.length; i++) if (classes.data[i]! > top) top = classes.data[i]!;
  const votes = new Uint32Array(table.count * (top + 1));
  for (let i = 0; i < labels.data.length; i++) {
    const id = labels.data[i]!;
    if (id !== 0) votes[table.rowOf(id) * (top + 1) + classes.data[i]!]!++;
  }
  const types = new Map<number, number>();
  const mixed: number[] = [];
  for (let row = 0; row < table.count; row++) {
    let best = 0;
    let bestVotes = 0;
    for (let type = 1; type <= top; type++) {
      const n = votes[row * (top + 1) + type]!;
      if (n > bestVotes) {
        best = type;
        bestVotes = n;
      }
    }
    const id = table.ids[row]!;
    types.set(id, best);
    if (best !== 0 && bestVotes !== table.areas[row]) mixed.push(id);
  }
  return { types, mixed };
}
