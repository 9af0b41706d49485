/**
 * Geometry of instances: outlines, rasterisation, region properties.
 *
 * @module
 */
export { borderContours, type Contour, fillContour } from "./border-contour.js";
export { type PixelRule, type PointList, paintPolygon, rasterizePolygon } from "./rasterize.js";
export { type RegionProperties, regionProperties } from "./region-properties.js";
export { labelPolygons, type Ring, type RingPolygon } from "./rings.js";
