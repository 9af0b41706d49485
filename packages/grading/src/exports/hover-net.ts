/**
 * A graded image as HoVer-Net's result JSON, with the pixel size (spec/postprocessing.md §10).
 *
 * @module
 */
import { borderContours } from "@renograde/core";
import { hoverNetJsonChunks } from "@renograde/formats";
import type { GradedImage, GradedPixelSize } from "../graded-image.js";
import { describeModel } from "./describe-model.js";

/** Objectives a pixel size can belong to: 10 µm divided by the magnification, within 15 %. */
const OBJECTIVES = [5, 10, 20, 40] as const;
const OBJECTIVE_TOLERANCE = 0.15;

/** Nominal magnification of a known pixel size, or null. */
export function nominalMagnification(pixelSize: GradedPixelSize): number | null {
  if (pixelSize.assumed) return null;
  const exact = 10 / pixelSize.mpp;
  return OBJECTIVES.find((power) => Math.abs(exact - power) <= OBJECTIVE_TOLERANCE * power) ?? null;
}

/**
 * Writes the JSON of a graded image.
 *
 * @param dropDegenerate option `export.dropDegenerate`: leave out nuclei of fewer than three contour points, as
 *   HoVer-Net does; default false
 */
export function encodeHoverNetJson(graded: GradedImage, dropDegenerate = false): string {
  const contours = borderContours(graded.labels);
  const points = (id: number): (readonly [number, number])[] => {
    const flat = contours.get(id) ?? new Int32Array();
    return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const);
  };
  const nuclei = graded.nuclei.map((n) => ({
    id: n.id,
    bbox: n.bbox,
    centroid: n.centroid,
    contour: points(n.id),
    type: n.type,
    typeProbability: n.typeProbability,
  }));
  const info = {
    mag: nominalMagnification(graded.pixelSize),
    mpp: graded.pixelSize.mpp,
    notes: { mpp_source: graded.pixelSize.source, ...describeModel(graded) },
  };
  return [...hoverNetJsonChunks(info, nuclei, { dropDegenerate })].join("");
}
