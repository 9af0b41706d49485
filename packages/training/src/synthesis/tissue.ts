/**
 * The architecture of clear cell carcinoma: nests of polygonal cells, parted by a network of thin vessels. Nests
 * are the cells of a coarse Voronoi diagram with bent borders, the vessels run along those borders, and each nest
 * is filled with cells by Lloyd's relaxation. Every question is answered per point, so that a section can be drawn
 * band by band.
 *
 * @module
 */
import { createRandom, type Random } from "@renograde/core";
import { type Extent, SmoothField } from "./noise.js";
import type { ResolvedSectionOptions } from "./options.js";

/** Distance between nests and between cells in µm. */
const NEST_SPACING_UM = 56;
const CELL_SPACING_UM = 16.1;
/** How far tissue is laid out beyond the image, so that whatever is cut by the border is cut naturally. */
export const MARGIN_UM = 16;

/** A tumour cell. */
export interface TumourCell {
  x: number;
  y: number;
  readonly nest: number;
  /** 0 granular and pink, 1 optically clear. */
  readonly clear: number;
  /** Offset into the textures, so that no two cells look alike. */
  readonly textureX: number;
  readonly textureY: number;
}

/** Where a point lies; one object is reused by every call of {@link Tissue.locate}. */
export interface TissuePoint {
  nest: number;
  /** Distance to the nest's border in pixels: 0 in the middle of a vessel. */
  borderPx: number;
  /** Half the width of the vessel or septum here, in pixels. */
  halfWidthPx: number;
  /** 0 capillary, 1 fibrous septum. */
  fibrous: number;
}

/** Nests, vessels and cells of one section. */
export class Tissue {
  readonly extent: Extent;
  readonly cells: readonly TumourCell[];
  /** Standard normal per nest: how high its grade is among its neighbours. */
  readonly nestGrade: Float32Array;
  readonly point: TissuePoint = { nest: 0, borderPx: 0, halfWidthPx: 0, fibrous: 0 };
  /** Of the last {@link nearestCell}: distance to the cell's wall in pixels. */
  wallPx = 0;

  readonly #pxPerUm: number;
  readonly #nestSpacing: number;
  readonly #nestColumns: number;
  readonly #nestX: Float64Array;
  readonly #nestY: Float64Array;
  readonly #nestOriginX: number;
  readonly #nestOriginY: number;
  readonly #warpX: SmoothField;
  readonly #warpY: SmoothField;
  readonly #width: SmoothField;
  readonly #septum: SmoothField;
  readonly #binSize: number;
  readonly #binColumns: number;
  readonly #binStart: Int32Array;
  readonly #binCells: Int32Array;
  readonly #cellX: Float64Array;
  readonly #cellY: Float64Array;
  readonly #cellNest: Int32Array;

  constructor(options: ResolvedSectionOptions) {
    const { width, height, mpp, seed } = options;
    const px = 1 / mpp;
    const margin = MARGIN_UM * px;
    this.#pxPerUm = px;
    this.extent = { xMin: -margin, yMin: -margin, xMax: width + margin, yMax: height + margin };
    const around = 8;
    const sampled: Extent = {
      xMin: -margin - around,
      yMin: -margin - around,
      xMax: width + margin + around,
      yMax: height + margin + around,
    };
    const field = (name: string, spacingUm: number): SmoothField =>
      new SmoothField(createRandom(seed, "field", name), sampled, spacingUm * px);
    this.#warpX = field("warp x", 30);
    this.#warpY = field("warp y", 30);
    this.#width = field("vessel width", 26);
    this.#septum = field("septum", 110);

    const random = createRandom(seed, "nests");
    const spacing = NEST_SPACING_UM * px * random.uniform(0.85, 1.2);
    this.#nestSpacing = spacing;
    this.#nestOriginX = sampled.xMin - spacing * (2.5 + random.next());
    this.#nestOriginY = sampled.yMin - spacing * (2.5 + random.next());
    this.#nestColumns = Math.ceil((sampled.xMax - this.#nestOriginX) / spacing) + 4;
    const nestRows = Math.ceil((sampled.yMax - this.#nestOriginY) / spacing) + 4;
    const nests = this.#nestColumns * nestRows;
    this.#nestX = new Float64Array(nests);
    this.#nestY = new Float64Array(nests);
    this.nestGrade = new Float32Array(nests);
    for (let i = 0; i < nests; i++) {
      this.#nestX[i] = ((i % this.#nestColumns) + 0.5 + random.uniform(-0.42, 0.42)) * spacing;
      this.#nestY[i] = (Math.floor(i / this.#nestColumns) + 0.5 + random.uniform(-0.42, 0.42)) * spacing;
      this.nestGrade[i] = random.normal();
    }

    const cellSpacing = (CELL_SPACING_UM * px) / Math.sqrt(options.density);
    this.#binSize = cellSpacing * 1.25;
    this.#binColumns = Math.ceil((this.extent.xMax - this.extent.xMin) / this.#binSize) + 1;
    const binRows = Math.ceil((this.extent.yMax - this.extent.yMin) / this.#binSize) + 1;
    this.#binStart = new Int32Array(this.#binColumns * binRows + 1);
    const cells = this.#layCells(createRandom(seed, "cells"), cellSpacing);
    this.cells = cells;
    this.#binCells = new Int32Array(cells.length);
    this.#cellX = new Float64Array(cells.length);
    this.#cellY = new Float64Array(cells.length);
    this.#cellNest = Int32Array.from(cells, (cell) => cell.nest);
    for (let round = 0; round < 2; round++) {
      this.#fileCells();
      this.#relaxCells(cellSpacing / 7);
    }
    this.#fileCells();
  }

  /** Fills {@link point} for a point of the extent. */
  locate(x: number, y: number): TissuePoint {
    const px = this.#pxPerUm;
    const spacing = this.#nestSpacing;
    const qx = x + this.#warpX.at(x, y) * 11 * px - this.#nestOriginX;
    const qy = y + this.#warpY.at(x, y) * 11 * px - this.#nestOriginY;
    const column = Math.floor(qx / spacing - 1.5);
    const row = Math.floor(qy / spacing - 1.5);
    let first = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let a = 0;
    let b = 0;
    for (let j = row; j < row + 4; j++) {
      for (let i = j * this.#nestColumns + column, end = i + 4; i < end; i++) {
        const dx = this.#nestX[i]! - qx;
        const dy = this.#nestY[i]! - qy;
        const d = dx * dx + dy * dy;
        if (d < first) {
          second = first;
          b = a;
          first = d;
          a = i;
        } else if (d < second) {
          second = d;
          b = i;
        }
      }
    }
    const ex = this.#nestX[a]! - this.#nestX[b]!;
    const ey = this.#nestY[a]! - this.#nestY[b]!;
    const point = this.point;
    point.nest = a;
    point.borderPx = (second - first) / (2 * Math.sqrt(ex * ex + ey * ey));
    const w = this.#width.at(x, y);
    const open = w > 0.25 ? (w - 0.25) * (w - 0.25) * 9 : 0;
    const s = this.#septum.at(x, y);
    const fibrous = s > 0.42 ? Math.min(1, (s - 0.42) * 5) : 0;
    point.fibrous = fibrous;
    point.halfWidthPx = (0.75 + 0.25 * w + open + fibrous * (2.2 + 2.5 * (1 + w))) * px;
    return point;
  }

  /** Index of the cell of `nest` nearest to a point of the extent, or -1; sets {@link wallPx}. */
  nearestCell(x: number, y: number, nest: number): number {
    const column = Math.floor((x - this.extent.xMin) / this.#binSize);
    const row = Math.floor((y - this.extent.yMin) / this.#binSize);
    const rows = (this.#binStart.length - 1) / this.#binColumns;
    const columnEnd = Math.min(this.#binColumns - 1, column + 1);
    const rowEnd = Math.min(rows - 1, row + 1);
    let first = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let a = -1;
    let b = -1;
    for (let j = Math.max(0, row - 1); j <= rowEnd; j++) {
      const begin = this.#binStart[j * this.#binColumns + Math.max(0, column - 1)]!;
      const end = this.#binStart[j * this.#binColumns + columnEnd + 1]!;
      for (let k = begin; k < end; k++) {
        const i = this.#binCells[k]!;
        if (this.#cellNest[i] !== nest) continue;
        const dx = this.#cellX[i]! - x;
        const dy = this.#cellY[i]! - y;
        const d = dx * dx + dy * dy;
        if (d < first) {
          second = first;
          b = a;
          first = d;
          a = i;
        } else if (d < second) {
          second = d;
          b = i;
        }
      }
    }
    if (b < 0) {
      this.wallPx = this.#binSize;
    } else {
      const ex = this.#cellX[a]! - this.#cellX[b]!;
      const ey = this.#cellY[a]! - this.#cellY[b]!;
      this.wallPx = (second - first) / (2 * Math.sqrt(ex * ex + ey * ey) + 1e-9);
    }
    return a;
  }

  /** One cell per square of a jittered lattice, in the nest it falls into. */
  #layCells(random: Random, spacing: number): TumourCell[] {
    const { xMin, yMin, xMax, yMax } = this.extent;
    const cells: TumourCell[] = [];
    const phaseX = random.next();
    const phaseY = random.next();
    for (let y = yMin + phaseY * spacing; y < yMax; y += spacing) {
      for (let x = xMin + phaseX * spacing; x < xMax; x += spacing) {
        const cx = Math.min(xMax - 1, x + random.uniform(-0.45, 0.45) * spacing);
        const cy = Math.min(yMax - 1, y + random.uniform(-0.45, 0.45) * spacing);
        const nest = this.locate(Math.max(xMin, cx), Math.max(yMin, cy)).nest;
        cells.push({
          x: Math.max(xMin, cx),
          y: Math.max(yMin, cy),
          nest,
          clear: Math.min(1, Math.max(0, random.normal(0.62, 0.3))),
          textureX: random.int(0, 255),
          textureY: random.int(0, 255),
        });
      }
    }
    return cells;
  }

  /** Sorts the cells into bins (counting sort). */
  #fileCells(): void {
    const bins = this.cells.map((cell, i) => {
      this.#cellX[i] = cell.x;
      this.#cellY[i] = cell.y;
      const column = Math.floor((cell.x - this.extent.xMin) / this.#binSize);
      return Math.floor((cell.y - this.extent.yMin) / this.#binSize) * this.#binColumns + column;
    });
    const start = this.#binStart.fill(0);
    for (const bin of bins) start[bin + 1]! += 1;
    for (let i = 1; i < start.length; i++) start[i]! += start[i - 1]!;
    const next = start.slice();
    bins.forEach((bin, i) => {
      this.#binCells[next[bin]!] = i;
      next[bin]! += 1;
    });
  }

  /** One round of Lloyd: every cell moves to the centroid of what is nearest to it inside its nest. */
  #relaxCells(step: number): void {
    const sumX = new Float64Array(this.cells.length);
    const sumY = new Float64Array(this.cells.length);
    const count = new Int32Array(this.cells.length);
    for (let y = this.extent.yMin; y < this.extent.yMax; y += step) {
      for (let x = this.extent.xMin; x < this.extent.xMax; x += step) {
        const { nest, borderPx, halfWidthPx } = this.locate(x, y);
        if (borderPx < halfWidthPx) continue;
        const cell = this.nearestCell(x, y, nest);
        if (cell < 0) continue;
        sumX[cell]! += x;
        sumY[cell]! += y;
        count[cell]! += 1;
      }
    }
    this.cells.forEach((cell, i) => {
      if (count[i] === 0) return;
      cell.x = sumX[i]! / count[i]!;
      cell.y = sumY[i]! / count[i]!;
    });
  }
}
