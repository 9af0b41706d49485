/**
 * The median of 3 × 3 pixels by comparing three channels at once, each in its 10 bits of one integer.
 *
 * @module
 */

/** A bit above each channel, which tells whether a subtraction went below zero. */
const GUARDS = (1 << 8) | (1 << 18) | (1 << 28);

/** Ones in the channels where a ≥ b. */
function notBelow(a: number, b: number): number {
  const above = ((a | GUARDS) - b) & GUARDS;
  return above - (above >>> 8);
}

function least(a: number, b: number): number {
  return a ^ ((a ^ b) & notBelow(a, b));
}

function most(a: number, b: number): number {
  return b ^ ((a ^ b) & notBelow(a, b));
}

function middle(a: number, b: number, c: number): number {
  const swap = (a ^ b) & notBelow(a, b);
  return most(a ^ swap, least(b ^ swap, c));
}

/** The image with its edge repeated once, a pixel as one integer. */
function packPadded(rgb: Uint8Array, size: number): Int32Array {
  const packed = new Int32Array((size + 2) ** 2);
  for (let y = -1, to = 0; y <= size; y++) {
    const row = Math.min(size - 1, Math.max(0, y)) * size;
    for (let x = -1; x <= size; x++, to++) {
      const from = 3 * (row + Math.min(size - 1, Math.max(0, x)));
      packed[to] = rgb[from]! | (rgb[from + 1]! << 10) | (rgb[from + 2]! << 20);
    }
  }
  return packed;
}

/**
 * Median of every 3 × 3 neighbourhood, channel by channel, the edge repeated: columns of three are sorted once and
 * shared by three pixels; the median is the middle of the greatest least, the middle middle and the least greatest.
 *
 * @param rgb - interleaved bytes, `size × size` pixels
 */
export function medianOfNine(rgb: Uint8Array, size: number): Uint8Array {
  const stride = size + 2;
  const packed = packPadded(rgb, size);
  const low = new Int32Array(stride);
  const mid = new Int32Array(stride);
  const high = new Int32Array(stride);
  const result = new Uint8Array(rgb.length);
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0, p = y * stride; x < stride; x++, p++) {
      let a = packed[p]!;
      let b = packed[p + stride]!;
      const c = packed[p + 2 * stride]!;
      const swap = (a ^ b) & notBelow(a, b);
      a ^= swap;
      b ^= swap;
      const upper = most(b, c);
      const lower = least(b, c);
      low[x] = least(a, lower);
      mid[x] = most(a, lower);
      high[x] = upper;
    }
    for (let x = 0; x < size; x++, to += 3) {
      const median = middle(
        most(most(low[x]!, low[x + 1]!), low[x + 2]!),
        middle(mid[x]!, mid[x + 1]!, mid[x + 2]!),
        least(least(high[x]!, high[x + 1]!), high[x + 2]!),
      );
      result[to] = median & 255;
      result[to + 1] = (median >> 10) & 255;
      result[to + 2] = median >> 20;
    }
  }
  return result;
}
