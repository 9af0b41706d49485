/**
 * Datasets, targets, the training loop and synthetic renal sections.
 *
 * @module
 */
export * from "./config/docs.js";
export { closestWord } from "./config/issues.js";
export { formatConfig, parseConfig, readConfig } from "./config/load-config.js";
export * from "./config/schema.js";
export * from "./synthesis/index.js";
