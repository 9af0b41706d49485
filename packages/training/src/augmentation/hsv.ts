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
const UNITS = Float64Array.from({ length: 256 }, (_, i) => Math.fround(i * Math.fround(1 / 255)));
/** The greatest channel, by value; and the least, by value · 256 + saturation. */
const HIGHS = new Uint8Array(256);
const LOWS = new Uint8Array(65536);
for (let value = 0; value < 256; value++) {
  HIGHS[value] = Math.fround(UNITS[value]! * 255);
  for (let saturation = 0; saturation < 256; saturation++)
    LOWS[256 * value + saturation] = mix(value, saturation, 1);
}

/** value · (1 − saturation · slope) in float32, truncated. Products of two float32 are exact in float64. */
function mix(value: number, saturation: number, slope: number): number {
  const rest = Math.fround(1 - UNITS[saturation]! * slope);
  return Math.fround(Math.fround(UNITS[value]! * rest) * 255) | 0;
}

/** Which channel is greatest, middle and least in the six sectors of the circle. */
const ORDERS = [
  [0, 1, 2],
  [1, 0, 2],
  [1, 2, 0],
  [2, 1, 0],
  [2, 0, 1],
  [0, 2, 1],
] as const;

/** Hues before they are brought to 0…179 start here. */
const LEAST_HUE = -30;

/** What each hue becomes, from {@link LEAST_HUE} on: slope of the middle channel, places of all three. */
function hueTables(hues: Uint8Array) {
  const length = 180 - LEAST_HUE;
  const slopes = new Float64Array(length);
  // Slopes times 30 without the errors of float32.
  const thirtieths = new Uint8Array(length);
  const [high, middle, low] = [new Uint8Array(length), new Uint8Array(length), new Uint8Array(length)];
  for (let i = 0; i < length; i++) {
    const hue = hues[(i + LEAST_HUE + 180) % 180]!;
    const at = Math.fround(hue * Math.fround(6 / 180));
    const sector = Math.floor(at);
    const isRising = sector % 2 === 0;
    slopes[i] = isRising ? Math.fround(1 - (at - sector)) : at - sector;
    thirtieths[i] = isRising ? 30 - (hue - 30 * sector) : hue - 30 * sector;
    [high[i], middle[i], low[i]] = ORDERS[sector]!;
  }
  return { slopes, thirtieths, high, middle, low };
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
  const { slopes, thirtieths, high, middle, low } = hueTables(hues);
  for (let i = 0; i < rgb.length; i += 3) {
    const r = rgb[i]!;
    const g = rgb[i + 1]!;
    const b = rgb[i + 2]!;
    const value = r > g ? (r > b ? r : b) : g > b ? g : b;
    const spread = value - (r < g ? (r < b ? r : b) : g < b ? g : b);
    const position = value === r ? g - b : value === g ? b - r + 2 * spread : r - g + 4 * spread;
    const hue = ((Math.imul(position, HUE_DIVISORS[spread]!) + 2048) >> SHIFT) - LEAST_HUE;
    const saturation = (Math.imul(spread, SATURATION_DIVISORS[value]!) + 2048) >> SHIFT;
    // The quotient of whole numbers is right unless it is whole: then errors of float32 decide.
    const share = Math.imul(value, 7650 - Math.imul(saturation, thirtieths[hue]!));
    const quotient = (share / 7650) | 0;
    result[i + high[hue]!] = HIGHS[value]!;
    result[i + low[hue]!] = LOWS[256 * value + saturation]!;
    result[i + middle[hue]!] =
      Math.imul(quotient, 7650) === share ? mix(value, saturation, slopes[hue]!) : quotient;
  }
  return result;
}
