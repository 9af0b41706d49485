/**
 * Geometry of instances: outlines and their drawing, rasterisation, region properties.
 *
 * @module
 */
export { borderContours, type Contour, fillContour } from "./border-contour.js";
export { drawOverlay, type OutlinedNuclei, outlineWidth } from "./overlay.js";
export { type PixelRule, type PointList, paintPolygon, rasterizePolygon } from "./rasterize.js";
export { type RegionProperties, regionProperties } from "./region-properties.js";
export { labelPolygons, type Ring, type RingPolygon } from "./rings.js";
