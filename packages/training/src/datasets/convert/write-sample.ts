/**
 * Writing of converted images in the two layouts training reads (spec/data.md §1).
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ClassScheme, LabelMap } from "@renograde/core";
import { encodeMat5 } from "@renograde/formats";
import { writeFileAtomic, writeLabelPng, writePng } from "@renograde/slides/node";
import type { DatasetLayout, SetName } from "../dataset.js";
import type { PreparedSample } from "./prepare.js";

/** Where one image goes. */
export interface SamplePaths {
  readonly image: string;
  readonly labels: string;
  /** Classes of a label PNG; null for `.mat`. */
  readonly classes: string | null;
  /** Ambiguous regions, where there are some: a folder no reader takes for nuclei. */
  readonly ambiguous: string;
}

const RCC_FOLDERS: Readonly<Record<SetName, string>> = { train: "Train", valid: "Valid", test: "Test" };

/** Files of an image below `outDir`. */
export function samplePaths(
  outDir: string,
  layout: DatasetLayout,
  set: SetName | null,
  name: string,
): SamplePaths {
  if (layout === "rccnucseg") {
    const folder = set === null ? outDir : join(outDir, RCC_FOLDERS[set]);
    return {
      image: join(folder, "Images", `${name}.png`),
      labels: join(folder, "Labels", `${name}.mat`),
      classes: null,
      ambiguous: join(folder, "Ambiguous", `${name}.png`),
    };
  }
  const folder = set === null ? outDir : join(outDir, set);
  return {
    image: join(folder, "images", `${name}.png`),
    labels: join(folder, "labels", `${name}.png`),
    classes: join(folder, "classes", `${name}.json`),
    ambiguous: join(folder, "ambiguous", `${name}.png`),
  };
}

/** Whether an image was written: its picture comes last, so it stands for all its files. */
export async function isWritten(paths: SamplePaths): Promise<boolean> {
  return await stat(paths.image).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** RCCNucSeg's annotation; `TCGA_file_name` only where the slide is known. */
export function encodeRccMat(labels: LabelMap, types: Uint8Array, slide: string | null): Uint8Array {
  const shape = [labels.height, labels.width];
  const classes = Uint8Array.from(labels.data, (id) => types[id]!);
  return encodeMat5(
    [
      ["instance_map", { kind: "numeric", class: "int32", shape, data: labels.data }],
      ["class_map", { kind: "numeric", class: "uint8", shape, data: classes }],
      ...(slide === null ? [] : [["TCGA_file_name", { kind: "char", rows: [slide] }] as const]),
    ],
    { compress: true },
  );
}

/** Classes of a label PNG as JSON. */
export function formatInstanceClasses(types: Uint8Array, scheme: ClassScheme): string {
  const names = Object.fromEntries(scheme.classes.map((c, i) => [i + 1, c.name]));
  const classOf = Object.fromEntries(Array.from(types.entries()).slice(1));
  return `${JSON.stringify({ class_names: names, instance_class: classOf })}\n`;
}

/** Writes all files of an image, the picture last. @throws FileAccessError when one cannot be written */
export async function writeSampleFiles(
  paths: SamplePaths,
  sample: PreparedSample,
  scheme: ClassScheme | null,
): Promise<void> {
  if (paths.classes === null) {
    await writeFileAtomic(paths.labels, encodeRccMat(sample.labels, sample.types, sample.slide));
  } else {
    await writeLabelPng(paths.labels, sample.labels);
    if (scheme !== null) await writeFileAtomic(paths.classes, formatInstanceClasses(sample.types, scheme));
  }
  if (sample.ambiguous !== null) await writeLabelPng(paths.ambiguous, sample.ambiguous);
  await writePng(paths.image, sample.image);
}
