/**
 * Linear changes of colour in optical density, where the amounts of stains add up (Beer and Lambert).
 *
 * @module
 */

/** Three by three numbers, row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];
/** Three numbers: red, green, blue, or one per stain. */
export type Triple = readonly [number, number, number];

/** Inverse of a matrix. A singular one gives Infinity or NaN. */
export function invertMatrix3([a, b, c, d, e, f, g, h, i]: Matrix3): Matrix3 {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    (e * i - f * h) / determinant,
    (c * h - b * i) / determinant,
    (b * f - c * e) / determinant,
    (f * g - d * i) / determinant,
    (a * i - c * g) / determinant,
    (c * d - a * f) / determinant,
    (d * h - e * g) / determinant,
    (b * g - a * h) / determinant,
    (a * e - b * d) / determinant,
  ];
}

/** Product of two matrices. */
export function multiplyMatrix3(a: Matrix3, b: Matrix3): Matrix3 {
  const result: number[] = [];
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      result.push(a[row]! * b[column]! + a[row + 1]! * b[column + 3]! + a[row + 2]! * b[column + 6]!);
    }
  }
  return result as unknown as Matrix3;
}

/** Matrix times vector. */
export function applyMatrix3(m: Matrix3, [x, y, z]: Triple): Triple {
  return [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
}

/** How bytes and optical densities belong together: density = −ln(max(byte + plus, 1) / white). */
export interface DensityScale {
  /** Byte of unstained glass. */
  readonly white: number;
  /** Added to bytes so that 0 has a logarithm. */
  readonly plus: number;
}

/** Density of each byte. */
export function densityTable({ white, plus }: DensityScale): Float64Array {
  return Float64Array.from({ length: 256 }, (_, byte) => -Math.log(Math.max(byte + plus, 1) / white));
}

/**
 * Replaces the densities d of every pixel by matrix · d + shift; a result is white·exp(−density), rounded and
 * clipped to a byte.
 *
 * @param rgb - interleaved bytes
 * @returns new bytes
 */
export function transformDensities(
  rgb: Uint8Array,
  matrix: Matrix3,
  shift: Triple,
  scale: DensityScale,
): Uint8Array {
  const table = densityTable(scale);
  const { white } = scale;
  const [a, b, c, d, e, f, g, h, i] = matrix;
  const [red, green, blue] = shift;
  const byte = (density: number): number => {
    const value = white * Math.exp(-density);
    return value >= 255 ? 255 : Math.floor(value + 0.5);
  };
  const result = new Uint8Array(rgb.length);
  for (let p = 0; p < rgb.length; p += 3) {
    const r = table[rgb[p]!]!;
    const y = table[rgb[p + 1]!]!;
    const z = table[rgb[p + 2]!]!;
    result[p] = byte(a * r + b * y + c * z + red);
    result[p + 1] = byte(d * r + e * y + f * z + green);
    result[p + 2] = byte(g * r + h * y + i * z + blue);
  }
  return result;
}
