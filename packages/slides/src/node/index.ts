/**
 * Images and files on Node.
 *
 * @module
 */
export * from "./files.js";
export { encodeJpeg, encodeLayer, encodePng } from "./image-codec.js";
export * from "./label-png.js";
export * from "./list-inputs.js";
export * from "./read-image.js";
export * from "./start-worker.js";
