/**
 * Augmented samples beside their targets in one picture, to see with one's own eyes what a network is trained on.
 *
 * @module
 */
import {
  type ClassScheme,
  type ClassTask,
  createRandom,
  type RgbImage,
  type Triple,
  throwIfAborted,
} from "@renograde/core";
import { sampleRandom } from "../augmentation/augment.js";
import { type AugmentationPlan, drawAugmentation } from "../augmentation/plan.js";
import type { Dataset } from "../datasets/dataset.js";
import { createBatch, type SamplePlan } from "../targets/batch.js";
import { createSampleMaker, type SampleOptions } from "../targets/sample-maker.js";
import { planWindows } from "../targets/windows.js";
import { createCanvas } from "./canvas.js";
import { describePlan } from "./describe-plan.js";
import { fitText, textHeight, textWidth, wrapWords } from "./font.js";
import { drawScaleBar } from "./scale-bar.js";
import { classColors, classTile, distanceTile, imageTile, outlineTile, taskColors } from "./tiles.js";
import { viridis } from "./viridis.js";

/** Options of {@link drawGallery}. */
export interface GalleryOptions {
  /** Images to choose from, indices into `dataset.entries`. */
  readonly images: readonly number[];
  /** Samples, one row each. */
  readonly count: number;
  /** Chooses images, windows and variations. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onWarning?: (message: string) => void;
}

const PAGE: Triple = [14, 17, 19];
const TEXT: Triple = [231, 235, 238];
const DIM: Triple = [154, 165, 174];
const GAP = 8;
const MARGIN = 16;
const LINE_GAP = 5;
/** Beside tiles of a smaller side captions have one pixel per dot, else two. */
const SMALL_TILE = 160;

/** A column: its heading and, under it, what its colours mean. */
interface Column {
  readonly title: string;
  readonly legend: readonly { readonly color: Triple; readonly text: string }[];
}

function taskColumn(title: string, scheme: ClassScheme, task: ClassTask): Column {
  const colors = taskColors(scheme, task);
  const legend = colors.slice(1).map((color, i) => ({
    color,
    text: scheme.classes
      .filter((_, c) => task.merge[c + 1] === i + 1)
      .map((c) => c.short)
      .join("+"),
  }));
  return { title, legend };
}

function columnsOf(scheme: ClassScheme): Column[] {
  const classes = scheme.classes.map(({ short, color }) => ({ color, text: short }));
  const columns = [
    { title: "image", legend: [] },
    { title: "nuclei", legend: [] },
    { title: "classes", legend: classes },
    { title: "distance", legend: [0, 0.5, 1].map((v) => ({ color: viridis(v), text: String(v) })) },
  ];
  if (scheme.classes.length === 1) return columns;
  return [
    ...columns,
    taskColumn("task 1", scheme, scheme.tasks[0]),
    taskColumn("task 2", scheme, scheme.tasks[1]),
  ];
}

/** Where the entries of a legend go inside a column of `width` pixels. */
function placeLegend({ legend }: Column, width: number, scale: number) {
  const line = textHeight(scale);
  let [x, y] = [0, 0];
  const places = legend.map(({ color, text }) => {
    const fitted = fitText(text, width - line - 3 * scale, scale);
    const needed = line + 3 * scale + textWidth(fitted, scale);
    if (x > 0 && x + needed > width) {
      x = 0;
      y += line + LINE_GAP;
    }
    const place = { color, text: fitted, x, y };
    x += needed + 6 * scale;
    return place;
  });
  return { places, height: legend.length === 0 ? 0 : y + line };
}

interface Row {
  readonly name: string;
  readonly plan: AugmentationPlan;
  readonly tiles: readonly RgbImage[];
}

/** Makes the samples: random windows of random images, no image twice before all have had their turn. */
async function makeRows(dataset: Dataset, options: SampleOptions, gallery: GalleryOptions): Promise<Row[]> {
  const { data, aug } = options;
  const { seed, count, images } = gallery;
  const plan: SamplePlan = {
    crop: data.crop,
    output: data.crop - 6,
    targets: ["classes", "distance", "task1", "task2"],
    classes: dataset.classes,
    erodeBoundary: data.erodeBoundary,
  };
  const scheme = dataset.classes;
  const maker = createSampleMaker(dataset, options);
  const batch = createBatch(1, plan);
  const random = createRandom(seed, "gallery");
  const order: number[] = [];
  const rows: Row[] = [];
  for (let sample = 0; sample < count; sample++) {
    throwIfAborted(gallery.signal);
    if (order.length === 0) order.push(...random.shuffle([...images]));
    const index = order.pop()!;
    const { image, warnings } = await maker.prepare(index);
    for (const warning of warnings) gallery.onWarning?.(warning);
    const windows = planWindows(image.width, image.height, data.window, data.step);
    const at = windows[random.int(0, windows.length - 1)]!;
    const variation = { seed, epoch: 1 };
    await maker.write({ batch, slot: 0, sample, image, at, variation });
    const tiles = [
      imageTile(batch, 0),
      outlineTile(batch, 0, scheme),
      classTile(batch, 0, "classes", classColors(scheme)),
      distanceTile(batch, 0),
      classTile(batch, 0, "task1", taskColors(scheme, scheme.tasks[0])),
      classTile(batch, 0, "task2", taskColors(scheme, scheme.tasks[1])),
    ];
    rows.push({
      name: image.name,
      plan: drawAugmentation(aug, data.window, sampleRandom(seed, 1, sample)),
      tiles,
    });
    gallery.onProgress?.(sample + 1, count);
  }
  return rows;
}

/**
 * Draws samples as training would make them: a row each, with what was drawn for it above, and a column for the image
 * and every target.
 *
 * @returns the same picture for the same data, options and seed
 * @throws the errors of `Dataset.load`, InterruptedError
 */
export async function drawGallery(
  dataset: Dataset,
  options: SampleOptions,
  gallery: GalleryOptions,
): Promise<RgbImage> {
  const rows = await makeRows(dataset, options, gallery);
  const columns = columnsOf(dataset.classes);
  const side = options.data.crop - 6;
  const scale = side < SMALL_TILE ? 1 : 2;
  const line = textHeight(scale);
  const step = line + LINE_GAP;
  const width = 2 * MARGIN + columns.length * (side + GAP) - GAP;
  const legends = columns.map((column) => placeLegend(column, side, scale));
  const captions = rows.map(({ plan }) => wrapWords(describePlan(plan), " · ", width - 2 * MARGIN, scale));
  const header = 2 * MARGIN + step + Math.max(...legends.map((legend) => legend.height));
  const words = step * (1 + Math.max(...captions.map((lines) => lines.length)));
  const rowHeight = words + side + MARGIN;
  const canvas = createCanvas(width, header + rows.length * rowHeight, PAGE);
  for (const [c, column] of columns.entries()) {
    const left = MARGIN + c * (side + GAP);
    canvas.write(column.title, left, MARGIN, scale, TEXT);
    for (const { color, text, x, y } of legends[c]!.places) {
      const top = MARGIN + step + y;
      canvas.fill(left + x, top, line, line, color);
      canvas.write(text, left + x + line + 3 * scale, top, scale, DIM);
    }
  }
  for (const [r, row] of rows.entries()) {
    const top = header + r * rowHeight;
    canvas.write(fitText(row.name, width - 2 * MARGIN, scale), MARGIN, top, scale, TEXT);
    for (const [i, text] of captions[r]!.entries()) {
      canvas.write(text, MARGIN, top + (i + 1) * step, scale, DIM);
    }
    for (let c = 0; c < columns.length; c++) {
      canvas.paste(row.tiles[c]!, MARGIN + c * (side + GAP), top + words);
    }
    if (r === 0) drawScaleBar(canvas, MARGIN, top + words, side, options.data.mpp, scale);
  }
  return { width, height: canvas.height, data: canvas.data };
}
