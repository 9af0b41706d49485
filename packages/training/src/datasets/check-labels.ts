/**
 * The checks every annotation passes on load (spec/data.md §1): equal sizes, whole numbers in range, one class per
 * instance, a class exactly where there is an instance. What can be repaired is repaired with a warning that names
 * the file; what cannot is an error.
 *
 * @module
 */
import {
  type ByteMap,
  DataError,
  type LabelMap,
  type Raster,
  type RgbImage,
  ShapeError,
} from "@renograde/core";

/** Any numeric map as read from a file. */
export type NumericMap = Raster<ArrayLike<number>>;

/** Ids beyond this are damage, not instances. */
const MAX_ID = 2 ** 24 - 1;

function sizeOf(map: { width: number; height: number }): string {
  return `${map.width} x ${map.height} px`;
}

/** Rounds a map to whole numbers in 0…max. */
function wholeNumbers<A extends Int32Array | Uint16Array>(
  map: NumericMap,
  out: A,
  file: string,
  key: string,
  max: number,
): A {
  const { data, width } = map;
  for (let i = 0; i < out.length; i++) {
    const value = Math.round(data[i]!);
    if (!(value >= 0 && value <= max)) {
      const place = `row ${Math.floor(i / width)}, column ${i % width}`;
      const hint =
        value < 0 ? "; preliminary versions of the dataset had negative values, get the final one" : "";
      throw new DataError(`${file}: ${key} is ${data[i]} at ${place}, expected 0 to ${max}${hint}`);
    }
    out[i] = value;
  }
  return out;
}

/** An instance whose pixels carry more than one class. */
export interface ClassMixture {
  readonly instance: number;
  /** Classes as the file numbers them with their shares of the pixels, the largest first. */
  readonly shares: readonly (readonly [sourceClass: number, share: number])[];
}

/** Result of {@link checkLabels}. */
export interface CheckedLabels {
  readonly instances: LabelMap;
  readonly classes: ByteMap;
  readonly mixtures: readonly ClassMixture[];
  readonly warnings: readonly string[];
}

/**
 * Checks an annotation against its image and makes it consistent.
 *
 * @param file - name for messages
 * @param classMap - class per pixel; null when the data has no classes (then every nucleus gets class 1)
 * @param mapping - target class by source class, 0 drops the nucleus; null = source ids are used as they are
 * @param classCount - number of classes of the scheme
 * @throws ShapeError when sizes differ; DataError for impossible values
 */
export function checkLabels(
  file: string,
  image: RgbImage,
  instanceMap: NumericMap,
  classMap: NumericMap | null,
  mapping: ReadonlyMap<number, number> | null,
  classCount: number,
): CheckedLabels {
  const { width, height } = image;
  for (const [key, map] of [
    ["instance map", instanceMap],
    ["class map", classMap],
  ] as const) {
    if (map !== null && (map.width !== width || map.height !== height)) {
      throw new ShapeError(
        `${file}: the ${key} is ${sizeOf(map)}, but the image is ${sizeOf(image)}; put files of one size together`,
      );
    }
  }
  const size = width * height;
  const ids = wholeNumbers(instanceMap, new Int32Array(size), file, "the instance map", MAX_ID);
  const classes = new Uint8Array(size);
  const warnings: string[] = [];
  if (classMap === null) {
    for (let i = 0; i < size; i++) classes[i] = ids[i] === 0 ? 0 : 1;
    return {
      instances: { width, height, data: ids },
      classes: { width, height, data: classes },
      mixtures: [],
      warnings,
    };
  }
  const source = wholeNumbers(classMap, new Uint16Array(size), file, "the class map", 65535);
  const votes = countVotes(ids, source);
  let stray = 0;
  for (let i = 0; i < size; i++) if (ids[i] === 0 && source[i] !== 0) stray++;
  if (stray > 0) warnings.push(`${file}: ${stray} px have a class but no instance; taken as background`);
  const table = new Map<number, number>();
  const mixtures: ClassMixture[] = [];
  const unclassified: number[] = [];
  for (const [id, counts] of votes) {
    if (counts.size > 1) mixtures.push({ instance: id, shares: sharesOf(counts) });
    const winner = majorityClass(counts);
    if (winner === 0) unclassified.push(id);
    table.set(id, targetClass(file, id, winner, mapping, classCount));
  }
  const some = (list: number[]) => `${list.slice(0, 5).join(", ")}${list.length > 5 ? ", …" : ""}`;
  if (mixtures.length > 0) {
    const ids = mixtures.map((mixture) => mixture.instance);
    warnings.push(`${file}: ${ids.length} instances have more than one class, majority taken: ${some(ids)}`);
  }
  if (unclassified.length > 0) {
    warnings.push(
      `${file}: ${unclassified.length} instances have no class, taken as background: ${some(unclassified)}`,
    );
  }
  for (let i = 0; i < size; i++) {
    const id = ids[i]!;
    if (id === 0) continue;
    const target = table.get(id)!;
    classes[i] = target;
    if (target === 0) ids[i] = 0;
  }
  return {
    instances: { width, height, data: ids },
    classes: { width, height, data: classes },
    mixtures,
    warnings,
  };
}

function sharesOf(counts: ReadonlyMap<number, number>): [number, number][] {
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  return [...counts]
    .map(([id, count]): [number, number] => [id, count / total])
    .sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

function countVotes(ids: Int32Array, source: Uint16Array): Map<number, Map<number, number>> {
  const votes = new Map<number, Map<number, number>>();
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id === 0) continue;
    const counts = votes.get(id) ?? new Map<number, number>();
    votes.set(id, counts);
    counts.set(source[i]!, (counts.get(source[i]!) ?? 0) + 1);
  }
  return votes;
}

/** Most frequent class other than 0, ties to the smaller id; 0 when there is none. */
function majorityClass(counts: ReadonlyMap<number, number>): number {
  let winner = 0;
  let most = 0;
  for (const [id, count] of counts) {
    if (id === 0) continue;
    if (count > most || (count === most && id < winner)) {
      winner = id;
      most = count;
    }
  }
  return winner;
}

function targetClass(
  file: string,
  instance: number,
  source: number,
  mapping: ReadonlyMap<number, number> | null,
  classCount: number,
): number {
  if (source === 0) return 0;
  const target = mapping === null ? source : mapping.get(source);
  if (target === undefined) {
    throw new DataError(
      `${file}: instance ${instance} has class ${source}, which the class mapping does not name; add it (0 drops the nucleus)`,
    );
  }
  if (target > classCount) {
    throw new DataError(
      `${file}: instance ${instance} has class ${target}, expected 1 to ${classCount}; give a classes.json that maps it`,
    );
  }
  return target;
}
