/**
 * Writes `report.html`: one self-contained file that opens from disk. Each image becomes a part of its own as soon
 * as it is graded, so that an interrupted run keeps them and memory does not grow with the number of images.
 *
 * @module
 */
import { createRequire } from "node:module";
import { FileAccessError, FileFormatError, MissingDependencyError, type RgbImage } from "@renograde/core";
import { encodeJpeg, encodeLayer, readFileBytes, writeFileAtomic } from "@renograde/slides/node";
import type { GradedImage } from "../graded-image.js";
import { type ReportPageInput, reportPage } from "../report/page.js";
import type { ReportImage } from "../report/payload.js";
import { reportImage, reportPayload, taskLayer } from "../report/report-image.js";

/** Pictures are embedded at full size up to this many pixels on the longer side. */
const MAX_PICTURE_SIDE = 4096;
const JPEG_QUALITY = 88;

const dataUri = (type: string, bytes: Uint8Array): string =>
  `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;

/**
 * Turns a graded image into its part of the report: picture, layers, nuclei.
 *
 * @param name - as shown: the input's path inside its folder, without extension
 */
export async function encodeReportImage(
  name: string,
  image: RgbImage,
  graded: GradedImage,
): Promise<ReportImage> {
  const picture = dataUri("image/jpeg", await encodeJpeg(image, JPEG_QUALITY, MAX_PICTURE_SIDE));
  const layers: string[] = [];
  // With one class both tasks are the nuclei themselves.
  if (graded.tasks !== undefined && graded.classes.classes.length > 1) {
    for (const task of [0, 1] as const) {
      const { width, height, rgba } = taskLayer(graded.classes, task, graded.tasks);
      layers.push(dataUri("image/png", await encodeLayer(width, height, rgba)));
    }
  }
  return reportImage(name, graded, picture, layers);
}

/** Saves a part, to be read back by {@link readReportPart} when the report is written. */
export async function writeReportPart(path: string, part: ReportImage): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(part));
}

/**
 * Reads a part back.
 *
 * @throws FileFormatError when it is not one
 */
export async function readReportPart(path: string): Promise<ReportImage> {
  const bytes = await readFileBytes(path);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as ReportImage;
  } catch (cause) {
    throw new FileFormatError(
      path,
      "JSON",
      "is not a part of a report; delete it and grade the image again",
      { cause },
    );
  }
}

/** The compiled script of the page, without its source map comment. */
async function clientScript(): Promise<string> {
  const path = createRequire(import.meta.url).resolve("@renograde/grading/report-client");
  let bytes: Uint8Array;
  try {
    bytes = await readFileBytes(path);
  } catch (cause) {
    throw cause instanceof FileAccessError
      ? new MissingDependencyError(
          "report script",
          "the script of the report is not built; run npm run build in the clone",
          { cause },
        )
      : cause;
  }
  return new TextDecoder().decode(bytes).replace(/\n?\/\/# sourceMappingURL=.*$/m, "");
}

/** Writes the report of graded images. */
export async function writeReport(
  path: string,
  input: Omit<ReportPageInput, "payload" | "script">,
): Promise<void> {
  const page = reportPage({ ...input, payload: reportPayload(input.scheme), script: await clientScript() });
  await writeFileAtomic(path, [...page].join(""));
}
