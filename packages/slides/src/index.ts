/**
 * Images as pixel sources, running anywhere: resampling and pixel sizes. Reading of files is in `slides/node`.
 *
 * @module
 */
export type { PixelSize } from "./pixel-size.js";
export * from "./resample.js";
