/**
 * The files of one graded image in every requested format.
 *
 * @module
 */
import { join } from "node:path";
import { drawOverlay, type RgbImage, UsageError } from "@renograde/core";
import { encodeLabelPng, encodePng, writeFileAtomic } from "@renograde/slides/node";
import { encodeNucleiCsv } from "../exports/csv.js";
import { encodeGeoJson } from "../exports/geojson.js";
import { encodeHoverNetJson } from "../exports/hover-net.js";
import { encodeMapsNpy } from "../exports/maps-npy.js";
import { encodeResultMat } from "../exports/mat.js";
import type { GradedImage } from "../graded-image.js";

/** Formats of one image's results: HoVer-Net JSON, QuPath GeoJSON, table, MATLAB file, outlined image, label map. */
export type ImageFormat = "json" | "geojson" | "csv" | "mat" | "overlay" | "labels";

/** Every format: those of each image, and `report`, one `report.html` for all. */
export type ExportFormat = ImageFormat | "report";

/** Name of each format's file: `<stem><ending>`. */
export const EXPORT_ENDINGS: Readonly<Record<ImageFormat, string>> = {
  json: ".json",
  geojson: ".geojson",
  csv: ".csv",
  mat: ".mat",
  overlay: ".overlay.png",
  labels: ".labels.png",
};

/** Ending of kept network maps (`--maps`). */
export const MAPS_ENDING = ".maps.npy";

/** What is written unless asked otherwise. */
export const DEFAULT_FORMATS: readonly ExportFormat[] = [
  "json",
  "geojson",
  "csv",
  "mat",
  "overlay",
  "report",
];

/** What {@link writeOutputs} writes. */
export interface OutputChoice {
  readonly formats: readonly ImageFormat[];
  /** Keep the network's maps as `.npy`. */
  readonly maps: boolean;
  /** `export.dropDegenerate` of the JSON. */
  readonly dropDegenerate?: boolean;
}

/** Names of the files a choice makes, relative to the output folder. */
export function outputNames(stem: string, choice: OutputChoice): string[] {
  const names = choice.formats.map((format) => stem + EXPORT_ENDINGS[format]);
  return choice.maps ? [...names, stem + MAPS_ENDING] : names;
}

/** Encoded files by name relative to the output folder, in the order of {@link outputNames}. */
export async function encodeOutputs(
  stem: string,
  graded: GradedImage,
  image: RgbImage | undefined,
  choice: OutputChoice,
): Promise<Map<string, Uint8Array | string>> {
  const encode = async (format: ImageFormat): Promise<Uint8Array | string> => {
    switch (format) {
      case "json":
        return encodeHoverNetJson(graded, choice.dropDegenerate);
      case "geojson":
        return encodeGeoJson(graded, stem);
      case "csv":
        return encodeNucleiCsv(graded);
      case "mat":
        return encodeResultMat(graded);
      case "labels":
        return await encodeLabelPng(graded.labels);
      case "overlay":
        if (!image) throw new UsageError("an overlay needs the image; choose other formats for maps alone");
        return await encodePng(drawOverlay(image, graded));
    }
  };
  const files = new Map<string, Uint8Array | string>();
  for (const format of choice.formats) files.set(stem + EXPORT_ENDINGS[format], await encode(format));
  if (choice.maps) files.set(stem + MAPS_ENDING, encodeMapsNpy(graded.maps));
  return files;
}

/** Writes encoded files, each atomically. @throws FileAccessError when the disk is full or the folder read-only */
export async function writeOutputs(
  outDir: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<void> {
  for (const [name, content] of files) await writeFileAtomic(join(outDir, name), content);
}
