/**
 * Hue shift (spec/training.md §6 step 6).
 *
 * @module
 */
import { mapHues } from "./hsv.js";

/**
 * Adds `shift` to the hue of every pixel, in OpenCV's units of 2°, modulo 180, truncated to an integer.
 *
 * @param rgb - interleaved bytes
 * @param result - receives the bytes; may be `rgb`
 * @returns `result`; shift 0 is OpenCV's way to HSV and back, which loses up to a few grey levels
 */
export function shiftHue(rgb: Uint8Array, shift: number, result?: Uint8Array): Uint8Array {
  const hues = new Uint8Array(180);
  for (let hue = 0; hue < 180; hue++) hues[hue] = Math.floor((((hue + shift) % 180) + 180) % 180);
  return mapHues(rgb, hues, result);
}
