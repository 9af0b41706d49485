/**
 * Binary morphology: holes, dilation by the cross, opening by the ellipse.
 *
 * @module
 */
import type { BinaryMap } from "../raster.js";
import { Workspace } from "./workspace.js";

/**
 * Fills holes: background components, 4-connected, that do not touch the image edge become foreground
 * (`scipy.ndimage.binary_fill_holes`).
 */
export function fillHoles(mask: BinaryMap): BinaryMap {
  const { width, height } = mask;
  const stride = width + 2;
  const size = stride * (height + 2);
  // 0 = background not reached, 1 = foreground, 2 = reached; the frame is background outside.
  const state = new Uint8Array(size);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask.data[y * width + x] !== 0) state[(y + 1) * stride + x + 1] = 1;
    }
  }
  const stack = new Int32Array(size);
  let depth = 0;
  const visit = (q: number): void => {
    if (q < 0 || q >= size || state[q] !== 0) return;
    state[q] = 2;
    stack[depth++] = q;
  };
  visit(0);
  while (depth > 0) {
    const p = stack[--depth]!;
    // Left of column 0 is the frame's last column of the row above: frame too, so wrapping is harmless.
    visit(p - 1);
    visit(p + 1);
    visit(p - stride);
    visit(p + stride);
  }
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data[y * width + x] = state[(y + 1) * stride + x + 1] === 2 ? 0 : 1;
  }
  return { width, height, data };
}

/**
 * Dilates a mask by the 3×3 cross, `times` times; outside the image is background
 * (`scipy.ndimage.binary_dilation`).
 */
export function dilateCross(mask: BinaryMap, times = 1): BinaryMap {
  const { width, height } = mask;
  let data: Uint8Array = Uint8Array.from(mask.data, (value) => (value === 0 ? 0 : 1));
  for (let round = 0; round < times; round++) {
    const grown = new Uint8Array(data.length);
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        if (
          data[p] !== 0 ||
          (x > 0 && data[p - 1] !== 0) ||
          (x + 1 < width && data[p + 1] !== 0) ||
          (y > 0 && data[p - width] !== 0) ||
          (y + 1 < height && data[p + width] !== 0)
        ) {
          grown[p] = 1;
        }
      }
    }
    data = grown;
  }
  return { width, height, data };
}

/**
 * Opens a mask by the 5×5 ellipse, rows 00100, 11111, 11111, 11111, 00100 (OpenCV's `MORPH_OPEN` with
 * `MORPH_ELLIPSE`): what lies outside the image neither erodes nor dilates.
 */
export function openByEllipse(mask: BinaryMap, workspace = new Workspace()): BinaryMap {
  const { width, height } = mask;
  const data = new Uint8Array(width * height);
  for (let p = 0; p < data.length; p++) data[p] = mask.data[p] === 0 ? 0 : 1;
  // Dilation is the erosion of the complement.
  for (let round = 0; round < 2; round++) {
    erodeByEllipse(data, width, height, workspace);
    for (let p = 0; p < data.length; p++) data[p] = 1 - data[p]!;
  }
  return { width, height, data };
}

/** Erodes by the 5×5 ellipse in place; outside the image is foreground. */
function erodeByEllipse(data: Uint8Array, width: number, height: number, workspace: Workspace): void {
  const stride = width + 4;
  const padded = workspace.uint8("ellipse.padded", stride * (height + 4)).fill(1);
  const rows = workspace.uint8("ellipse.rows", stride * (height + 4)).fill(1);
  for (let y = 0; y < height; y++)
    padded.set(data.subarray(y * width, (y + 1) * width), (y + 2) * stride + 2);
  for (let y = 0; y < height; y++) {
    const start = (y + 2) * stride + 2;
    for (let p = start; p < start + width; p++) {
      rows[p] = padded[p - 2]! & padded[p - 1]! & padded[p]! & padded[p + 1]! & padded[p + 2]!;
    }
  }
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 2) * stride + 2;
    for (const end = i + width; i < end; i++, p++) {
      const middle = rows[p - stride]! & rows[p]! & rows[p + stride]!;
      data[i] = middle & padded[p - 2 * stride]! & padded[p + 2 * stride]!;
    }
  }
}
