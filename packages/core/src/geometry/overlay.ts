/**
 * The image with every nucleus outlined in its class's colour (spec/postprocessing.md §10).
 *
 * @module
 */
import type { ClassScheme } from "../class-scheme.js";
import type { Nucleus } from "../nucleus.js";
import { assertSameSize, type LabelMap, type RgbImage } from "../raster.js";

/** Outline width at this pixel size is {@link WIDTH_PX}: a 512 px patch of 128 µm. */
const REFERENCE_MPP = 0.25;
const WIDTH_PX = 2;
/** Nuclei without a type. */
const UNTYPED = [128, 128, 128] as const;

/** What {@link drawOverlay} needs: a graded image has it, and so has an annotation. */
export interface OutlinedNuclei {
  readonly labels: LabelMap;
  readonly nuclei: readonly Pick<Nucleus, "id" | "type">[];
  readonly classes: ClassScheme;
  readonly pixelSize: { readonly mpp: number };
}

/**
 * Draws outlines on a copy of the image: 2 px wide at 0.25 µm per pixel (a 512 px patch) and as wide in
 * micrometres at other pixel sizes, at least 1 px. Outlines lie inside their nuclei, so neighbours stay apart.
 *
 * @throws ShapeError when image and label map differ in size
 */
export function drawOverlay(image: RgbImage, graded: OutlinedNuclei): RgbImage {
  const { labels, nuclei, classes, pixelSize } = graded;
  assertSameSize("image", image, "label map", labels);
  const { width, height } = image;
  const outline = outlinePixels(labels.data, width, height, outlineWidth(pixelSize.mpp));
  const colors = new Map(nuclei.map((n) => [n.id, classes.classes[n.type - 1]?.color ?? UNTYPED] as const));
  const data = image.data.slice();
  for (const p of outline) data.set(colors.get(labels.data[p]!) ?? UNTYPED, p * 3);
  return { width, height, data };
}

/** Width of outlines in pixels at a pixel size. */
export function outlineWidth(mpp: number): number {
  return Math.max(1, Math.round((WIDTH_PX * REFERENCE_MPP) / mpp));
}

/** Pixels of instances within `width` steps of another value or of the image's edge, ring by ring. */
function outlinePixels(labels: Int32Array, width: number, height: number, rings: number): number[] {
  const drawn = new Uint8Array(labels.length);
  const found: number[] = [];
  let front: number[] = [];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const id = labels[p]!;
      if (id === 0) continue;
      const inside =
        x > 0 &&
        y > 0 &&
        x + 1 < width &&
        y + 1 < height &&
        labels[p - 1] === id &&
        labels[p + 1] === id &&
        labels[p - width] === id &&
        labels[p + width] === id;
      if (!inside) {
        drawn[p] = 1;
        front.push(p);
      }
    }
  }
  for (const p of front) found.push(p);
  for (let ring = 1; ring < rings; ring++) {
    const next: number[] = [];
    for (const p of front) {
      const x = p % width;
      for (const q of [
        x > 0 ? p - 1 : -1,
        x + 1 < width ? p + 1 : -1,
        p >= width ? p - width : -1,
        p + width < labels.length ? p + width : -1,
      ]) {
        if (q >= 0 && drawn[q] === 0 && labels[q] === labels[p]) {
          drawn[q] = 1;
          next.push(q);
        }
      }
    }
    for (const p of next) found.push(p);
    front = next;
  }
  return found;
}
