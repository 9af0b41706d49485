/**
 * @module
 * Exact parts of Renograde that run anywhere: rasters, morphology, geometry, metrics, class schemes, errors.
 */
export * from "./class-scheme.js";
export * from "./color/densities.js";
export * from "./color/haematoxylin.js";
export * from "./color/macenko.js";
export * from "./color/reinhard.js";
export * from "./color/stain-norm.js";
export * from "./detection/index.js";
export * from "./errors.js";
export * from "./geometry/index.js";
export * from "./list-some.js";
export * from "./metrics/index.js";
export * from "./morphology/index.js";
export * from "./nucleus.js";
export * from "./post-options.js";
export * from "./random.js";
export * from "./raster.js";
