/**
 * Augmented samples beside their targets in one picture, to see with one's own eyes what a network is trained on.
 *
 * @module
 */
import { createRandom, type RgbImage, type Triple, throwIfAborted } from "@renograde/core";
import { sampleRandom } from "../augmentation/augment.js";
import { type AugmentationPlan, drawAugmentation } from "../augmentation/plan.js";
import type { TrainConfig } from "../config/schema.js";
import type { Dataset } from "../datasets/dataset.js";
import { networkOf } from "../loop/engine.js";
import { createBatch, type SamplePlan, samplePlan } from "../targets/batch.js";
import { createSampleMaker } from "../targets/sample-maker.js";
import { planWindows } from "../targets/windows.js";
import { createCanvas } from "./canvas.js";
import { type Column, columnsOf } from "./columns.js";
import { describePlan } from "./describe-plan.js";
import { fitText, textHeight, textWidth, wrapWords } from "./font.js";
import { drawScaleBar } from "./scale-bar.js";

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
async function makeRows(
  dataset: Dataset,
  config: TrainConfig,
  gallery: GalleryOptions,
  { plan, columns }: { readonly plan: SamplePlan; readonly columns: readonly Column[] },
): Promise<Row[]> {
  const { data, aug } = config;
  const { seed, count, images } = gallery;
  const maker = createSampleMaker(dataset, config);
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
    rows.push({
      name: image.name,
      plan: drawAugmentation(aug, data.window, sampleRandom(seed, 1, sample)),
      tiles: columns.map((column) => column.tile(batch, 0)),
    });
    gallery.onProgress?.(sample + 1, count);
  }
  return rows;
}

/**
 * Draws samples as training would make them: a row each, with what was drawn for it above, and a column for the image
 * and every target of the configured network.
 *
 * @returns the same picture for the same data, options and seed
 * @throws the errors of `Dataset.load`, InterruptedError, UsageError for an impossible network
 */
export async function drawGallery(
  dataset: Dataset,
  config: TrainConfig,
  gallery: GalleryOptions,
): Promise<RgbImage> {
  const network = networkOf(config, dataset.classes);
  const plan = samplePlan(network, config.data);
  const columns = columnsOf(network.targets, dataset.classes);
  const rows = await makeRows(dataset, config, gallery, { plan, columns });
  const side = plan.output;
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
    if (r === 0) drawScaleBar(canvas, MARGIN, top + words, side, config.data.mpp, scale);
  }
  return { width, height: canvas.height, data: canvas.data };
}
