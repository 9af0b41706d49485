/**
 * Lays the dyes of a synthetic section: cytoplasm, membranes, vessels, blood and nuclei as amounts of haematoxylin,
 * eosin and haemoglobin per pixel. Any rectangle can be painted on its own.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import { createFoam, createTexture, type Extent, SmoothField, textureAt } from "./noise.js";
import { depthInside, type NucleusModel, reachOf } from "./nucleus-model.js";
import type { ResolvedSectionOptions } from "./options.js";
import type { Tissue } from "./tissue.js";

/** Amounts of dye, one value per pixel of a band. */
export interface Dyes {
  readonly haematoxylin: Float32Array;
  readonly eosin: Float32Array;
  readonly blood: Float32Array;
}

/** A red blood cell, in pixels. */
export interface BloodCell {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly strength: number;
}

/** Smooth step from 0 below `low` to 1 above `high`. */
function ramp(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/** Textures all sections share; nuclei and cells look at them from places of their own. */
interface Textures {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
  readonly blotches: Float32Array;
  readonly bubbles: Float32Array;
  readonly strands: Float32Array;
}

let textures: Textures | undefined;

function getTextures(): Textures {
  if (textures !== undefined) return textures;
  const random = createRandom("textures of synthetic sections");
  textures = {
    fine: createTexture(random, [
      [2, 0.8],
      [4, 1],
    ]),
    coarse: createTexture(random, [
      [4, 0.7],
      [8, 1],
    ]),
    blotches: createTexture(random, [
      [4, 0.6],
      [8, 1],
      [16, 1],
    ]),
    bubbles: createFoam(random, 8, 1.1),
    strands: createFoam(random, 4, 0.9),
  };
  return textures;
}

/** Everything of a section that does not change from band to band. */
export class Painter {
  readonly #options: ResolvedSectionOptions;
  readonly #tissue: Tissue;
  readonly #textures = getTextures();
  readonly #fibre: SmoothField;
  readonly #cloud: SmoothField;
  readonly #wobbleX: SmoothField;
  readonly #wobbleY: SmoothField;

  constructor(options: ResolvedSectionOptions, tissue: Tissue) {
    this.#options = options;
    this.#tissue = tissue;
    const { seed, mpp } = options;
    const { xMin, yMin, xMax, yMax } = tissue.extent;
    const around: Extent = { xMin: xMin - 8, yMin: yMin - 8, xMax: xMax + 8, yMax: yMax + 8 };
    const field = (name: string, um: number): SmoothField =>
      new SmoothField(createRandom(seed, "paint", name), around, um / mpp);
    this.#fibre = field("fibre", 3);
    this.#cloud = field("cloud", 60);
    this.#wobbleX = field("wobble x", 5);
    this.#wobbleY = field("wobble y", 5);
  }

  /** Cytoplasm, membranes, vessels and septa of a band. */
  tissue(dyes: Dyes, x0: number, y0: number, width: number, rows: number): void {
    const tissue = this.#tissue;
    const { fine, coarse, blotches, bubbles, strands } = this.#textures;
    const px = 1 / this.#options.mpp;
    // Textures are drawn for 0.25 µm/px.
    const toTexture = this.#options.mpp / 0.25;
    for (let row = 0; row < rows; row++) {
      const y = y0 + row;
      for (let column = 0; column < width; column++) {
        const x = x0 + column;
        const at = row * width + column;
        const wx = x + this.#wobbleX.at(x, y) * 0.9 * px;
        const wy = y + this.#wobbleY.at(x, y) * 0.9 * px;
        const { nest, borderPx, halfWidthPx, fibrous } = tissue.locate(wx, wy);
        const inside = borderPx - halfWidthPx;
        const grain = textureAt(fine, x, y);
        let haematoxylin: number;
        let eosin: number;
        if (inside < 0) {
          const wall = ramp(1.5 * px, 0.5 * px, -inside);
          const open = fibrous < 0.3 && halfWidthPx > 2.2 * px ? 1 - wall : 0;
          // Fibres run along the border: the noise is stretched in the direction of equal distance.
          const fibre = this.#fibre.at(x * 0.35 + borderPx * 2.2, y * 0.35 + borderPx * 2.2);
          const cloud = this.#cloud.at(x, y);
          eosin = (0.64 + 0.08 * grain + 0.24 * fibre + 0.14 * cloud) * (1 - open) + 0.05 * open;
          haematoxylin = (0.17 + 0.05 * grain + 0.08 * fibre) * (1 - open) + 0.015 * open;
        } else {
          const index = tissue.nearestCell(wx, wy, nest);
          const cell = index < 0 ? undefined : tissue.cells[index]!;
          const clear = cell?.clear ?? 0.3;
          const tx = x * toTexture + (cell?.textureX ?? 0);
          const ty = y * toTexture + (cell?.textureY ?? 0);
          const foam = textureAt(blotches, tx, ty);
          const granules = textureAt(coarse, ty, tx);
          const cloud = this.#cloud.at(x, y);
          const distance =
            cell === undefined
              ? 0
              : Math.sqrt((x - cell.x) * (x - cell.x) + (y - cell.y) * (y - cell.y)) / (9 * px);
          // Glycogen and fat wash out: what is left of the cytoplasm is a foam of wisps and granules, denser around
          // the nucleus.
          const left = Math.max(
            0,
            1.05 - clear + 0.25 * cloud + 0.3 * Math.max(0, 0.7 - distance) + 0.12 * foam,
          );
          const sx = tx + 3 * foam;
          const sy = ty + 3 * granules;
          const web =
            0.55 * textureAt(bubbles, sx, sy) * (1 + 0.5 * foam) +
            0.5 * textureAt(strands, sy, sx) * (0.4 + left) * (1 + 0.4 * granules);
          const amount = (0.25 + left) * Math.max(0, web) * 0.34 + 0.1 * left + 0.05 * left * granules;
          eosin = Math.max(0.012, 0.015 + amount + 0.02 * grain * (0.3 + left));
          haematoxylin = 0.012 + 0.22 * amount;
          const wall = Math.min(tissue.wallPx, inside + 0.3 * px);
          const strength = 0.5 + 0.1 * foam + 0.12 * granules + 0.1 * cloud;
          const thickness = (0.3 + 0.16 * this.#fibre.at(x, y) + 0.12 * Math.max(0, foam)) * px;
          const t = wall / Math.max(0.22 * px, thickness);
          const membrane = Math.max(0.04, strength) * Math.exp(-0.5 * t * t);
          eosin += membrane;
          haematoxylin += 0.2 * membrane;
        }
        dyes.haematoxylin[at] = haematoxylin;
        dyes.eosin[at] = eosin;
        dyes.blood[at] = 0;
      }
    }
  }

  /** Red blood cells over what is there. */
  blood(dyes: Dyes, cells: readonly BloodCell[], x0: number, y0: number, width: number, rows: number): void {
    for (const cell of cells) {
      const reach = cell.radius + 1;
      const xEnd = Math.min(x0 + width, Math.ceil(cell.x + reach));
      const yEnd = Math.min(y0 + rows, Math.ceil(cell.y + reach));
      for (let y = Math.max(y0, Math.floor(cell.y - reach)); y < yEnd; y++) {
        for (let x = Math.max(x0, Math.floor(cell.x - reach)); x < xEnd; x++) {
          const dx = x - cell.x;
          const dy = y - cell.y;
          const r = Math.sqrt(dx * dx + dy * dy);
          const cover = Math.min(1, Math.max(0, cell.radius - r + 0.5));
          if (cover === 0) continue;
          const at = (y - y0) * width + x - x0;
          // Thinner in the middle.
          const amount =
            cell.strength * (0.75 + 0.25 * Math.min(1, ((1.4 * r) / cell.radius) * (r / cell.radius)));
          dyes.blood[at] = Math.max(dyes.blood[at]!, cover * amount);
          dyes.eosin[at] = dyes.eosin[at]! * (1 - 0.7 * cover);
        }
      }
    }
  }

  /** One nucleus over what is there. */
  nucleus(dyes: Dyes, nucleus: NucleusModel, x0: number, y0: number, width: number, rows: number): void {
    const reach = reachOf(nucleus);
    const { fine, coarse, strands } = this.#textures;
    const px = 1 / this.#options.mpp;
    const xStart = Math.max(x0, Math.floor(nucleus.x - reach));
    const xEnd = Math.min(x0 + width, Math.ceil(nucleus.x + reach) + 1);
    const yEnd = Math.min(y0 + rows, Math.ceil(nucleus.y + reach) + 1);
    const edge = nucleus.softness;
    const rimWidth = 0.3 * px;
    const toTexture = this.#options.mpp / 0.25;
    for (let y = Math.max(y0, Math.floor(nucleus.y - reach)); y < yEnd; y++) {
      for (let x = xStart; x < xEnd; x++) {
        const dx = x - nucleus.x;
        const dy = y - nucleus.y;
        const depth = depthInside(nucleus, dx, dy);
        if (depth <= -edge) continue;
        const cover = ramp(-edge, edge, depth);
        const tx = dx * toTexture + nucleus.textureX;
        const ty = dy * toTexture + nucleus.textureY;
        // Grains, and a net of threads between them.
        const grain =
          textureAt(fine, tx, ty) * (0.8 - nucleus.coarseness * 0.8) +
          textureAt(coarse, tx, ty) * nucleus.coarseness +
          1.5 * (textureAt(strands, ty, tx) - 0.45);
        const fromRim = (depth - 0.35 * px) / rimWidth;
        let haematoxylin =
          nucleus.chromatin * (1 + nucleus.grain * grain) +
          nucleus.rim * (1 + 0.35 * grain) * Math.exp(-0.5 * fromRim * fromRim);
        let eosin = 0.24 + 0.03 * grain;
        for (const nucleolus of nucleus.nucleoli) {
          const nx = dx - nucleolus.dx;
          const ny = dy - nucleolus.dy;
          const r2 = nx * nx + ny * ny + 1e-6;
          // Not quite round: the second harmonic of the nucleus, in its own direction.
          const oval =
            1 + (2.5 * (nucleus.outline[0]! * (nx * nx - ny * ny) + nucleus.outline[1]! * 2 * nx * ny)) / r2;
          const disc = ramp(-0.9, 0.9, nucleolus.radiusPx * oval - Math.sqrt(r2));
          haematoxylin += 0.6 * nucleolus.strength * disc;
          eosin += 0.75 * nucleolus.strength * disc;
        }
        const at = (y - y0) * width + x - x0;
        // What lies behind still absorbs some light.
        const keep = 1 - cover * 0.68;
        dyes.haematoxylin[at] = dyes.haematoxylin[at]! * keep + haematoxylin * cover;
        dyes.eosin[at] = dyes.eosin[at]! * keep + eosin * cover;
        dyes.blood[at] = dyes.blood[at]! * keep;
      }
    }
  }
}

/** Red blood cells in the open vessels. */
export function placeBlood(tissue: Tissue, options: ResolvedSectionOptions): BloodCell[] {
  const { xMin, yMin, xMax, yMax } = tissue.extent;
  const px = 1 / options.mpp;
  const random = createRandom(options.seed, "blood");
  const cells: BloodCell[] = [];
  const attempts = ((xMax - xMin) * (yMax - yMin)) / (10 * px * px);
  const filled = new SmoothField(createRandom(options.seed, "blood field"), tissue.extent, 40 * px);
  for (let i = 0; i < attempts; i++) {
    const x = random.uniform(xMin, xMax);
    const y = random.uniform(yMin, yMax);
    const radius = random.uniform(1.7, 2.7) * px;
    const strength = random.uniform(0.8, 1.3);
    const { borderPx, halfWidthPx, fibrous } = tissue.locate(x, y);
    if (fibrous > 0.3 || halfWidthPx < 2.2 * px || borderPx > halfWidthPx - radius - 0.2 * px) continue;
    if (filled.at(x, y) < -0.4) continue;
    cells.push({ x, y, radius, strength });
  }
  return cells;
}
