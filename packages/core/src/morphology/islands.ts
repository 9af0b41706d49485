/**
 * The places of an image where nuclei can be, packed side by side: what a watershed works on stays together in memory,
 * and the empty regions between cost nothing. Internal to post-processing.
 *
 * An island is an 8-connected group of pixels that are in the mask or have a distance above 0. Nothing that markers,
 * flood and clean-up do crosses from one island to another, so an island may lie anywhere, a pixel apart from the next.
 *
 * @module
 */
import type { LabelMap } from "../raster.js";
import { joinRuns } from "./framed-parts.js";
import type { Workspace } from "./workspace.js";

/** Where a scene comes from: the pixels of an image row by row. */
export interface SceneSource {
  readonly width: number;
  readonly height: number;
  /** Adds the longest runs of pixels that are in the mask or have a distance above 0, in raster order. */
  readonly listRuns: (runs: RunList) => void;
  /** Writes the pixels `from` … `to − 1` of the image to position `p` and on, and lists those of the mask. */
  readonly copyRun: (from: number, to: number, p: number, scene: FloodScene) => void;
}

/** What the flood needs. Positions are packed; islands have a pixel of field 0 and label −1 all around. */
export interface FloodScene {
  /** Of the image. */
  readonly width: number;
  readonly height: number;
  /** From one packed row to the next. */
  readonly stride: number;
  /** Distance bytes; consumed by the search for markers. */
  readonly field: Uint8Array;
  /** Relief to flood, valid at the mask's pixels. */
  readonly relief: Uint8Array;
  /** 0 in the mask, −1 elsewhere. */
  readonly labels: Int32Array;
  /** The mask's pixels, island after island, each in raster order; the first `count` entries are valid. */
  readonly pixels: Int32Array;
  count: number;
  /** The runs of the islands in raster order of the image. */
  readonly runs: PackedRuns;
  /** Where groups of whole islands begin, each a multiple of the stride, and last the number of places. */
  readonly sheets: readonly number[];
}

/** Three entries per run: first pixel `y * width + x` in the image, the pixel after its last, packed position. */
export interface PackedRuns {
  readonly count: number;
  readonly table: Int32Array;
}

/** Rows are packed at least this wide. */
const PACKED_WIDTH = 512;
/** Rows of a sheet, a few more where islands are tall. */
const SHEET_ROWS = 256;

/** Runs of a row, as {@link SceneSource.listRuns} finds them. */
export class RunList {
  count = 0;
  /** Four entries per run: 1, first position, the position after the last, row. */
  table: Int32Array;
  /** Per run: 1 when a pixel of it is in the mask. */
  masked: Uint8Array;
  readonly #workspace: Workspace;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
    this.table = workspace.int32("scene.runs", 4096);
    this.masked = workspace.uint8("scene.masked", 1024);
  }

  /** Adds the pixels `start` … `end − 1` of the image, in row `row`; `masked`: one of them is in the mask. */
  add(start: number, end: number, row: number, masked: boolean): void {
    if (this.count === this.masked.length) this.#grow();
    const i = 4 * this.count;
    this.table[i] = 1;
    this.table[i + 1] = start;
    this.table[i + 2] = end;
    this.table[i + 3] = row;
    this.masked[this.count++] = masked ? 1 : 0;
  }

  #grow(): void {
    const { table, masked } = this;
    this.table = this.#workspace.int32("scene.runs", 2 * table.length);
    this.masked = this.#workspace.uint8("scene.masked", 2 * masked.length);
    if (this.table.buffer !== table.buffer) this.table.set(table);
    if (this.masked.buffer !== masked.buffer) this.masked.set(masked);
  }
}

/**
 * Packs an image into a scene.
 *
 * @param whole - the image is one island, whatever is in it: positions keep their raster order
 */
export function packScene(source: SceneSource, whole: boolean, workspace: Workspace): FloodScene {
  const { width, height } = source;
  const list = new RunList(workspace);
  source.listRuns(list);
  const apart = whole ? undefined : placeIslands(list, width, height, workspace);
  const { stride, sheets, islands, ofRun, shifts } = apart ?? placeWhole(list, width, height, workspace);

  const packed = workspace.int32("scene.packed", 3 * list.count);
  const ends = new Int32Array(islands + 2);
  let count = 0;
  for (let run = 0, i = 0; run < list.count; run++, i += 4) {
    const island = ofRun[run]!;
    if (island === 0) continue;
    const row = list.table[i + 3]!;
    packed[3 * count] = list.table[i + 1]!;
    packed[3 * count + 1] = list.table[i + 2]!;
    packed[3 * count + 2] = list.table[i + 1]! + row * (stride - width) + shifts[island]!;
    ofRun[count++] = island;
    ends[island + 1]!++;
  }
  // Counting sort: the entries of island k come to lie from ends[k] on, and ends[k] moves to where they end.
  for (let k = 1; k <= islands + 1; k++) ends[k]! += ends[k - 1]!;
  const sorted = workspace.int32("scene.sorted", count);
  for (let run = 0; run < count; run++) sorted[ends[ofRun[run]!]!++] = run;

  const size = sheets.at(-1)!;
  const scene: FloodScene = {
    width,
    height,
    stride,
    field: workspace.uint8("scene.field", size).fill(0),
    relief: workspace.uint8("scene.relief", size),
    labels: workspace.int32("scene.labels", size).fill(-1),
    pixels: workspace.int32("scene.pixels", Math.min(size, width * height)),
    count: 0,
    runs: { count, table: packed },
    sheets,
  };
  for (let k = 0; k < count; k++) {
    const i = 3 * sorted[k]!;
    source.copyRun(packed[i]!, packed[i + 1]!, packed[i + 2]!, scene);
  }
  return scene;
}

/** Where the islands come to lie: pixel (x, y) of island k at `y * stride + x + shifts[k]`. */
interface Layout {
  readonly stride: number;
  /** As in {@link FloodScene}. */
  readonly sheets: readonly number[];
  /** Greatest island; 0 stands for those without a pixel of the mask, which are left out. */
  readonly islands: number;
  readonly ofRun: Int32Array;
  readonly shifts: Int32Array;
}

function placeWhole(list: RunList, width: number, height: number, workspace: Workspace): Layout {
  const stride = width + 2;
  const ofRun = workspace.int32("scene.ofRun", list.count).fill(1);
  return {
    stride,
    sheets: [0, stride * (height + 2)],
    islands: 1,
    ofRun,
    shifts: Int32Array.of(0, stride + 1),
  };
}

/** Sets islands side by side on shelves, in raster order; undefined when they would take more room than the image. */
function placeIslands(
  list: RunList,
  width: number,
  height: number,
  workspace: Workspace,
): Layout | undefined {
  const { table, masked } = list;
  const joined = joinRuns({ count: list.count, last: 1, table }, width, 8, workspace);
  const { ofRun } = joined;
  // Islands with a pixel of the mask, numbered by their first run of the mask.
  const numbers = workspace.int32("scene.numbers", joined.count + 1).fill(0);
  let islands = 0;
  for (let run = 0; run < list.count; run++) {
    if (masked[run] !== 0 && numbers[ofRun[run]!] === 0) numbers[ofRun[run]!] = ++islands;
  }
  // Per island: first column, column after the last, first row, row after the last.
  const boxes = new Int32Array(4 * (islands + 1));
  for (let run = 0, i = 0; run < list.count; run++, i += 4) {
    const island = numbers[ofRun[run]!]!;
    ofRun[run] = island;
    if (island === 0) continue;
    const row = table[i + 3]!;
    const left = table[i + 1]! - row * width;
    const right = table[i + 2]! - row * width;
    const b = 4 * island;
    if (boxes[b + 3] === 0) {
      boxes[b] = left;
      boxes[b + 2] = row;
    } else if (left < boxes[b]!) boxes[b] = left;
    if (right > boxes[b + 1]!) boxes[b + 1] = right;
    boxes[b + 3] = row + 1;
  }
  let widest = 0;
  for (let b = 4; b < boxes.length; b += 4) widest = Math.max(widest, boxes[b + 1]! - boxes[b]!);
  const stride = Math.max(widest + 2, PACKED_WIDTH);
  const shifts = new Int32Array(islands + 1);
  // A sheet begins with a row that stays empty, so that every island has one above.
  const sheets = [0];
  let x = 1;
  let y = 1;
  let tallest = 0;
  for (let k = 1, b = 4; k <= islands; k++, b += 4) {
    const w = boxes[b + 1]! - boxes[b]!;
    if (x + w + 1 > stride) {
      x = 1;
      y += tallest + 1;
      tallest = 0;
      if (y * stride - sheets.at(-1)! >= SHEET_ROWS * stride) {
        sheets.push(y * stride);
        y++;
      }
    }
    shifts[k] = (y - boxes[b + 2]!) * stride + x - boxes[b]!;
    x += w + 1;
    tallest = Math.max(tallest, boxes[b + 3]! - boxes[b + 2]!);
    if (y + tallest > (width / stride) * height + 1024) return undefined;
  }
  sheets.push((y + tallest + 1) * stride);
  return { stride, sheets, islands, ofRun, shifts };
}

/** Lists the pixels with a label above 0 in raster order of the image. */
export function listInOrder({ labels, runs }: FloodScene, target: Int32Array): Int32Array {
  let n = 0;
  for (let i = 0; i < 3 * runs.count; i += 3) {
    let p = runs.table[i + 2]!;
    for (const end = p + runs.table[i + 1]! - runs.table[i]!; p < end; p++) {
      if (labels[p]! > 0) target[n++] = p;
    }
  }
  return target;
}

/** The labels 1…last that occur, in raster order of their first pixel in the image. */
export function orderByFirstPixel({ labels, runs }: FloodScene, last: number): number[] {
  const seen = new Uint8Array(last + 1);
  const order: number[] = [];
  let previous = 0;
  for (let i = 0; i < 3 * runs.count; i += 3) {
    let p = runs.table[i + 2]!;
    for (const end = p + runs.table[i + 1]! - runs.table[i]!; p < end; p++) {
      const label = labels[p]!;
      if (label === previous || label <= 0) continue;
      previous = label;
      if (seen[label] !== 0) continue;
      seen[label] = 1;
      order.push(label);
    }
  }
  return order;
}

/** A label map of the image in which label k of the scene is `numbers[k]`. */
export function unpackLabels({ width, height, labels, runs }: FloodScene, numbers: Int32Array): LabelMap {
  const data = new Int32Array(width * height);
  for (let i = 0; i < 3 * runs.count; i += 3) {
    const end = runs.table[i + 1]!;
    for (let at = runs.table[i]!, p = runs.table[i + 2]!; at < end; at++, p++) {
      const label = labels[p]!;
      if (label > 0) data[at] = numbers[label]!;
    }
  }
  return { width, height, data };
}
