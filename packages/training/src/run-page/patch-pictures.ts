/**
 * What a network makes of single validation patches: a few that are always the same, and the worst. Only their maps
 * are kept while the set goes by, and only they are post-processed and drawn.
 *
 * @module
 */
import {
  type ClassScheme,
  drawOverlay,
  type PostOptions,
  type RgbImage,
  type TypedLabels,
} from "@renograde/core";
import { mapChannels } from "@renograde/formats";
import type { Network } from "@renograde/nn";
import { createCanvas } from "../gallery/canvas.js";
import { drawScaleBar } from "../gallery/scale-bar.js";
import { imageTile } from "../gallery/tiles.js";
import { predictedNuclei, trueNuclei } from "../loop/quality.js";
import { type Batch, batchClasses } from "../targets/batch.js";

/** Patches of each kind. */
const SHOWN = 4;
/** Smaller tiles are enlarged to about this side, px. */
const TILE = 256;
const GAP = 4;

/** Scores of the patches of a batch. */
export interface PatchScores {
  /** Nucleus Dice. */
  readonly dice: readonly number[];
  /** Where the validation measures it; NaN where there is no nucleus and none was found. */
  readonly pq: readonly number[] | null;
}

/** A patch to be shown. */
export interface PatchPicture {
  /** Number in the validation set. */
  readonly sample: number;
  readonly dice: number;
  readonly pq: number | null;
  /** Nuclei annotated and found. */
  readonly nuclei: { readonly truth: number; readonly predicted: number };
  /** Annotation and prediction side by side. */
  readonly picture: RgbImage;
}

/** The pictures of one validation. */
export interface PatchPictures {
  /** The same patches in every validation. */
  readonly fixed: readonly PatchPicture[];
  /** Worst first: by PQ where it was measured, else by nucleus Dice. */
  readonly worst: readonly PatchPicture[];
}

/** Collects patches while a validation goes on. */
export interface PatchKeeper {
  /**
   * Looks at the first patches of a batch.
   *
   * @param maps - `[N, channels, output, output]`
   * @param samples - their numbers in the validation set
   */
  add(batch: Batch, maps: Float32Array, samples: ArrayLike<number>, scores: PatchScores): void;
  /** Post-processes and draws what was kept. */
  draw(): PatchPictures;
}

interface Kept {
  readonly sample: number;
  readonly dice: number;
  readonly pq: number | null;
  readonly image: RgbImage;
  readonly instances: Int32Array;
  readonly classes: Uint8Array;
  readonly maps: Float32Array;
}

/** What patches are ranked by; patches without a PQ have nothing to be found and come last. */
function rank({ dice, pq }: Pick<Kept, "dice" | "pq">): number {
  return pq === null ? dice : Number.isNaN(pq) ? 1 : pq;
}

/** Numbers of the patches shown every time, evenly over a set. */
export function fixedPatches(count: number): number[] {
  const shown = Math.min(SHOWN, count);
  return Array.from({ length: shown }, (_, i) => Math.floor(((i + 0.5) * count) / shown));
}

/** Fills `large` with a square of `side` px, every pixel repeated `times` times both ways. */
function enlarge<A extends Uint8Array | Int32Array>(
  data: A,
  large: A,
  { side, channels, times }: { readonly side: number; readonly channels: number; readonly times: number },
): A {
  const wide = side * times;
  for (let y = 0, to = 0; y < wide; y++) {
    for (let x = 0; x < wide; x++) {
      const from = (Math.floor(y / times) * side + Math.floor(x / times)) * channels;
      for (let c = 0; c < channels; c++) large[to++] = data[from + c]!;
    }
  }
  return large;
}

/** Annotation and prediction on the same image, side by side, with a scale bar. */
function drawPair(image: RgbImage, pair: readonly TypedLabels[], scheme: ClassScheme, mpp: number): RgbImage {
  const times = Math.max(1, Math.round(TILE / image.width));
  const side = image.width * times;
  const whole = (channels: number) => ({ side: image.width, channels, times });
  const large = {
    width: side,
    height: side,
    data: enlarge(image.data, new Uint8Array(side * side * 3), whole(3)),
  };
  const canvas = createCanvas(2 * side + GAP, side, [128, 136, 144]);
  for (const [i, { labels, types }] of pair.entries()) {
    const nuclei = Array.from(types, ([id, type]) => ({ id, type }));
    const data = enlarge(labels.data, new Int32Array(side * side), whole(1));
    // 2 px at a side of 512 px.
    const pixelSize = { mpp: (0.25 * 512) / side };
    const overlay = drawOverlay(large, {
      labels: { width: side, height: side, data },
      nuclei,
      classes: scheme,
      pixelSize,
    });
    canvas.paste(overlay, i * (side + GAP), 0);
  }
  drawScaleBar(canvas, 0, 0, side, mpp / times, 1);
  return canvas;
}

/**
 * Starts a collection.
 *
 * @param count - patches of the validation set
 * @param side - of the network's output, px
 * @returns null for networks whose outputs make no maps
 */
export function createPatchKeeper(
  network: Pick<Network, "outputs" | "options">,
  post: PostOptions,
  { count, side, mpp }: { readonly count: number; readonly side: number; readonly mpp: number },
): PatchKeeper | null {
  const layout = mapChannels(network.outputs);
  if (layout === undefined) return null;
  const channels = layout.length;
  const scheme = network.options.classes;
  const pixels = side * side;
  const wanted = new Set(fixedPatches(count));
  const fixed: Kept[] = [];
  const worst: Kept[] = [];

  function draw({ sample, dice, pq, image, instances, classes, maps }: Kept): PatchPicture {
    const truth = trueNuclei(instances, classes, side);
    const predicted = predictedNuclei({ width: side, height: side, channels, data: maps }, scheme, post);
    return {
      sample,
      dice,
      pq,
      nuclei: { truth: truth.types.size, predicted: predicted.types.size },
      picture: drawPair(image, [truth, predicted], scheme, mpp),
    };
  }

  return {
    add(batch, maps, samples, scores) {
      for (let n = 0; n < samples.length; n++) {
        const sample = samples[n]!;
        const dice = scores.dice[n]!;
        const pq = scores.pq?.[n] ?? null;
        const isFixed = wanted.has(sample);
        const isWorst = worst.length < SHOWN || rank({ dice, pq }) < rank(worst.at(-1)!);
        if (!isFixed && !isWorst) continue;
        const [from, to] = [n * pixels, (n + 1) * pixels];
        const kept: Kept = {
          sample,
          dice,
          pq,
          image: imageTile(batch, n),
          instances: batch.instances.slice(from, to),
          classes: batchClasses(batch).slice(from, to),
          maps: maps.slice(from * channels, to * channels),
        };
        if (isFixed) fixed.push(kept);
        if (!isWorst) continue;
        worst.push(kept);
        worst.sort((a, b) => rank(a) - rank(b));
        worst.length = Math.min(worst.length, SHOWN);
      }
    },
    draw() {
      const drawn = new Map([...fixed, ...worst].map((kept) => [kept.sample, kept]));
      const pictures = new Map(Array.from(drawn, ([sample, kept]) => [sample, draw(kept)]));
      const pick = (list: readonly Kept[]) => list.map(({ sample }) => pictures.get(sample)!);
      return { fixed: pick(fixed), worst: pick(worst) };
    },
  };
}
