/**
 * Reference convolutions: the definition, loop by loop.
 *
 * @module
 */
import type { ConvOptions } from "../backend.js";
import { convGeometry, convShape, convTransposeShape } from "../shape/rules.js";
import { type ReferenceType, type Tensor, zeros } from "./tensor.js";

/** Four sizes of an array that a shape rule has already checked. */
export function dims4(x: Tensor): [number, number, number, number] {
  return x.dims as unknown as [number, number, number, number];
}

/** ONNX Conv: y[n,o,i,j] = bias[o] + Σ x[n,c,i·s+k−top,j·s+l−left]·w[o,c,k,l]. */
export function conv2d(
  path: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions | undefined,
  type: ReferenceType,
): Tensor {
  const y = zeros(convShape(path, x.dims, weight.dims, bias?.dims ?? null, options), type);
  const { stride, padding, groups } = convGeometry(options);
  const [top, left] = padding;
  const [n, cin, h, w] = dims4(x);
  const [cout, perGroup, kh, kw] = dims4(weight);
  const [, , height, width] = dims4(y);
  // One type of array keeps the innermost loop fast.
  const pixels = Float64Array.from(x.data);
  const plane = new Float64Array(height * width);
  for (let b = 0; b < n; b++) {
    for (let o = 0; o < cout; o++) {
      plane.fill(bias?.data[o] ?? 0);
      const first = Math.floor(o / (cout / groups)) * perGroup;
      for (let c = 0; c < perGroup; c++) {
        const source = (b * cin + first + c) * h * w;
        for (let k = 0; k < kh; k++) {
          const firstRow = Math.max(0, Math.ceil((top - k) / stride));
          const lastRow = Math.min(height - 1, Math.floor((h - 1 + top - k) / stride));
          for (let l = 0; l < kw; l++) {
            const tap = weight.data[((o * perGroup + c) * kh + k) * kw + l]!;
            const firstColumn = Math.max(0, Math.ceil((left - l) / stride));
            const lastColumn = Math.min(width - 1, Math.floor((w - 1 + left - l) / stride));
            for (let i = firstRow; i <= lastRow; i++) {
              const row = source + (i * stride + k - top) * w + l - left;
              for (let j = firstColumn; j <= lastColumn; j++) {
                plane[i * width + j]! += tap * pixels[row + j * stride]!;
              }
            }
          }
        }
      }
      y.data.set(plane, (b * cout + o) * height * width);
    }
  }
  return y;
}

/** ONNX ConvTranspose: every input pixel adds its weighted kernel to the output at stride distance. */
export function convTranspose2d(
  path: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions | undefined,
  type: ReferenceType,
): Tensor {
  const y = zeros(convTransposeShape(path, x.dims, weight.dims, bias?.dims ?? null, options), type);
  const { stride, padding, groups } = convGeometry(options);
  const [top, left] = padding;
  const [n, cin, h, w] = dims4(x);
  const [, perGroup, kh, kw] = dims4(weight);
  const [, cout, height, width] = dims4(y);
  const plane = new Float64Array(height * width);
  for (let b = 0; b < n; b++) {
    for (let o = 0; o < cout; o++) {
      plane.fill(bias?.data[o] ?? 0);
      const group = Math.floor(o / perGroup);
      for (let c = group * (cin / groups); c < (group + 1) * (cin / groups); c++) {
        const source = (b * cin + c) * h * w;
        for (let k = 0; k < kh; k++) {
          for (let l = 0; l < kw; l++) {
            const tap = weight.data[((c * perGroup + (o % perGroup)) * kh + k) * kw + l]!;
            for (let i = 0; i < h; i++) {
              const row = i * stride + k - top;
              if (row < 0 || row >= height) continue;
              for (let j = 0; j < w; j++) {
                const column = j * stride + l - left;
                if (column < 0 || column >= width) continue;
                plane[row * width + column]! += tap * x.data[source + i * w + j]!;
              }
            }
          }
        }
      }
      y.data.set(plane, (b * cout + o) * height * width);
    }
  }
  return y;
}
