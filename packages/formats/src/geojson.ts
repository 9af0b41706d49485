/**
 * Nuclei as GeoJSON that QuPath opens: a FeatureCollection, one Feature per nucleus, coordinates in full-resolution
 * pixels (spec/data.md §7). Written in chunks, so that a whole slide needs little memory. Format: RFC 7946; QuPath's
 * members `objectType`, `classification`, `measurements`, `nucleusGeometry`.
 *
 * @module
 */
import { DataError, FileFormatError } from "@renograde/core";
import { describeValue, isRecord, parseJson } from "./text.js";

/** A closed ring: four positions (x, y) or more, the first repeated as the last. */
export type GeoJsonRing = readonly (readonly [x: number, y: number])[];

/** One nucleus (or any annotated object). */
export interface GeoJsonNucleus {
  /** A UUID (`uuidOf`), or null when the file has none. */
  readonly id: string | null;
  /** Name of the class, or null when it has none. */
  readonly className: string | null;
  /** Plain RGB of the class, 0…255, or null. */
  readonly color: readonly [number, number, number] | null;
  /** Each polygon is its outer ring, then its holes. More than one polygon: a nucleus in several parts. */
  readonly polygons: readonly (readonly GeoJsonRing[])[];
  /** By name; names end with their unit. Values that are no finite numbers are left out of the file. */
  readonly measurements: Readonly<Record<string, number>>;
}

/** What a file held. */
export interface GeoJsonContent {
  readonly nuclei: readonly GeoJsonNucleus[];
  /** Features without a Polygon or MultiPolygon, which were left out. */
  readonly skipped: number;
}

const FORMAT = "GeoJSON";

/** At most two decimals; never "-0" nor an exponent within a slide's range. */
function formatCoordinate(value: number, id: string | null): string {
  if (!Number.isFinite(value)) throw new DataError(`nucleus ${id}: a coordinate is ${value}`);
  return String(Math.round(value * 100) / 100 || 0);
}

function formatRing(ring: GeoJsonRing, id: string | null): string {
  const first = ring[0];
  const last = ring[ring.length - 1];
  if (
    ring.length < 4 ||
    first === undefined ||
    last === undefined ||
    first[0] !== last[0] ||
    first[1] !== last[1]
  ) {
    throw new DataError(
      `nucleus ${id}: a ring must be closed and have 4 positions or more, received ${ring.length}`,
    );
  }
  return `[${ring.map(([x, y]) => `[${formatCoordinate(x, id)},${formatCoordinate(y, id)}]`).join(",")}]`;
}

/**
 * One nucleus as a Feature, on one line.
 *
 * @throws DataError when it has no polygon, a ring is open, or a coordinate is not finite
 */
export function formatGeoJsonFeature(nucleus: GeoJsonNucleus): string {
  const { id, className, color, measurements } = nucleus;
  if (nucleus.polygons.length === 0) throw new DataError(`nucleus ${id}: has no polygon`);
  const polygons = nucleus.polygons.map(
    (rings) => `[${rings.map((ring) => formatRing(ring, id)).join(",")}]`,
  );
  const geometry =
    polygons.length === 1
      ? `{"type":"Polygon","coordinates":${polygons[0]}}`
      : `{"type":"MultiPolygon","coordinates":[${polygons.join(",")}]}`;
  const finite = Object.entries(measurements).filter(([, value]) => Number.isFinite(value));
  const properties = {
    objectType: "detection",
    ...(className !== null && { classification: { name: className, ...(color !== null && { color }) } }),
    ...(finite.length > 0 && { measurements: Object.fromEntries(finite) }),
  };
  const head = id === null ? "" : `"id":${JSON.stringify(id)},`;
  return `{"type":"Feature",${head}"geometry":${geometry},"properties":${JSON.stringify(properties)}}`;
}

/**
 * Writes a FeatureCollection in chunks of text, one per nucleus.
 *
 * @param notes - further members of the collection, such as the pixel size; readers that do not know them skip them
 */
export function* geoJsonChunks(
  nuclei: Iterable<GeoJsonNucleus>,
  notes: Readonly<Record<string, string | number | boolean | null>> = {},
): Generator<string> {
  const members = Object.entries(notes).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)},`,
  );
  yield `{"type":"FeatureCollection",${members.join("")}"features":[`;
  let separator = "\n";
  for (const nucleus of nuclei) {
    yield separator + formatGeoJsonFeature(nucleus);
    separator = ",\n";
  }
  yield "\n]}\n";
}

/**
 * Reads a FeatureCollection, a bare list of Features, or one Feature. Objects called `cell` give their nucleus where
 * they have one. Rings left open are closed.
 *
 * @throws FileFormatError when it is no GeoJSON, or a polygon is wrong; the message counts features from 0
 */
export function parseGeoJson(bytes: Uint8Array, path = "<bytes>"): GeoJsonContent {
  const document = parseJson(bytes, path, FORMAT);
  const features = featuresOf(document);
  if (features === null) {
    throw new FileFormatError(
      path,
      FORMAT,
      "not GeoJSON (no FeatureCollection, list of Features, or Feature)",
    );
  }
  const nuclei: GeoJsonNucleus[] = [];
  for (const [index, feature] of features.entries()) {
    const fail = (problem: string): FileFormatError =>
      new FileFormatError(path, FORMAT, `feature ${index}: ${problem}`);
    if (!isRecord(feature) || feature.type !== "Feature") throw fail("is not a Feature");
    const properties = isRecord(feature.properties) ? feature.properties : {};
    const isCell = (properties.objectType ?? properties.object_type) === "cell";
    const geometry = (isCell && feature.nucleusGeometry) || feature.geometry;
    const polygons = polygonsOf(geometry, fail);
    if (polygons === null) continue;
    const classification = isRecord(properties.classification) ? properties.classification : {};
    nuclei.push({
      id: typeof feature.id === "string" ? feature.id : null,
      className: typeof classification.name === "string" ? classification.name : null,
      color: colorOf(classification.color),
      polygons,
      measurements: measurementsOf(properties.measurements),
    });
  }
  return { nuclei, skipped: features.length - nuclei.length };
}

function featuresOf(document: unknown): readonly unknown[] | null {
  if (Array.isArray(document)) return document;
  if (!isRecord(document)) return null;
  if (document.type === "FeatureCollection" && Array.isArray(document.features)) return document.features;
  return document.type === "Feature" ? [document] : null;
}

/** Polygons of a Polygon or MultiPolygon; null for anything else. */
function polygonsOf(geometry: unknown, fail: (problem: string) => FileFormatError): GeoJsonRing[][] | null {
  if (!isRecord(geometry)) return null;
  const { type, coordinates } = geometry;
  if (type !== "Polygon" && type !== "MultiPolygon") return null;
  const polygons: unknown = type === "Polygon" ? [coordinates] : coordinates;
  if (!Array.isArray(polygons) || polygons.length === 0) throw fail("has a MultiPolygon without polygons");
  return polygons.map((rings: unknown) => {
    if (!Array.isArray(rings) || rings.length === 0) throw fail("has a polygon without rings");
    return rings.map((ring: unknown) => parseRing(ring, fail));
  });
}

function parseRing(ring: unknown, fail: (problem: string) => FileFormatError): GeoJsonRing {
  if (!Array.isArray(ring) || ring.length < 3) throw fail("has a ring of fewer than 3 positions");
  const positions = ring.map((position: unknown): [number, number] => {
    const [x, y]: unknown[] = Array.isArray(position) ? position : [];
    if (typeof x !== "number" || typeof y !== "number" || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw fail(`has the position ${describeValue(position)}, but positions are [x, y]`);
    }
    return [x, y];
  });
  const [x, y] = positions[0]!;
  const last = positions[positions.length - 1]!;
  if (last[0] !== x || last[1] !== y) positions.push([x, y]);
  if (positions.length < 4) throw fail("has a ring of fewer than 3 different positions");
  return positions;
}

function colorOf(value: unknown): [number, number, number] | null {
  const isByte = (v: unknown): v is number =>
    Number.isInteger(v) && (v as number) >= 0 && (v as number) <= 255;
  if (!Array.isArray(value) || value.length !== 3) return null;
  const [r, g, b]: unknown[] = value;
  return isByte(r) && isByte(g) && isByte(b) ? [r, g, b] : null;
}

/** QuPath writes an object of numbers; versions before 0.4 a list of `{name, value}`. */
function measurementsOf(value: unknown): Record<string, number> {
  const entries: [unknown, unknown][] = Array.isArray(value)
    ? value.filter(isRecord).map((item) => [item.name, item.value])
    : isRecord(value)
      ? Object.entries(value)
      : [];
  return Object.fromEntries(
    entries.filter(
      (entry): entry is [string, number] => typeof entry[0] === "string" && typeof entry[1] === "number",
    ),
  );
}
