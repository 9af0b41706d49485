/**
 * Saturation, brightness and contrast (spec/training.md §6 step 6). Each clips to 0…255 and truncates to bytes.
 *
 * @module
 */
import { greyOf } from "./hsv.js";

/** Clipped to 0…255 and truncated. */
function toByte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.floor(value);
}

/**
 * x·factor + grey·(1 − factor), grey as OpenCV's 8-bit conversion gives it (whole grey levels).
 *
 * @param rgb - interleaved bytes
 */
export function scaleSaturation(rgb: Uint8Array, factor: number): Uint8Array {
  const scaled = Float64Array.from({ length: 256 }, (_, x) => x * factor);
  const greys = Float64Array.from({ length: 256 }, (_, grey) => grey * (1 - factor));
  const result = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const grey = greys[greyOf(r, g, b)]!;
    result[i] = toByte(scaled[r]! + grey);
    result[i + 1] = toByte(scaled[g]! + grey);
    result[i + 2] = toByte(scaled[b]! + grey);
  }
  return result;
}

/** x + shift, in float32 as the published code. @param rgb - interleaved bytes */
export function shiftBrightness(rgb: Uint8Array, shift: number): Uint8Array {
  const step = Math.fround(shift);
  const table = Uint8Array.from({ length: 256 }, (_, x) => toByte(Math.fround(x + step)));
  const result = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i++) result[i] = table[rgb[i]!]!;
  return result;
}

/** (x − m)·factor + m with m the mean of each channel. @param rgb - interleaved bytes */
export function scaleContrast(rgb: Uint8Array, factor: number): Uint8Array {
  let sumRed = 0;
  let sumGreen = 0;
  let sumBlue = 0;
  for (let i = 0; i < rgb.length; i += 3) {
    sumRed += rgb[i]!;
    sumGreen += rgb[i + 1]!;
    sumBlue += rgb[i + 2]!;
  }
  const tableOf = (sum: number): Uint8Array => {
    const mean = sum / (rgb.length / 3);
    return Uint8Array.from({ length: 256 }, (_, x) => toByte((x - mean) * factor + mean));
  };
  const [red, green, blue] = [tableOf(sumRed), tableOf(sumGreen), tableOf(sumBlue)];
  const result = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    result[i] = red[rgb[i]!]!;
    result[i + 1] = green[rgb[i + 1]!]!;
    result[i + 2] = blue[rgb[i + 2]!]!;
  }
  return result;
}
