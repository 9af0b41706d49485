/**
 * Pictures of the images where two predictions differ most: truth, A and B side by side, cut where the errors are.
 *
 * @module
 */
import { drawOverlay, indexInstances, type LabelMap, type RgbImage, type TypedLabels } from "@renograde/core";
import { encodeJpeg, readImage } from "@renograde/slides/node";
import type { ComparedImage, FolderComparison } from "./compare.js";
import { tellingImages } from "./compare-output.js";
import { schemeOfNames } from "./evaluate-classes.js";
import { readImageAnnotations } from "./evaluate-read.js";

/** One image as pictures. */
export interface ComparePicture {
  readonly name: string;
  /** Why it is shown. */
  readonly reason: string;
  readonly image: ComparedImage;
  /** Place of the cut in the image, in pixels. */
  readonly x: number;
  readonly y: number;
  readonly side: number;
  /** JPEG of truth, A and B. */
  readonly truth: Uint8Array;
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

/** Classes to draw nuclei with where the truth has none. */
const PLAIN = schemeOfNames(new Map([[1, "Nucleus"]]));

/** Longest side of a cut. */
const SIDE = 256;
/** Cuts begin at multiples of this. */
const STEP = 32;
const QUALITY = 88;

/** Pixels of a label map or image inside a rectangle. */
function cut<Data extends Int32Array | Uint8Array>(
  source: { readonly width: number; readonly data: Data },
  channels: number,
  x: number,
  y: number,
  width: number,
  height: number,
): Data {
  const data = source.data.slice(0, width * height * channels) as Data;
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * source.width + x) * channels;
    data.set(source.data.subarray(from, from + width * channels), row * width * channels);
  }
  return data;
}

/**
 * The square with most errors that one prediction makes and the other does not; where they make the same, with most
 * errors.
 */
export function tellingPlace(
  truth: LabelMap,
  a: LabelMap,
  b: LabelMap,
  side: number,
): { x: number; y: number } {
  const { width, height } = truth;
  const columns = Math.ceil(width / STEP);
  const rows = Math.ceil(height / STEP);
  const cells = new Float64Array(columns * rows);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const inside = truth.data[p] !== 0;
      const wrongA = (a.data[p] !== 0) !== inside;
      const wrongB = (b.data[p] !== 0) !== inside;
      if (!wrongA && !wrongB) continue;
      cells[Math.floor(y / STEP) * columns + Math.floor(x / STEP)]! += wrongA === wrongB ? 0.01 : 1;
    }
  }
  const span = Math.ceil(side / STEP);
  let best = { x: 0, y: 0, sum: -1 };
  for (let r = 0; r < Math.max(1, rows - span + 1); r++) {
    for (let c = 0; c < Math.max(1, columns - span + 1); c++) {
      let sum = 0;
      for (let dr = 0; dr < span && r + dr < rows; dr++) {
        for (let dc = 0; dc < span && c + dc < columns; dc++) sum += cells[(r + dr) * columns + c + dc]!;
      }
      if (sum > best.sum) best = { x: c * STEP, y: r * STEP, sum };
    }
  }
  return { x: Math.max(0, Math.min(best.x, width - side)), y: Math.max(0, Math.min(best.y, height - side)) };
}

/**
 * Makes the pictures of the images of {@link tellingImages}, each once.
 *
 * @param imagePath - file of an image by its name, where there is one; others are drawn on white
 * @throws FileAccessError, FileFormatError, DataError or ShapeError naming a file that changed or does not fit
 */
export async function comparePictures(
  comparison: FolderComparison,
  imagePath: (name: string) => string | undefined,
): Promise<ComparePicture[]> {
  const { worstA, worstB, different } = tellingImages(comparison.images);
  const reasons = new Map<ComparedImage, string[]>();
  for (const [list, reason] of [
    [different, "among the most different"],
    [worstA, "among the worst of A"],
    [worstB, "among the worst of B"],
  ] as const) {
    for (const image of list) reasons.set(image, [...(reasons.get(image) ?? []), reason]);
  }
  const pictures: ComparePicture[] = [];
  for (const [image, why] of reasons) {
    const read = await readImageAnnotations(
      image.truth,
      [image.predictionA, image.predictionB],
      comparison.scheme,
    );
    const [a, b] = read.predictions;
    const { width, height } = read.truth.labels;
    const hasClasses = read.truthHasClasses;
    const path = imagePath(image.name);
    let pixels: RgbImage = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
    if (path !== undefined) {
      const { image: found } = await readImage(path);
      // Outlines alone reach as far as the outermost nucleus.
      if (found.width >= width && found.height >= height) pixels = found;
    }
    const side = Math.min(SIDE, Math.max(width, height));
    const w = Math.min(side, width);
    const h = Math.min(side, height);
    const { x, y } = tellingPlace(read.truth.labels, a!.labels, b!.labels, side);
    const ground = { width: w, height: h, data: cut(pixels, 3, x, y, w, h) };
    const draw = async ({ labels, types }: TypedLabels): Promise<Uint8Array> => {
      const part = { width: w, height: h, data: cut(labels, 1, x, y, w, h) };
      const typed = [...types].map(([id, type]) => ({ id, type }));
      const nuclei = hasClasses ? typed : [...indexInstances(part).ids].map((id) => ({ id, type: 1 }));
      const drawn = drawOverlay(ground, {
        labels: part,
        nuclei,
        classes: hasClasses ? comparison.scheme : PLAIN,
        pixelSize: { mpp: 0.25 },
      });
      return await encodeJpeg(drawn, QUALITY, SIDE);
    };
    pictures.push({
      name: image.name,
      reason: why.join(", "),
      image,
      x,
      y,
      side: Math.max(w, h),
      truth: await draw(read.truth),
      a: await draw(a!),
      b: await draw(b!),
    });
  }
  return pictures;
}
