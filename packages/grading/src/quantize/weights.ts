/**
 * Weights as 7-bit integers with one scale per output channel, and the int32 biases that go with them.
 *
 * CPUs without VNNI multiply bytes with `vpmaddubsw`, which adds the products of two neighbours (unsigned activation
 * times signed weight) in 16 bits with saturation. With |weight| ≤ 64 such a pair is at most 2 · 255 · 64 = 32,640 ≤
 * 32,767, so no input whatsoever can saturate it, and every CPU computes the same.
 *
 * @module
 */

/** Largest magnitude of a quantised weight. */
export const MAX_WEIGHT = 64;

/** Largest magnitude of a quantised bias: leaves the int32 sum room for 2³⁰ / (255 · 64) = 65,793 products. */
const MAX_BIAS = 2 ** 30;

/** Smallest scale, far above where float32 loses precision. */
const MIN_SCALE = 2 ** -100;

/** A convolution on bytes. */
export interface QuantizedConvolution {
  /** Row-major as the float weights, |value| ≤ {@link MAX_WEIGHT}. */
  readonly weights: Int8Array;
  /** float32, one per output channel: real weight = scale · integer. */
  readonly weightScales: Float32Array;
  /** At the scale of the sums: input scale · weight scale. */
  readonly bias: Int32Array;
  /** The same product in float32. */
  readonly biasScales: Float32Array;
}

/** A float convolution and what comes into it. */
export interface FloatConvolution {
  /** `[out, in, kernel, kernel]` */
  readonly weights: Float32Array;
  readonly bias: Float32Array | null;
  /** Output channels. */
  readonly out: number;
  readonly inputScale: number;
  /** Mean of every input channel, `[in]`. */
  readonly inputMeans: Float64Array;
}

/**
 * Quantises a convolution. The weights of an output channel get the scale with the least squared error, among those
 * that clip nothing down to those that clip at half of the largest. What their rounding adds to the mean of the
 * channel, Σ (ŵ − w) · mean, is taken off its bias (bias correction, Nagel et al., ICCV 2019); pixels at the border
 * count as any other.
 */
export function quantizeConvolution(conv: FloatConvolution): QuantizedConvolution {
  const { out, inputScale, inputMeans } = conv;
  const size = conv.weights.length / out;
  const taps = size / inputMeans.length;
  const weights = new Int8Array(conv.weights.length);
  const weightScales = new Float32Array(out);
  const bias = new Int32Array(out);
  const biasScales = new Float32Array(out);
  for (let c = 0; c < out; c++) {
    const row = conv.weights.subarray(c * size, (c + 1) * size);
    // Where the weights are all but zero, the bias settles the scale.
    const least = Math.max(MIN_SCALE, (2 * Math.abs(conv.bias?.[c] ?? 0)) / (inputScale * MAX_BIAS));
    const scale = chooseScale(row, least);
    let shift = 0;
    for (let i = 0; i < size; i++) {
      const q = toInteger(row[i]!, scale);
      weights[c * size + i] = q;
      shift += (q * scale - row[i]!) * inputMeans[Math.floor(i / taps)]!;
    }
    weightScales[c] = scale;
    biasScales[c] = Math.fround(inputScale * scale);
    const corrected = Math.round(((conv.bias?.[c] ?? 0) - shift) / biasScales[c]!);
    bias[c] = Math.min(MAX_BIAS, Math.max(-MAX_BIAS, corrected));
  }
  return { weights, weightScales, bias, biasScales };
}

function chooseScale(row: Float32Array, least: number): number {
  let largest = 0;
  for (const w of row) largest = Math.max(largest, Math.abs(w));
  let best = Math.fround(Math.max(least, largest / MAX_WEIGHT));
  let lowest = Number.POSITIVE_INFINITY;
  for (let k = 40; k >= 20; k--) {
    const scale = Math.fround(Math.max(least, (largest * k) / (40 * MAX_WEIGHT)));
    let error = 0;
    for (let i = 0; i < row.length && error < lowest; i++) {
      const difference = row[i]! - scale * toInteger(row[i]!, scale);
      error += difference * difference;
    }
    if (error < lowest) [lowest, best] = [error, scale];
  }
  return best;
}

function toInteger(weight: number, scale: number): number {
  return Math.min(MAX_WEIGHT, Math.max(-MAX_WEIGHT, Math.round(weight / scale)));
}
