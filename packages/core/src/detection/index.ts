/**
 * Object detection: boxes, matching, suppression, masks.
 *
 * @module
 */
export * from "./boxes.js";
export * from "./instance-boxes.js";
export * from "./match-boxes.js";
export * from "./paint-detections.js";
export * from "./painted-maps.js";
export * from "./suppress-boxes.js";
