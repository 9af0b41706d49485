/**
 * A graded image as GeoJSON for QuPath: polygons along pixel edges, so that reading them back gives the same label
 * map (spec/data.md §7).
 *
 * @module
 */
import { labelPolygons } from "@renograde/core";
import { type GeoJsonNucleus, type GeoJsonRing, geoJsonChunks, uuidOf } from "@renograde/formats";
import type { GradedImage } from "../graded-image.js";
import { typeName } from "./csv.js";
import { describeModel } from "./describe-model.js";

/** Positions of a closed ring from its flat coordinates. */
function positions(flat: ArrayLike<number>): GeoJsonRing {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const);
}

/** Writes the GeoJSON of a graded image; `name` enters the ids of the objects, so that images can be joined. */
export function encodeGeoJson(graded: GradedImage, name: string): string {
  const polygons = labelPolygons(graded.labels);
  const nuclei = graded.nuclei.map(
    (n): GeoJsonNucleus => ({
      id: uuidOf(graded.metadata?.parameterHash ?? "", name, n.id),
      className: n.type === 0 ? null : typeName(graded.classes, n.type),
      color: graded.classes.classes[n.type - 1]?.color ?? null,
      polygons: (polygons.get(n.id) ?? []).map((part) => [
        positions(part.exterior),
        ...part.holes.map(positions),
      ]),
      measurements: {
        "Type probability": round(n.typeProbability),
        "Area µm^2": round(n.areaUm2),
        "Perimeter µm": round(n.perimeterUm),
        "Major axis µm": round(n.majorAxisUm),
        "Minor axis µm": round(n.minorAxisUm),
        Eccentricity: round(n.eccentricity),
        Solidity: round(n.solidity),
        "Haematoxylin OD mean": round(n.haematoxylinMean),
      },
    }),
  );
  const notes = {
    mpp: graded.pixelSize.mpp,
    mpp_source: graded.pixelSize.source,
    ...describeModel(graded),
  };
  return [...geoJsonChunks(nuclei, notes)].join("");
}

function round(value: number): number {
  return Number(value.toFixed(6));
}
