/**
 * What a JPEG file loses, without the file: scanners store slides as JPEG, and its 8 x 8 blocks are part of how real
 * sections look.
 *
 * @module
 */
import type { RgbImage } from "@renograde/core";

/** Quantisation tables of ITU-T T.81, Annex K, for brightness and colour. */
const BRIGHTNESS = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22,
  29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
  121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const COLOUR = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/** The 8-point DCT-II as an orthonormal matrix, row = frequency. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const frequency = Math.floor(i / 8);
  const scale = frequency === 0 ? Math.SQRT1_2 / 2 : 0.5;
  return scale * Math.cos(((2 * (i % 8) + 1) * frequency * Math.PI) / 16);
});

/** Multiplies the rows of an 8 x 8 block by the matrix or its transpose and transposes the block. */
function transform(source: Float64Array, target: Float64Array, inverse: boolean): void {
  const alongFrequency = inverse ? 8 : 1;
  const alongResult = inverse ? 1 : 8;
  for (let row = 0; row < 8; row++) {
    for (let i = 0; i < 8; i++) {
      let sum = 0;
      for (let k = 0; k < 8; k++)
        sum += source[row * 8 + k]! * COSINES[i * alongResult + k * alongFrequency]!;
      target[i * 8 + row] = sum;
    }
  }
}

/** Scales a table as libjpeg does for a quality of 1 to 100. */
function scaleTable(table: readonly number[], quality: number): number[] {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return table.map((step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100))));
}

/**
 * Changes an image as storing it as baseline JPEG and reading it would, colour at full resolution. Blocks that
 * reach over the right or lower border repeat the last pixel.
 *
 * @param quality - 1 to 100, as in libjpeg
 */
export function applyJpegLoss(image: RgbImage, quality: number): void {
  const { width, height, data } = image;
  const tables = [scaleTable(BRIGHTNESS, quality), scaleTable(COLOUR, quality), scaleTable(COLOUR, quality)];
  const planes = [new Float64Array(64), new Float64Array(64), new Float64Array(64)] as const;
  const half = new Float64Array(64);
  const spectrum = new Float64Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++) {
        const y = Math.min(height - 1, top + (i >> 3));
        const at = 3 * (y * width + Math.min(width - 1, left + (i & 7)));
        const r = data[at]!;
        const g = data[at + 1]!;
        const b = data[at + 2]!;
        planes[0][i] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
        planes[1][i] = -0.168736 * r - 0.331264 * g + 0.5 * b;
        planes[2][i] = 0.5 * r - 0.418688 * g - 0.081312 * b;
      }
      planes.forEach((plane, c) => {
        transform(plane, half, false);
        transform(half, spectrum, false);
        for (let i = 0; i < 64; i++) spectrum[i] = Math.round(spectrum[i]! / tables[c]![i]!) * tables[c]![i]!;
        transform(spectrum, half, true);
        transform(half, plane, true);
      });
      const bottom = Math.min(height, top + 8);
      const right = Math.min(width, left + 8);
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const i = (y - top) * 8 + x - left;
          const light = planes[0][i]! + 128;
          const blue = planes[1][i]!;
          const red = planes[2][i]!;
          const at = 3 * (y * width + x);
          data[at] = clamp(light + 1.402 * red);
          data[at + 1] = clamp(light - 0.344136 * blue - 0.714136 * red);
          data[at + 2] = clamp(light + 1.772 * blue);
        }
      }
    }
  }
}

function clamp(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}
