/**
 * Small datasets cut from larger ones: crops of named images with their instances and classes, written as label PNGs
 * that training, grading and evaluation read.
 *
 * @module
 */
import { join } from "node:path";
import { type ClassScheme, DataError } from "@renograde/core";
import { writeFileAtomic, writeLabelPng, writePng } from "@renograde/slides/node";
import { type LabelledImage, openDataset } from "@renograde/training";

/** A square of one image, in its pixels. */
export interface Crop {
  /** Base name of the image. */
  readonly image: string;
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** Image, label map and class numbers of a crop; instances are numbered 1…N in raster order. */
interface CutImage {
  readonly rgb: Uint8Array;
  readonly labels: Int32Array;
  /** Class of instance 1…N. */
  readonly classes: readonly number[];
}

function cut(source: LabelledImage, { image, top, left, side }: Crop): CutImage {
  const { width, height, data } = source.image;
  if (top < 0 || left < 0 || top + side > height || left + side > width) {
    throw new DataError(
      `${image}: a crop of ${side} px at row ${top}, column ${left} leaves its ${width} x ${height} px`,
    );
  }
  const rgb = new Uint8Array(side * side * 3);
  const labels = new Int32Array(side * side);
  const numbers = new Map<number, number>();
  const classes: number[] = [];
  for (let y = 0; y < side; y++) {
    const from = (top + y) * width + left;
    rgb.set(data.subarray(from * 3, (from + side) * 3), y * side * 3);
    for (let x = 0; x < side; x++) {
      const id = source.instances.data[from + x]!;
      if (id === 0) continue;
      let number = numbers.get(id);
      if (number === undefined) {
        number = classes.push(source.classes.data[from + x]!);
        numbers.set(id, number);
      }
      labels[y * side + x] = number;
    }
  }
  return { rgb, labels, classes };
}

function classFile(scheme: ClassScheme, classes: readonly number[]): string {
  const json = {
    class_names: Object.fromEntries(scheme.classes.map((c, i) => [String(i + 1), c.name])),
    instance_class: Object.fromEntries(classes.map((type, i) => [String(i + 1), type])),
  };
  return `${JSON.stringify(json)}\n`;
}

/**
 * Cuts crops out of a dataset and writes them as `images/`, `labels/` and, where the data have classes, `classes/`
 * below `outDir`. The same crops write the same bytes.
 *
 * @param sourceDir - any dataset that training opens
 * @returns nuclei per class over all crops; one number for data without classes
 * @throws DataError when an image is missing or a crop leaves it
 */
export async function writeCrops(
  sourceDir: string,
  crops: readonly Crop[],
  outDir: string,
): Promise<number[]> {
  const dataset = await openDataset(sourceDir);
  const counts = dataset.classes.classes.map(() => 0);
  for (const [i, crop] of crops.entries()) {
    const index = dataset.entries.findIndex((entry) => entry.name === crop.image);
    if (index < 0) throw new DataError(`${sourceDir}: has no image "${crop.image}"`);
    const { rgb, labels, classes } = cut(await dataset.load(index), crop);
    for (const type of classes) counts[type - 1]!++;
    const name = `crop${i + 1}`;
    const size = { width: crop.side, height: crop.side };
    await writePng(join(outDir, "images", `${name}.png`), { ...size, data: rgb });
    await writeLabelPng(join(outDir, "labels", `${name}.png`), { ...size, data: labels });
    if (dataset.hasClasses) {
      await writeFileAtomic(join(outDir, "classes", `${name}.json`), classFile(dataset.classes, classes));
    }
  }
  return counts;
}
