/**
 * Resizing of RGB images to another pixel size: area averaging along an axis that shrinks, bicubic interpolation
 * (Keys, a = −0.5) along an axis that grows (spec/data.md §9). Separable, pixel areas aligned at the image edges,
 * edge pixels repeated outwards. Plain arithmetic, so the result is the same on every machine.
 *
 * @module
 */
import { type LabelMap, type RgbImage, ShapeError } from "@renograde/core";

/** For every output position: the input positions it is made of and their weights, which sum to 1. */
interface AxisWeights {
  /** Taps per output position. */
  readonly taps: number;
  readonly index: Int32Array;
  readonly weight: Float64Array;
}

/** Keys' cubic convolution kernel with a = −0.5. */
function cubic(t: number): number {
  const x = Math.abs(t);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

function axisWeights(from: number, to: number): AxisWeights {
  const scale = from / to;
  const taps = to < from ? Math.ceil(scale) + 1 : 4;
  const index = new Int32Array(to * taps);
  const weight = new Float64Array(to * taps);
  for (let o = 0; o < to; o++) {
    const low = o * scale;
    const high = (o + 1) * scale;
    const first = to < from ? Math.floor(low) : Math.floor((low + high) / 2 - 0.5) - 1;
    const centre = (low + high) / 2 - 0.5;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const i = first + t;
      const w = to < from ? Math.max(0, Math.min(high, i + 1) - Math.max(low, i)) : cubic(i - centre);
      index[o * taps + t] = Math.min(from - 1, Math.max(0, i));
      weight[o * taps + t] = w;
      sum += w;
    }
    for (let t = 0; t < taps; t++) weight[o * taps + t]! /= sum;
  }
  return { taps, index, weight };
}

function assertSize(width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ShapeError(
      `resample: the new size must be whole numbers of at least 1, received ${width} x ${height}`,
    );
  }
}

/**
 * Resizes `image` to `width × height`. Every axis is treated by itself: area averaging when it shrinks, bicubic
 * when it grows, untouched when it keeps its size. Values are rounded to the nearest byte.
 *
 * @throws ShapeError when the new size is not made of positive whole numbers
 */
export function resample(image: RgbImage, width: number, height: number): RgbImage {
  assertSize(width, height);
  if (width === image.width && height === image.height) return image;
  const { index: xi, weight: xw, taps: xt } = axisWeights(image.width, width);
  const { index: yi, weight: yw, taps: yt } = axisWeights(image.height, height);
  const stride = width * 3;
  const data = new Uint8Array(width * height * 3);
  // Rows already resized along x, kept as long as the output rows below still need them.
  const rows = new Map<number, Float32Array>();
  const row = (y: number): Float32Array => {
    const known = rows.get(y);
    if (known) return known;
    const out = new Float32Array(stride);
    const base = y * image.width * 3;
    for (let o = 0; o < width; o++) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let t = o * xt; t < (o + 1) * xt; t++) {
        const w = xw[t]!;
        const p = base + xi[t]! * 3;
        r += w * image.data[p]!;
        g += w * image.data[p + 1]!;
        b += w * image.data[p + 2]!;
      }
      out[o * 3] = r;
      out[o * 3 + 1] = g;
      out[o * 3 + 2] = b;
    }
    rows.set(y, out);
    return out;
  };
  const sum = new Float64Array(stride);
  for (let o = 0; o < height; o++) {
    sum.fill(0);
    for (let t = o * yt; t < (o + 1) * yt; t++) {
      const w = yw[t]!;
      if (w === 0) continue;
      const line = row(yi[t]!);
      for (let i = 0; i < stride; i++) sum[i]! += w * line[i]!;
    }
    for (let i = 0; i < stride; i++) {
      data[o * stride + i] = Math.min(255, Math.max(0, Math.round(sum[i]!)));
    }
    const oldest = yi[o * yt]!;
    for (const y of rows.keys()) if (y < oldest) rows.delete(y);
  }
  return { width, height, data };
}

/**
 * Resizes a label map by taking, for every output pixel, the input pixel its centre falls into. Labels are kept
 * as they are; a nucleus smaller than an output pixel can disappear.
 *
 * @throws ShapeError when the new size is not made of positive whole numbers
 */
export function resampleLabels(labels: LabelMap, width: number, height: number): LabelMap {
  assertSize(width, height);
  if (width === labels.width && height === labels.height) return labels;
  const columns = new Int32Array(width);
  for (let x = 0; x < width; x++) {
    columns[x] = Math.min(labels.width - 1, Math.floor(((x + 0.5) * labels.width) / width));
  }
  const data = new Int32Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.min(labels.height - 1, Math.floor(((y + 0.5) * labels.height) / height)) * labels.width;
    for (let x = 0; x < width; x++) data[y * width + x] = labels.data[row + columns[x]!]!;
  }
  return { width, height, data };
}
