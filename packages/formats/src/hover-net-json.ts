/**
 * HoVer-Net's result JSON (spec/postprocessing.md §10, spec/data.md §8) with the pixel size added. Contours run
 * through pixel centres; bounding boxes are rows and columns, maxima exclusive; centroids and contours are (x, y).
 *
 * @module
 */
import { DataError, FileFormatError } from "@renograde/core";
import { describeValue, isRecord, parseJson } from "./text.js";

/** One nucleus. */
export interface HoverNetNucleus {
  /** Number in the label map, from 1. */
  readonly id: number;
  /** `[rowMin, colMin, rowMax, colMax]`, maxima exclusive. */
  readonly bbox: readonly [number, number, number, number];
  /** (x, y). */
  readonly centroid: readonly [number, number];
  /** Outer border, pixel centres (x, y), not closed. May have fewer than three points. */
  readonly contour: readonly (readonly [number, number])[];
  /** Class id and its probability, or null in files of networks without classes. */
  readonly type: number | null;
  readonly typeProbability: number | null;
}

/** What a file says beside the nuclei. */
export interface HoverNetInfo {
  /** Magnification of the objective, such as 40, or null. */
  readonly mag: number | null;
  /** Micrometres per pixel of the coordinates, where known. HoVer-Net itself does not write it. */
  readonly mpp?: number;
  /** Further entries beside `mag`, `mpp` and `nuc`. */
  readonly notes?: Readonly<Record<string, string | number | boolean | null>>;
}

/** A whole file. */
export interface HoverNetDocument extends HoverNetInfo {
  readonly nuclei: readonly HoverNetNucleus[];
}

const FORMAT = "HoVer-Net JSON";

/** Throws {@link DataError} for NaN and infinities, which JSON has no form for. */
function assertFinite(nucleus: HoverNetNucleus): void {
  const numbers = [
    ...nucleus.bbox,
    ...nucleus.centroid,
    ...nucleus.contour.flat(),
    nucleus.typeProbability ?? 0,
  ];
  if (!numbers.every(Number.isFinite))
    throw new DataError(`nucleus ${nucleus.id}: a coordinate or probability is not finite`);
}

/**
 * Writes a file in chunks of text, one per nucleus, in the given order.
 *
 * @param options.dropDegenerate - leave out nuclei whose contour has fewer than 3 points, as HoVer-Net does
 *   (`export.dropDegenerate`). Default false
 * @throws DataError when a number is not finite
 */
export function* hoverNetJsonChunks(
  info: HoverNetInfo,
  nuclei: Iterable<HoverNetNucleus>,
  options: { readonly dropDegenerate?: boolean } = {},
): Generator<string> {
  const { mag, mpp, notes = {} } = info;
  const head = JSON.stringify({ mag, ...(mpp !== undefined && { mpp }), ...notes });
  yield `${head.slice(0, -1)},"nuc":{`;
  let separator = "\n";
  for (const nucleus of nuclei) {
    if (options.dropDegenerate && nucleus.contour.length < 3) continue;
    assertFinite(nucleus);
    const [rowMin, colMin, rowMax, colMax] = nucleus.bbox;
    const entry = {
      bbox: [
        [rowMin, colMin],
        [rowMax, colMax],
      ],
      centroid: nucleus.centroid,
      contour: nucleus.contour,
      type_prob: nucleus.typeProbability,
      type: nucleus.type,
    };
    yield `${separator}"${nucleus.id}":${JSON.stringify(entry)}`;
    separator = ",\n";
  }
  yield "\n}}\n";
}

/**
 * Reads a file.
 *
 * @throws FileFormatError when it is no such JSON; the message names the nucleus
 */
export function parseHoverNetJson(bytes: Uint8Array, path = "<bytes>"): HoverNetDocument {
  const document = parseJson(bytes, path, FORMAT);
  if (!isRecord(document) || !isRecord(document.nuc)) {
    throw new FileFormatError(path, FORMAT, "not a HoVer-Net result (it has no object 'nuc')");
  }
  const { mag, mpp, nuc, ...rest } = document;
  if (mpp !== undefined && mpp !== null && !(isNumber(mpp) && mpp > 0)) {
    throw new FileFormatError(path, FORMAT, `'mpp' must be a number above 0, received ${describeValue(mpp)}`);
  }
  const notes = Object.entries(rest).filter(
    (entry): entry is [string, string | number | boolean | null] =>
      entry[1] === null || typeof entry[1] !== "object",
  );
  return {
    mag: isNumber(mag) ? mag : null,
    ...(isNumber(mpp) && { mpp }),
    ...(notes.length > 0 && { notes: Object.fromEntries(notes) }),
    nuclei: Object.entries(nuc).map(([key, entry]) => parseNucleus(key, entry, path)),
  };
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function parseNucleus(key: string, entry: unknown, path: string): HoverNetNucleus {
  const fail = (what: string, value: unknown): FileFormatError =>
    new FileFormatError(path, FORMAT, `nucleus '${key}': ${what}, received ${describeValue(value)}`);
  const id = Number(key);
  if (!Number.isSafeInteger(id) || id < 0 || key.trim() === "")
    throw fail("its number must be a whole number", key);
  if (!isRecord(entry)) throw fail("must be an object", entry);
  const pair = (value: unknown, what: string): [number, number] => {
    const [a, b]: unknown[] = Array.isArray(value) && value.length === 2 ? value : [];
    if (!isNumber(a) || !isNumber(b)) throw fail(`${what} must be two numbers`, value);
    return [a, b];
  };
  const { bbox, contour, type = null, type_prob: typeProbability = null } = entry;
  if (!Array.isArray(bbox) || bbox.length !== 2) throw fail("'bbox' must be two corners", bbox);
  if (!Array.isArray(contour)) throw fail("'contour' must be a list of points", contour);
  if (type !== null && !(Number.isSafeInteger(type) && (type as number) >= 0)) {
    throw fail("'type' must be a class id", type);
  }
  if (typeProbability !== null && !isNumber(typeProbability)) {
    throw fail("'type_prob' must be a number", typeProbability);
  }
  return {
    id,
    bbox: [...pair(bbox[0], "'bbox'"), ...pair(bbox[1], "'bbox'")],
    centroid: pair(entry.centroid, "'centroid'"),
    contour: contour.map((point: unknown) => pair(point, "a point of 'contour'")),
    type: type as number | null,
    typeProbability,
  };
}
