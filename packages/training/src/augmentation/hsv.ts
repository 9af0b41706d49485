/**
 * OpenCV's 8-bit conversions between RGB, HSV and grey, bit for bit: hue 0…179 (degrees / 2), saturation and value
 * 0…255.
 *
 * @module
 */

const SHIFT = 12;

/** Nearest integer, ties to even, as OpenCV's cvRound. */
function roundEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

const divisors = (dividend: number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : roundEven((dividend * 2 ** SHIFT) / i)));

/** 255 / i and 30 / i in fixed point. */
const SATURATION_DIVISORS = divisors(255);
const HUE_DIVISORS = divisors(30);

/** Bytes divided by 255 in float32. */
const UNITS = Float32Array.from({ length: 256 }, (_, i) => Math.fround(i * Math.fround(1 / 255)));
/** Place of a hue among the six sectors of the circle, and within its sector in float32. */
const SECTORS = new Uint8Array(180);
const FRACTIONS = new Float32Array(180);
for (let hue = 0; hue < 180; hue++) {
  const at = Math.fround(hue * Math.fround(6 / 180));
  SECTORS[hue] = Math.floor(at);
  FRACTIONS[hue] = at - Math.floor(at);
}

/** Grey of a colour as OpenCV's 8-bit RGB2GRAY: 0.299 R + 0.587 G + 0.114 B in 15-bit fixed point, rounded. */
export function greyOf(red: number, green: number, blue: number): number {
  return (red * 9798 + green * 19235 + blue * 3735 + 16384) >> 15;
}

/**
 * Converts to HSV and, with the hues replaced by way of a table, back to RGB, as `cvtColor` with RGB2HSV and HSV2RGB
 * on uint8.
 *
 * The way back is what OpenCV's vector code computes (since 3.4.3, whole blocks of 32 pixels of a row): float32 with
 * fused multiply-add, truncated to bytes. OpenCV itself rounds instead of truncating on the few pixels a row has
 * beyond its last block.
 *
 * @param rgb - interleaved bytes
 * @param hues - new hue, 0…179, of each of the 180 hues
 * @param result - receives the interleaved bytes; may be `rgb`
 */
export function mapHues(
  rgb: Uint8Array,
  hues: Uint8Array,
  result: Uint8Array = new Uint8Array(rgb.length),
): Uint8Array {
  for (let i = 0; i < rgb.length; i += 3) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const value = r > g ? (r > b ? r : b) : g > b ? g : b;
    const spread = value - (r < g ? (r < b ? r : b) : g < b ? g : b);
    const position = value === r ? g - b : value === g ? b - r + 2 * spread : r - g + 4 * spread;
    const raw = (position * HUE_DIVISORS[spread]! + 2048) >> SHIFT;
    const hue = hues[raw < 0 ? raw + 180 : raw]!;
    const saturation = (spread * SATURATION_DIVISORS[value]! + 2048) >> SHIFT;

    const s = UNITS[saturation]!;
    const v = UNITS[value]!;
    const fraction = FRACTIONS[hue]!;
    const sector = SECTORS[hue]!;
    // Products of two float32 are exact in float64, which makes each inner term a fused multiply-add.
    const high = Math.fround(v * 255) | 0;
    const low = Math.fround(Math.fround(v * Math.fround(1 - s)) * 255) | 0;
    const slope = (sector & 1) === 0 ? Math.fround(1 - fraction) : fraction;
    const middle = Math.fround(Math.fround(v * Math.fround(1 - s * slope)) * 255) | 0;
    switch (sector) {
      case 0:
        result[i] = high;
        result[i + 1] = middle;
        result[i + 2] = low;
        break;
      case 1:
        result[i] = middle;
        result[i + 1] = high;
        result[i + 2] = low;
        break;
      case 2:
        result[i] = low;
        result[i + 1] = high;
        result[i + 2] = middle;
        break;
      case 3:
        result[i] = low;
        result[i + 1] = middle;
        result[i + 2] = high;
        break;
      case 4:
        result[i] = middle;
        result[i + 1] = low;
        result[i + 2] = high;
        break;
      default:
        result[i] = high;
        result[i + 1] = low;
        result[i + 2] = middle;
    }
  }
  return result;
}
