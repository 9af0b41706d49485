/**
 * Where the nuclei go: one tumour nucleus in most cells, endothelial nuclei along the vessels, grades in regions,
 * in the published proportions (spec/data.md §1).
 *
 * @module
 */
import { createRandom, type Random } from "@renograde/core";
import {
  drawNucleus,
  drawSize,
  ENDOTHELIAL,
  GRADE_1,
  GRADE_2,
  GRADE_3,
  type NucleusModel,
} from "./nucleus-model.js";
import { ENDOTHELIAL_PER_TUMOUR, type GradeMix, type ResolvedSectionOptions } from "./options.js";
import type { Tissue, TumourCell } from "./tissue.js";

/** Share of cells whose nucleus lies in the section, and of those with a second nucleus. */
const CELL_HAS_NUCLEUS = 0.8;
const CELL_HAS_TWO = 0.03;
/** Variance of a nucleus' grade that its section, its nest and itself explain; together 1. */
const GRADE_VARIANCE = { section: 0.35, nest: 0.35, cell: 0.3 } as const;

/** Inverse of the normal distribution function (Acklam's rational approximation, relative error below 1.2e-9). */
export function normalQuantile(p: number): number {
  if (p <= 0) return Number.NEGATIVE_INFINITY;
  if (p >= 1) return Number.POSITIVE_INFINITY;
  if (p < 0.02425 || p > 1 - 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p < 0.5 ? p : 1 - p));
    const top =
      ((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) *
        q +
        4.374664141464968) *
        q +
      2.938163982698783;
    const bottom =
      (((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) *
        q +
      1;
    return p < 0.5 ? top / bottom : -top / bottom;
  }
  const q = p - 0.5;
  const r = q * q;
  const top =
    (((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
    q;
  const bottom =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return top / bottom;
}

/** Draws the grade of a nucleus: a normal score cut where the mix says, correlated within nest and section. */
function createGrader(
  tissue: Tissue,
  mix: GradeMix,
  level: number,
): (random: Random, nest: number) => number {
  const total = mix.g1 + mix.g2 + mix.g3;
  const cutLow = normalQuantile(mix.g1 / total);
  const cutHigh = normalQuantile((mix.g1 + mix.g2) / total);
  const section = Math.sqrt(GRADE_VARIANCE.section) * normalQuantile(level);
  return (random, nest) => {
    const score =
      section +
      Math.sqrt(GRADE_VARIANCE.nest) * tissue.nestGrade[nest]! +
      Math.sqrt(GRADE_VARIANCE.cell) * random.normal();
    return score < cutLow ? GRADE_1 : score < cutHigh ? GRADE_2 : GRADE_3;
  };
}

/** Centres and radii of what has been placed, in bins, to keep nuclei from piling up. */
class Occupancy {
  readonly #bins = new Map<number, number[]>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  #key(x: number, y: number): number {
    return Math.floor(y / this.#size) * 65536 + Math.floor(x / this.#size);
  }

  add(x: number, y: number, radius: number): void {
    const key = this.#key(x, y);
    const bin = this.#bins.get(key);
    if (bin === undefined) this.#bins.set(key, [x, y, radius]);
    else bin.push(x, y, radius);
  }

  /** Smallest centre distance relative to the sum of the radii; 1 = touching. */
  clearance(x: number, y: number, radius: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let j = -1; j <= 1; j++) {
      for (let i = -1; i <= 1; i++) {
        const bin = this.#bins.get(this.#key(x + i * this.#size, y + j * this.#size));
        if (bin === undefined) continue;
        for (let k = 0; k < bin.length; k += 3) {
          const dx = bin[k]! - x;
          const dy = bin[k + 1]! - y;
          least = Math.min(least, Math.sqrt(dx * dx + dy * dy) / (bin[k + 2]! + radius));
        }
      }
    }
    return least;
  }
}

/** Keeps a point inside what the tissue can answer for. */
function clampTo(tissue: Tissue, x: number, y: number): [number, number] {
  const { xMin, yMin, xMax, yMax } = tissue.extent;
  return [Math.min(xMax - 1, Math.max(xMin + 1, x)), Math.min(yMax - 1, Math.max(yMin + 1, y))];
}

/** Gradient of the distance to the nest's border. */
function borderGradient(tissue: Tissue, x: number, y: number): [number, number] {
  const gx = tissue.locate(x + 1, y).borderPx - tissue.locate(x - 1, y).borderPx;
  const gy = tissue.locate(x, y + 1).borderPx - tissue.locate(x, y - 1).borderPx;
  const norm = Math.sqrt(gx * gx + gy * gy) + 1e-9;
  return [gx / norm, gy / norm];
}

/** Moves a point onto the nearest vessel's middle line; undefined where none is near. */
function ontoVessel(tissue: Tissue, x0: number, y0: number): [number, number] | undefined {
  let [x, y] = clampTo(tissue, x0, y0);
  for (let round = 0; round < 5; round++) {
    const distance = tissue.locate(x, y).borderPx;
    if (distance < 0.4) return [x, y];
    const [gx, gy] = borderGradient(tissue, x, y);
    [x, y] = clampTo(tissue, x - gx * distance, y - gy * distance);
  }
  return tissue.locate(x, y).borderPx < 1.5 ? [x, y] : undefined;
}

function placeEndothelium(
  tissue: Tissue,
  count: number,
  mpp: number,
  random: Random,
  occupied: Occupancy,
): NucleusModel[] {
  const { xMin, yMin, xMax, yMax } = tissue.extent;
  const nuclei: NucleusModel[] = [];
  for (let attempt = 0; nuclei.length < count && attempt < count * 12; attempt++) {
    const middle = ontoVessel(tissue, random.uniform(xMin, xMax), random.uniform(yMin, yMax));
    if (middle === undefined) continue;
    const [mx, my] = middle;
    const { a, b } = drawSize(random, ENDOTHELIAL, mpp);
    const { halfWidthPx, fibrous } = tissue.locate(mx, my);
    const [nx, ny] = borderGradient(tissue, mx + 0.7, my + 0.7);
    // In a narrow vessel it lies on the line, in an open one on either wall, in a septum anywhere.
    const room = Math.max(0, halfWidthPx - b * 0.4);
    const side = (fibrous > 0.3 ? random.uniform(-1, 1) : random.chance(0.5) ? 1 : -1) * room;
    const [x, y] = clampTo(tissue, mx + nx * side, my + ny * side);
    if (occupied.clearance(x, y, a * 0.85) < 1) continue;
    // The long axis follows the vessel: its two ends are looked up on the vessel's middle line.
    const reach = a * 0.8;
    const ahead = ontoVessel(tissue, mx - ny * reach, my + nx * reach);
    const behind = ontoVessel(tissue, mx + ny * reach, my - nx * reach);
    if (ahead === undefined || behind === undefined) continue;
    const angle = Math.atan2(ahead[1] - behind[1], ahead[0] - behind[0]);
    const sag = -(
      ((ahead[0] + behind[0]) / 2 - mx) * Math.sin(angle) -
      ((ahead[1] + behind[1]) / 2 - my) * Math.cos(angle)
    );
    const bend = Math.min(0.3 / a, Math.max(-0.3 / a, sag / (reach * reach)));
    const pose = { x, y, angle: angle + random.normal(0, 0.06), bend };
    nuclei.push(drawNucleus(random, ENDOTHELIAL, { a, b }, pose, mpp));
    for (const t of [-0.6, 0, 0.6]) {
      occupied.add(x + Math.cos(angle) * a * t, y + Math.sin(angle) * a * t, b * 1.1);
    }
  }
  return nuclei;
}

function placeTumourNucleus(
  tissue: Tissue,
  cell: TumourCell,
  type: number,
  mpp: number,
  random: Random,
  occupied: Occupancy,
): NucleusModel | undefined {
  const size = drawSize(random, type, mpp);
  const radius = Math.sqrt(size.a * size.b);
  const basal = random.chance(0.3);
  for (let attempt = 0; attempt < 10; attempt++) {
    const spread = (1.6 + 0.25 * attempt) / mpp;
    let [x, y] = clampTo(tissue, cell.x + random.normal(0, spread), cell.y + random.normal(0, spread));
    const { borderPx, halfWidthPx } = tissue.locate(x, y);
    const gap = borderPx - halfWidthPx - radius;
    if (gap < 0 || basal) {
      // Out of the vessel, or, in a basal row, up to it.
      const [gx, gy] = borderGradient(tissue, x, y);
      const move = gap < 0 ? -gap : -Math.min(gap, random.uniform(0, 4 / mpp));
      [x, y] = clampTo(tissue, x + gx * move, y + gy * move);
    }
    // A few nuclei touch or overlap; most keep their distance.
    const least = random.chance(0.12) ? 0.72 : 1.06;
    if (occupied.clearance(x, y, radius) < least) continue;
    occupied.add(x, y, radius);
    return drawNucleus(random, type, size, { x, y, angle: random.uniform(0, Math.PI) }, mpp);
  }
  return undefined;
}

/** Places all nuclei of a section, those beyond the border included; later ones lie in front. */
export function placeNuclei(tissue: Tissue, options: ResolvedSectionOptions): NucleusModel[] {
  const { seed, mpp } = options;
  const random = createRandom(seed, "nuclei");
  const grade = createGrader(tissue, options.gradeMix, options.gradeLevel);
  const holders: TumourCell[] = [];
  for (const cell of tissue.cells) {
    if (random.chance(CELL_HAS_NUCLEUS)) holders.push(cell);
    if (random.chance(CELL_HAS_TWO)) holders.push(cell);
  }
  const occupied = new Occupancy(18 / mpp);
  const wanted = holders.length * ENDOTHELIAL_PER_TUMOUR * 0.955 * random.uniform(0.8, 1.2);
  const endothelium = placeEndothelium(
    tissue,
    Math.floor(wanted + random.next()),
    mpp,
    createRandom(seed, "endothelium"),
    occupied,
  );
  const tumour: NucleusModel[] = [];
  for (const cell of holders) {
    const nucleus = placeTumourNucleus(tissue, cell, grade(random, cell.nest), mpp, random, occupied);
    if (nucleus !== undefined) tumour.push(nucleus);
  }
  const order = random.shuffle(Array.from({ length: endothelium.length + tumour.length }, (_, i) => i));
  return order.map((i) => (i < tumour.length ? tumour[i]! : endothelium[i - tumour.length]!));
}
