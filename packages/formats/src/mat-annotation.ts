/**
 * Instances and classes from MATLAB files: RCCNucSeg (`instance_map`, `class_map`), HoVer-Net and ours (`inst_map`,
 * `inst_type` or `type_map`), Lizard (`inst_map`, `id`, `class`), or an instance map alone (spec/data.md §1, §6).
 *
 * @module
 */
import { DataError, indexInstances, type LabelMap, majorityTypes } from "@renograde/core";
import { parseMat5 } from "./mat5.js";
import type { Mat5Value } from "./mat5-types.js";

/** What a `.mat` file says. */
export interface MatAnnotation {
  readonly labels: LabelMap;
  /** Class number by instance id; null when the file has no classes. */
  readonly types: ReadonlyMap<number, number> | null;
  /** True for `instance_map`/`class_map`, whose numbers are the grades of renal cell carcinoma. */
  readonly isRccNucSeg: boolean;
  readonly warnings: readonly string[];
}

type Variables = ReadonlyMap<string, Mat5Value>;

/** A variable as whole numbers 0…max. */
function wholeNumbers(
  variables: Variables,
  key: string,
  path: string,
  max: number,
): { shape: readonly number[]; data: Int32Array } {
  const value = variables.get(key);
  if (value?.kind !== "numeric") {
    throw new DataError(`${path}: '${key}' is not a numeric array; save it as numbers`);
  }
  const data = new Int32Array(value.data.length);
  for (let i = 0; i < data.length; i++) {
    const stored = Number(value.data[i]);
    const number = Math.round(stored);
    if (!(number >= 0 && number <= max && Math.abs(stored - number) < 1e-3)) {
      throw new DataError(
        `${path}: '${key}' holds ${stored}, expected whole numbers from 0 to ${max}; correct the file`,
      );
    }
    data[i] = number;
  }
  return { shape: value.shape, data };
}

function readMap(variables: Variables, key: string, path: string, max: number): LabelMap {
  const { shape, data } = wholeNumbers(variables, key, path, max);
  const [height = 0, width = 0] = shape;
  if (height * width !== data.length || data.length === 0) {
    throw new DataError(`${path}: '${key}' has shape [${shape.join(", ")}], expected [height, width]`);
  }
  return { width, height, data };
}

/** Ids that the entries of a list of classes belong to. */
function idsOfEntries(variables: Variables, count: number, ids: Int32Array, path: string): ArrayLike<number> {
  for (const key of ["inst_uid", "id"]) {
    if (!variables.has(key)) continue;
    const listed = wholeNumbers(variables, key, path, 2 ** 31 - 1).data;
    if (listed.length === count) return listed;
  }
  if (count === ids.length) return ids;
  // One entry per number up to the largest id, holes included.
  if (count === (ids.at(-1) ?? 0)) return Int32Array.from({ length: count }, (_, i) => i + 1);
  throw new DataError(
    `${path}: ${count} classes for ${ids.length} instances; the list of classes needs one entry per instance, by ascending id`,
  );
}

/**
 * Reads a `.mat` annotation.
 *
 * @param path - for messages
 * @throws FileFormatError when it is no MATLAB v5 file; DataError when it has no instance map or impossible values
 */
export function parseMatAnnotation(bytes: Uint8Array, path: string): MatAnnotation {
  const variables = parseMat5(bytes, path);
  // Networks without classes leave lists of nothing, which are no numbers.
  const first = (...keys: string[]): string | undefined =>
    keys.find((key) => variables.get(key)?.kind === "numeric");
  const mapKey = first("instance_map", "inst_map");
  if (mapKey === undefined) {
    throw new DataError(
      `${path}: has no numeric 'instance_map' or 'inst_map', only ${[...variables.keys()].join(", ") || "nothing"}`,
    );
  }
  const labels = readMap(variables, mapKey, path, 2 ** 31 - 1);
  const isRccNucSeg = mapKey === "instance_map";
  const listKey = first("inst_type", "class");
  if (listKey !== undefined) {
    const { data } = wholeNumbers(variables, listKey, path, 254);
    const ids = idsOfEntries(variables, data.length, indexInstances(labels).ids, path);
    const types = new Map(Array.from(data, (type, i) => [ids[i]!, type]));
    return { labels, types, isRccNucSeg, warnings: [] };
  }
  const classKey = first("class_map", "type_map");
  if (classKey === undefined) return { labels, types: null, isRccNucSeg, warnings: [] };
  const classMap = readMap(variables, classKey, path, 254);
  if (classMap.width !== labels.width || classMap.height !== labels.height) {
    throw new DataError(
      `${path}: '${classKey}' is ${classMap.width} x ${classMap.height} px, but '${mapKey}' is ${labels.width} x ${labels.height} px`,
    );
  }
  const { types, mixed } = majorityTypes(labels, { ...classMap, data: Uint8Array.from(classMap.data) });
  const warnings =
    mixed.length === 0
      ? []
      : [
          `${path}: ${mixed.length} instances carry more than one class in '${classKey}'; the most frequent was taken (first: instance ${mixed[0]})`,
        ];
  return { labels, types, isRccNucSeg, warnings };
}
