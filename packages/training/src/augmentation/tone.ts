/**
 * Saturation, brightness and contrast (spec/training.md §6 step 6). Each clips to 0…255 and truncates to bytes, and
 * writes to `result`, which may be the image itself.
 *
 * @module
 */
import { greyOf } from "./hsv.js";

/** Truncated and clipped to 0…255; `value` is below 2^31 in size. */
function toByte(value: number): number {
  const whole = value | 0;
  return whole < 0 ? 0 : whole > 255 ? 255 : whole;
}

/** What `change` makes of each byte. */
function byteTable(change: (byte: number) => number): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) table[byte] = toByte(change(byte));
  return table;
}

/**
 * x·factor + grey·(1 − factor), grey as OpenCV's 8-bit conversion gives it (whole grey levels).
 *
 * @param rgb - interleaved bytes
 */
export function scaleSaturation(
  rgb: Uint8Array,
  factor: number,
  result: Uint8Array = new Uint8Array(rgb.length),
): Uint8Array {
  const rest = 1 - factor;
  for (let i = 0; i < rgb.length; i += 3) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const grey = greyOf(r, g, b) * rest;
    result[i] = toByte(r * factor + grey);
    result[i + 1] = toByte(g * factor + grey);
    result[i + 2] = toByte(b * factor + grey);
  }
  return result;
}

/** x + shift, in float32 as the published code. @param rgb - interleaved bytes */
export function shiftBrightness(
  rgb: Uint8Array,
  shift: number,
  result: Uint8Array = new Uint8Array(rgb.length),
): Uint8Array {
  const step = Math.fround(shift);
  const table = byteTable((x) => Math.fround(x + step));
  const even = rgb.length & ~3;
  for (let i = 0; i < even; i += 4) {
    result[i] = table[rgb[i]!]!;
    result[i + 1] = table[rgb[i + 1]!]!;
    result[i + 2] = table[rgb[i + 2]!]!;
    result[i + 3] = table[rgb[i + 3]!]!;
  }
  for (let i = even; i < rgb.length; i++) result[i] = table[rgb[i]!]!;
  return result;
}

/** (x − m)·factor + m with m the mean of each channel. @param rgb - interleaved bytes */
export function scaleContrast(
  rgb: Uint8Array,
  factor: number,
  result: Uint8Array = new Uint8Array(rgb.length),
): Uint8Array {
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
    return byteTable((x) => (x - mean) * factor + mean);
  };
  const [red, green, blue] = [tableOf(sumRed), tableOf(sumGreen), tableOf(sumBlue)];
  for (let i = 0; i < rgb.length; i += 3) {
    result[i] = red[rgb[i]!]!;
    result[i + 1] = green[rgb[i + 1]!]!;
    result[i + 2] = blue[rgb[i + 2]!]!;
  }
  return result;
}
