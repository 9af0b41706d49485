/**
 * Seeded noise for synthetic tissue: smooth fields that bend borders and shade regions, and small periodic
 * textures for chromatin and cytoplasm. Both are pure functions of the pixel position, so that a section can be
 * drawn band by band without seams.
 *
 * @module
 */
import type { Random } from "@renograde/core";

/** Part of the plane, in pixels; maxima exclusive. */
export interface Extent {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/** Value noise on a lattice of `spacing` pixels: smooth, in [-1, 1], zero mean over many lattice points. */
export class SmoothField {
  readonly #lattice: Float32Array;
  readonly #columns: number;
  readonly #originX: number;
  readonly #originY: number;
  readonly #scale: number;

  constructor(random: Random, extent: Extent, spacing: number) {
    this.#scale = 1 / spacing;
    // A random phase keeps lattice lines from sitting at the image's corner.
    this.#originX = extent.xMin - spacing * (1 + random.next());
    this.#originY = extent.yMin - spacing * (1 + random.next());
    this.#columns = Math.ceil((extent.xMax - this.#originX) / spacing) + 3;
    const rows = Math.ceil((extent.yMax - this.#originY) / spacing) + 3;
    this.#lattice = new Float32Array(this.#columns * rows);
    for (let i = 0; i < this.#lattice.length; i++) this.#lattice[i] = random.uniform(-1, 1);
  }

  /** Value at a point of the extent. */
  at(x: number, y: number): number {
    const u = (x - this.#originX) * this.#scale;
    const v = (y - this.#originY) * this.#scale;
    const column = Math.floor(u);
    const row = Math.floor(v);
    const fx = u - column;
    const fy = v - row;
    const sx = fx * fx * (3 - 2 * fx);
    const sy = fy * fy * (3 - 2 * fy);
    const at = row * this.#columns + column;
    const lattice = this.#lattice;
    const top = lattice[at]! + (lattice[at + 1]! - lattice[at]!) * sx;
    const below = at + this.#columns;
    const bottom = lattice[below]! + (lattice[below + 1]! - lattice[below]!) * sx;
    return top + (bottom - top) * sy;
  }
}

/** Side of a texture in pixels; a power of two, so that wrapping is a bit mask. */
export const TEXTURE_SIZE = 256;

/**
 * Creates a texture that repeats every {@link TEXTURE_SIZE} pixels: a sum of value noises, mean 0, standard
 * deviation 1.
 *
 * @param octaves - pairs of lattice spacing (pixels, a divisor of the size) and amplitude
 */
export function createTexture(random: Random, octaves: readonly (readonly [number, number])[]): Float32Array {
  const size = TEXTURE_SIZE;
  const texture = new Float32Array(size * size);
  for (const [spacing, amplitude] of octaves) {
    const cells = size / spacing;
    const lattice = new Float32Array(cells * cells);
    for (let i = 0; i < lattice.length; i++) lattice[i] = random.uniform(-1, 1);
    for (let y = 0; y < size; y++) {
      const row = Math.floor(y / spacing);
      const fy = y / spacing - row;
      const sy = fy * fy * (3 - 2 * fy);
      const top = row * cells;
      const bottom = ((row + 1) % cells) * cells;
      for (let x = 0; x < size; x++) {
        const left = Math.floor(x / spacing);
        const right = (left + 1) % cells;
        const fx = x / spacing - left;
        const sx = fx * fx * (3 - 2 * fx);
        const a = lattice[top + left]! * (1 - sx) + lattice[top + right]! * sx;
        const b = lattice[bottom + left]! * (1 - sx) + lattice[bottom + right]! * sx;
        texture[y * size + x]! += amplitude * (a * (1 - sy) + b * sy);
      }
    }
  }
  let sum = 0;
  let squares = 0;
  for (const value of texture) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / texture.length;
  const scale = 1 / Math.sqrt(squares / texture.length - mean * mean);
  for (let i = 0; i < texture.length; i++) texture[i] = (texture[i]! - mean) * scale;
  return texture;
}

/**
 * Creates a foam that repeats every {@link TEXTURE_SIZE} pixels: walls (1) between bubbles (0), like cytoplasm whose
 * vacuoles were washed out. Walls are those of the Voronoi diagram of points thinned out from a jittered lattice.
 *
 * @param spacing - of the lattice in pixels, a divisor of the size
 * @param wall - half the thickness of a wall in pixels
 */
export function createFoam(random: Random, spacing: number, wall: number): Float32Array {
  const size = TEXTURE_SIZE;
  const cells = size / spacing;
  const pointX = new Float32Array(cells * cells);
  const pointY = new Float32Array(cells * cells);
  for (let i = 0; i < pointX.length; i++) {
    // A point that is left out makes a larger bubble of its neighbours.
    pointX[i] = random.chance(0.35) ? Number.NaN : ((i % cells) + random.next()) * spacing;
    pointY[i] = (Math.floor(i / cells) + random.next()) * spacing;
  }
  const foam = new Float32Array(size * size);
  const wrap = (d: number): number => d - size * Math.round(d / size);
  for (let y = 0; y < size; y++) {
    const row = Math.floor(y / spacing);
    for (let x = 0; x < size; x++) {
      const column = Math.floor(x / spacing);
      let first = Number.POSITIVE_INFINITY;
      let second = Number.POSITIVE_INFINITY;
      for (let j = row - 2; j <= row + 2; j++) {
        for (let i = column - 2; i <= column + 2; i++) {
          const k = ((j + cells) % cells) * cells + ((i + cells) % cells);
          if (Number.isNaN(pointX[k]!)) continue;
          const dx = wrap(pointX[k]! - x);
          const dy = wrap(pointY[k]! - y);
          const d = Math.sqrt(dx * dx + dy * dy);
          if (d < first) {
            second = first;
            first = d;
          } else if (d < second) {
            second = d;
          }
        }
      }
      const depth = (second - first) / 2 / wall;
      foam[y * size + x] = Math.exp(-depth * depth);
    }
  }
  return foam;
}

/** Value of a texture at a pixel, wrapped. */
export function textureAt(texture: Float32Array, x: number, y: number): number {
  const mask = TEXTURE_SIZE - 1;
  return texture[(Math.floor(y) & mask) * TEXTURE_SIZE + (Math.floor(x) & mask)]!;
}
