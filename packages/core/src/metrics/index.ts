/**
 * Metrics of spec/metrics.md, all from one sparse overlap matrix.
 *
 * @module
 */
export * from "./aji.js";
export * from "./assignment.js";
export * from "./bootstrap.js";
export * from "./compare-scores.js";
export * from "./confusion.js";
export * from "./dataset-metrics.js";
export * from "./detection.js";
export * from "./dice.js";
export * from "./image-metrics.js";
export * from "./instances.js";
export * from "./options.js";
export * from "./overlap.js";
export * from "./panoptic.js";
export * from "./sparse-assignment.js";
