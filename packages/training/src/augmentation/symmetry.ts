/**
 * The eight symmetries of the square, which move pixels without interpolation.
 *
 * @module
 */
import type { Patch } from "../targets/windows.js";

/** One of the eight symmetries of the square: transpose first, then mirror columns, then mirror rows. */
export interface Symmetry {
  readonly transpose: boolean;
  readonly mirrorX: boolean;
  readonly mirrorY: boolean;
}

/** Moves every pixel of a patch by a symmetry of the square. */
export function applySymmetry(patch: Patch, symmetry: Symmetry): Patch {
  const { size } = patch;
  const { transpose, mirrorX, mirrorY } = symmetry;
  if (!transpose && !mirrorX && !mirrorY) return patch;
  const rgb = new Uint8Array(patch.rgb.length);
  const instances = new Int32Array(patch.instances.length);
  const classes = new Uint8Array(patch.classes.length);
  const distance = new Uint8Array(patch.distance.length);
  let to = 0;
  for (let y = 0; y < size; y++) {
    const v = mirrorY ? size - 1 - y : y;
    for (let x = 0; x < size; x++, to++) {
      const u = mirrorX ? size - 1 - x : x;
      const from = transpose ? u * size + v : v * size + u;
      rgb[to * 3] = patch.rgb[from * 3]!;
      rgb[to * 3 + 1] = patch.rgb[from * 3 + 1]!;
      rgb[to * 3 + 2] = patch.rgb[from * 3 + 2]!;
      instances[to] = patch.instances[from]!;
      classes[to] = patch.classes[from]!;
      distance[to] = patch.distance[from]!;
    }
  }
  return { size, rgb, instances, classes, distance };
}
