/**
 * Writes one synthetic section with its truth as files that every tool of the field reads: a PNG image, a 16-bit
 * label PNG and the class of each instance.
 *
 * @module
 */
import { join } from "node:path";
import { RCC_CLASSES, UsageError } from "@renograde/core";
import { writeFileAtomic, writeLabelPng, writePng } from "@renograde/slides/node";
import { synthesizeSection } from "./section.js";

/** Options of {@link writeSyntheticSection}. */
export interface SyntheticSectionFilesOptions {
  /** Folder; gets `images/`, `labels/` and `classes/`. */
  readonly outDir: string;
  /** Base name of the three files. */
  readonly name: string;
  /** Side in pixels. */
  readonly size: number;
  readonly seed: number;
  /** Micrometres per pixel, default 0.25. */
  readonly mpp?: number;
}

/** Where {@link writeSyntheticSection} wrote. */
export interface SyntheticSectionFiles {
  readonly imagePath: string;
  readonly labelPath: string;
  readonly classPath: string;
  readonly nuclei: number;
}

/**
 * Draws a section and writes image, instance map and classes; the same options write the same bytes.
 *
 * @throws UsageError when the name is none of a file
 * @throws FileAccessError when the folder cannot be written
 */
export async function writeSyntheticSection(
  options: SyntheticSectionFilesOptions,
): Promise<SyntheticSectionFiles> {
  const { outDir, name, size, seed } = options;
  if (name === "" || name.startsWith(".") || /[/\\]/.test(name)) {
    throw new UsageError(
      `the name of a synthetic section must be a file name without folders, received ${JSON.stringify(name)}`,
    );
  }
  const section = synthesizeSection({
    width: size,
    height: size,
    seed,
    ...(options.mpp === undefined ? {} : { mpp: options.mpp }),
  });
  const imagePath = join(outDir, "images", `${name}.png`);
  const labelPath = join(outDir, "labels", `${name}.png`);
  const classPath = join(outDir, "classes", `${name}.json`);
  const names = RCC_CLASSES.classes.map((c, i) => [String(i + 1), c.name]);
  const nuclei = section.types.length - 1;
  const classes = {
    synthetic: true,
    seed,
    mpp: section.options.mpp,
    class_names: Object.fromEntries(names),
    instance_class: Object.fromEntries(
      Array.from({ length: nuclei }, (_, i) => [String(i + 1), section.types[i + 1]]),
    ),
  };
  await writeLabelPng(labelPath, section.labels);
  await writeFileAtomic(classPath, `${JSON.stringify(classes)}\n`);
  // The image comes last: where it is, the truth is complete.
  await writePng(imagePath, section.image);
  return { imagePath, labelPath, classPath, nuclei };
}
