/**
 * A picture of suspicious nuclei: one numbered cell each, the nucleus outlined in the colour of its kind.
 *
 * @module
 */
import { type RgbImage, throwIfAborted } from "@renograde/core";
import { resample, resampleLabels } from "@renograde/slides";
import type { PlacedSuspicion } from "./check-dataset.js";
import type { Dataset, LabelledImage } from "./dataset.js";
import { SUSPICION_KINDS, type SuspicionKind } from "./suspicious.js";

/** Outline by kind. */
export const SUSPICION_COLORS: Readonly<Record<SuspicionKind, readonly [number, number, number]>> = {
  merged: [255, 235, 0],
  mixed: [255, 0, 255],
  tiny: [0, 200, 255],
  huge: [255, 120, 0],
  hole: [0, 230, 80],
  parts: [60, 60, 255],
};

/** Side of a cell and the gap between cells. */
const CELL_PX = 128;
const GAP_PX = 4;
const COLUMNS = 10;
/** Least side of what a cell shows of the image, and the rim around the nucleus. */
const LEAST_SIDE = 64;
const RIM_PX = 12;

/** Digits of 3 × 5 dots, rows from the top, three bits each. */
const DIGITS = ["75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717"];
const DOT_PX = 2;

/**
 * The clearest suspicions, the kinds taking turns.
 *
 * @param count - at most this many
 */
export function pickSuspicions(suspicions: readonly PlacedSuspicion[], count: number): PlacedSuspicion[] {
  const queues = SUSPICION_KINDS.map((kind) =>
    suspicions
      .filter((suspicion) => suspicion.kind === kind)
      .sort((a, b) => b.score - a.score || a.index - b.index || a.instance - b.instance),
  );
  const picked: PlacedSuspicion[] = [];
  for (let round = 0; picked.length < count && queues.some((queue) => queue.length > round); round++) {
    for (const queue of queues) {
      const next = queue[round];
      if (next !== undefined && picked.length < count) picked.push(next);
    }
  }
  return picked.sort((a, b) => SUSPICION_KINDS.indexOf(a.kind) - SUSPICION_KINDS.indexOf(b.kind));
}

/** The surroundings of a nucleus, enlarged or shrunk to a cell. */
function drawCell(image: LabelledImage, suspicion: PlacedSuspicion, number: number): RgbImage {
  const [top, left, bottom, right] = suspicion.box;
  const side = Math.max(LEAST_SIDE, bottom - top + 2 * RIM_PX, right - left + 2 * RIM_PX);
  const fromX = Math.round((left + right - side) / 2);
  const fromY = Math.round((top + bottom - side) / 2);
  const pixels = new Uint8Array(side * side * 3).fill(255);
  const mask = new Int32Array(side * side);
  const { width, height, data } = image.instances;
  for (let v = 0; v < side; v++) {
    for (let u = 0; u < side; u++) {
      const [x, y] = [fromX + u, fromY + v];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const p = y * width + x;
      pixels.set(image.image.data.subarray(3 * p, 3 * p + 3), 3 * (v * side + u));
      if (data[p] === suspicion.instance) mask[v * side + u] = 1;
    }
  }
  const cell = resample({ width: side, height: side, data: pixels }, CELL_PX, CELL_PX);
  const { data: inside } = resampleLabels({ width: side, height: side, data: mask }, CELL_PX, CELL_PX);
  const drawn = cell.data.slice();
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= CELL_PX || y >= CELL_PX ? 0 : inside[y * CELL_PX + x]!;
  for (let y = 0; y < CELL_PX; y++) {
    for (let x = 0; x < CELL_PX; x++) {
      if (at(x, y) === 1 && at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) < 4) {
        drawn.set(SUSPICION_COLORS[suspicion.kind], 3 * (y * CELL_PX + x));
      }
    }
  }
  const result = { width: CELL_PX, height: CELL_PX, data: drawn };
  drawNumber(result, number);
  return result;
}

/** Writes a number into the top left corner, dark on white. */
function drawNumber(cell: RgbImage, number: number): void {
  const text = String(number);
  const dot = (x: number, y: number, value: number): void => {
    for (let v = 0; v < DOT_PX; v++) {
      for (let u = 0; u < DOT_PX; u++) {
        const p = (y * DOT_PX + v) * cell.width + x * DOT_PX + u;
        cell.data.fill(value, 3 * p, 3 * p + 3);
      }
    }
  };
  for (let y = 0; y < 7; y++) for (let x = 0; x < 4 * text.length + 1; x++) dot(x, y, 255);
  for (const [i, digit] of [...text].entries()) {
    for (const [row, bits] of [...DIGITS[Number(digit)]!].entries()) {
      for (let column = 0; column < 3; column++) {
        if ((Number(bits) >> (2 - column)) & 1) dot(1 + 4 * i + column, 1 + row, 0);
      }
    }
  }
}

/**
 * Draws the sheet, ten cells in a row, numbered from 1 in the given order.
 *
 * @throws InterruptedError when `signal` is aborted
 */
export async function drawSuspicionSheet(
  dataset: Dataset,
  suspicions: readonly PlacedSuspicion[],
  options: { signal?: AbortSignal } = {},
): Promise<RgbImage> {
  const columns = Math.max(1, Math.min(COLUMNS, suspicions.length));
  const rows = Math.max(1, Math.ceil(suspicions.length / columns));
  const width = columns * (CELL_PX + GAP_PX) + GAP_PX;
  const height = rows * (CELL_PX + GAP_PX) + GAP_PX;
  const data = new Uint8Array(width * height * 3).fill(255);
  const byImage = Array.from(suspicions.entries()).sort(([, a], [, b]) => a.index - b.index);
  let held = -1;
  let image: LabelledImage | null = null;
  for (const [i, suspicion] of byImage) {
    throwIfAborted(options.signal);
    if (image === null || held !== suspicion.index) image = await dataset.load(suspicion.index);
    held = suspicion.index;
    const cell = drawCell(image, suspicion, i + 1);
    const left = GAP_PX + (i % columns) * (CELL_PX + GAP_PX);
    const top = GAP_PX + Math.floor(i / columns) * (CELL_PX + GAP_PX);
    for (let y = 0; y < CELL_PX; y++) {
      data.set(cell.data.subarray(3 * y * CELL_PX, 3 * (y + 1) * CELL_PX), 3 * ((top + y) * width + left));
    }
  }
  return { width, height, data };
}
