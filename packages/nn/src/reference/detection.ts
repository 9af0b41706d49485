/**
 * Reference operations of detection: coordinates, indices, suppression, regions.
 *
 * @module
 */
import { suppressBoxes } from "@renograde/core";
import type { RoiAlignOptions, SuppressionOptions } from "../backend.js";
import * as rules from "../shape/rules.js";
import { dims4 } from "./convolution.js";
import { type ReferenceType, type Tensor, tensor, zeros } from "./tensor.js";

/** Column and row of every pixel. */
export function pixelGrid(path: string, x: Tensor, type: ReferenceType): Tensor {
  const y = zeros(rules.pixelGridShape(path, x.dims), type);
  const [, , height, width] = dims4(y);
  for (let p = 0; p < height * width; p++) {
    y.data[p] = p % width;
    y.data[height * width + p] = Math.floor(p / width);
  }
  return y;
}

/** Elements along one axis. */
export function gather(path: string, x: Tensor, indices: Tensor, axis: number, type: ReferenceType): Tensor {
  const y = zeros(rules.gatherShape(path, x.dims, indices.dims, axis), type);
  const at = rules.resolveAxis(path, x.dims, axis);
  const inner = rules.elements(x.dims.slice(at + 1));
  const outer = rules.elements(x.dims.slice(0, at));
  const count = indices.data.length;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      const from = (o * x.dims[at]! + indices.data[k]!) * inner;
      y.data.set(x.data.subarray(from, from + inner), (o * count + k) * inner);
    }
  }
  return y;
}

/** Indices of the k largest. */
export function topK(path: string, x: Tensor, k: number, type: ReferenceType): Tensor {
  const dims = rules.topKShape(path, x.dims, k);
  const order = [...x.data.keys()].sort((a, b) => x.data[b]! - x.data[a]! || a - b);
  return tensor(dims, order.slice(0, dims[0]), type);
}

/** Indices of elements above 0. */
export function positions(x: Tensor, type: ReferenceType): Tensor {
  const found = [...x.data.keys()].filter((i) => x.data[i]! > 0);
  return tensor([found.length], found, type);
}

/** Indices of the boxes that survive. */
export function nonMaxSuppression(
  path: string,
  boxes: Tensor,
  scores: Tensor,
  options: SuppressionOptions,
  type: ReferenceType,
): Tensor {
  rules.checkBoxes(path, boxes.dims, scores.dims);
  const kept = suppressBoxes(boxes.data, scores.data, options);
  return tensor([kept.length], kept, type);
}

/** Samples per cell and axis. */
const SAMPLES = 2;

/** Regions of a map at one resolution. */
export function roiAlign(
  path: string,
  x: Tensor,
  rois: Tensor,
  { size, scale }: RoiAlignOptions,
  type: ReferenceType,
): Tensor {
  const y = zeros(rules.roiAlignShape(path, x.dims, rois.dims, size), type);
  const [, channels, height, width] = dims4(x);
  const points = size * SAMPLES;
  for (let r = 0; r < rois.dims[0]!; r++) {
    const [image, x1, y1, x2, y2] = rois.data.subarray(5 * r, 5 * r + 5) as unknown as number[];
    const side = (from: number, to: number) => Math.max((to - from) * scale, 1);
    const at = (from: number, length: number, i: number) => from * scale + ((i + 0.5) * length) / points;
    for (let c = 0; c < channels; c++) {
      const plane = x.data.subarray((image! * channels + c) * height * width);
      for (let i = 0; i < points; i++) {
        const row = at(y1!, side(y1!, y2!), i);
        for (let j = 0; j < points; j++) {
          const column = at(x1!, side(x1!, x2!), j);
          const to = ((r * channels + c) * size + Math.floor(i / SAMPLES)) * size + Math.floor(j / SAMPLES);
          y.data[to]! += bilinear(plane, height, width, row, column) / SAMPLES ** 2;
        }
      }
    }
  }
  return y;
}

/** Value between pixels; 0 a pixel or more outside of the map. */
function bilinear(
  plane: ArrayLike<number>,
  height: number,
  width: number,
  row: number,
  column: number,
): number {
  if (row < -1 || row > height || column < -1 || column > width) return 0;
  const y = Math.min(Math.max(row, 0), height - 1);
  const x = Math.min(Math.max(column, 0), width - 1);
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)];
  const value = (i: number, j: number) => plane[i * width + j]!;
  const above = value(top, left) * (1 - x + left) + value(top, right) * (x - left);
  const below = value(bottom, left) * (1 - x + left) + value(bottom, right) * (x - left);
  return above * (1 - y + top) + below * (y - top);
}
