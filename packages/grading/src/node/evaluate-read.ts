/**
 * Reads one annotation file of any format, and draws outlines on a raster of the partner's size.
 *
 * @module
 */
import {
  type ClassScheme,
  createLabelMap,
  DataError,
  fillContour,
  indexInstances,
  type LabelMap,
  paintPolygon,
  ShapeError,
  type TypedLabels,
} from "@renograde/core";
import { parseGeoJson, parseHoverNetJson, parseMatAnnotation } from "@renograde/formats";
import { readFileBytes, readLabelPng } from "@renograde/slides/node";
import { parseClassFile, resolveTypes, schemeOfNames } from "./evaluate-classes.js";
import type { AnnotationFile } from "./evaluate-find.js";

/** Largest image drawn from outlines alone: 2 GiB per label map. */
const MAX_PIXELS = 2 ** 29;

/** One nucleus as rings `x0, y0, x1, y1, …`. */
interface Outline {
  /** Polygons along pixel edges, each its exterior and holes, or one contour through pixel centres. */
  readonly rings: readonly (readonly number[][])[];
  readonly isContour: boolean;
}

/** What a file says, before it is known how large the image is and what the classes are called. */
export interface Annotation {
  readonly file: AnnotationFile;
  /** Instances as pixels, or outlines of instances 1…n in order. */
  readonly shape: LabelMap | readonly Outline[];
  /** Class number or name by instance id; null when the file has no classes at all. */
  readonly classes: ReadonlyMap<number, number | string> | null;
  /** Class numbers have no names here: which classes they are is a matter of the scheme. */
  readonly hasBareNumbers: boolean;
  readonly warnings: readonly string[];
}

function isRaster(shape: Annotation["shape"]): shape is LabelMap {
  return "data" in shape;
}

/**
 * Reads an annotation file.
 *
 * @throws FileAccessError, FileFormatError or DataError naming the file
 */
export async function readAnnotation(file: AnnotationFile): Promise<Annotation> {
  switch (file.format) {
    case "mat": {
      const mat = parseMatAnnotation(await readFileBytes(file.path), file.path);
      const { labels, types, warnings, isRccNucSeg } = mat;
      return {
        file,
        shape: labels,
        classes: types,
        hasBareNumbers: types !== null && !isRccNucSeg,
        warnings,
      };
    }
    case "label-png":
    case "graded-labels":
      return await readLabelsWithClasses(file);
    case "geojson":
      return await readGeoJson(file);
    case "hover-net-json": {
      const { nuclei } = parseHoverNetJson(await readFileBytes(file.path), file.path);
      const typed = nuclei.length === 0 || nuclei.some((nucleus) => nucleus.type !== null);
      return {
        file,
        shape: nuclei.map(({ contour }) => ({ rings: [[contour.flat()]], isContour: true })),
        classes: typed ? new Map(nuclei.map((nucleus, i) => [i + 1, nucleus.type ?? 0])) : null,
        hasBareNumbers: typed && nuclei.length > 0,
        warnings: [],
      };
    }
  }
}

async function readLabelsWithClasses(file: AnnotationFile): Promise<Annotation> {
  const shape = await readLabelPng(file.path);
  const classFile = await readClassFile(file);
  if (classFile === null) return { file, shape, classes: null, hasBareNumbers: false, warnings: [] };
  const { names, classOf } = classFile;
  const classes = new Map([...classOf].map(([id, type]) => [id, names.get(type) ?? type]));
  const without = indexInstances(shape).ids.filter((id) => !classes.has(id)).length;
  const warnings =
    without === 0 ? [] : [`${file.classesPath}: ${without} instances of ${file.path} have no class`];
  return { file, shape, classes, hasBareNumbers: names.size === 0, warnings };
}

/** The class file of a label PNG, or null when there is none. */
export async function readClassFile(file: AnnotationFile): Promise<ReturnType<typeof parseClassFile> | null> {
  if (file.classesPath === null) return null;
  let bytes: Uint8Array;
  try {
    bytes = await readFileBytes(file.classesPath);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return parseClassFile(new TextDecoder().decode(bytes), file.classesPath);
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}

async function readGeoJson(file: AnnotationFile): Promise<Annotation> {
  const { nuclei, skipped } = parseGeoJson(await readFileBytes(file.path), file.path);
  const classes = new Map<number, string>();
  nuclei.forEach(({ className }, i) => {
    if (className !== null) classes.set(i + 1, className);
  });
  return {
    file,
    shape: nuclei.map(({ polygons }) => ({
      rings: polygons.map((polygon) => polygon.map((ring) => ring.flat())),
      isContour: false,
    })),
    classes: nuclei.length === 0 || classes.size > 0 ? classes : null,
    hasBareNumbers: false,
    warnings: skipped === 0 ? [] : [`${file.path}: ${skipped} features are no polygons and were left out`],
  };
}

/** Pixels an outline reaches over: [left, top, right, bottom], the last two exclusive. */
function boundsOf({ rings, isContour }: Outline): [number, number, number, number] {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings.flat()) {
    for (let i = 0; i + 1 < ring.length; i += 2) {
      left = Math.min(left, ring[i]!);
      right = Math.max(right, ring[i]!);
      top = Math.min(top, ring[i + 1]!);
      bottom = Math.max(bottom, ring[i + 1]!);
    }
  }
  const pixel = isContour ? 1 : 0; // a contour runs through pixel centres and includes its pixels
  return [left, top, right + pixel, bottom + pixel];
}

/** Paints outlines 1…n in order; where they overlap, the later one stands. */
function draw(
  annotation: Annotation,
  width: number,
  height: number,
): { labels: LabelMap; warnings: string[] } {
  if (isRaster(annotation.shape)) return { labels: annotation.shape, warnings: [] };
  const labels = createLabelMap(width, height);
  annotation.shape.forEach(({ rings, isContour }, i) => {
    for (const polygon of rings) {
      if (isContour) fillContour(labels, polygon[0]!, i + 1);
      else paintPolygon(labels, polygon, i + 1);
    }
  });
  const lost = annotation.shape.length - indexInstances(labels).count;
  return {
    labels,
    warnings:
      lost === 0
        ? []
        : [
            `${annotation.file.path}: ${lost} nuclei cover no pixel (too small, or under others) and do not count`,
          ],
  };
}

/**
 * Brings truth and predictions onto rasters of one size. A raster gives its size to outlines; of files with outlines
 * alone, the image is taken as far as the outlines reach, which changes no metric.
 *
 * @returns label maps of truth and predictions; a missing prediction is an empty map
 * @throws ShapeError when two rasters differ in size; DataError when a nucleus lies outside the partner's image
 */
export function alignAnnotations(
  truth: Annotation,
  predictions: readonly (Annotation | null)[],
): { truth: LabelMap; predictions: LabelMap[]; warnings: string[] } {
  const all = [truth, ...predictions].filter((annotation) => annotation !== null);
  const [first, ...others] = all.filter((annotation) => isRaster(annotation.shape));
  let width = 1;
  let height = 1;
  if (first !== undefined && isRaster(first.shape)) {
    ({ width, height } = first.shape);
    for (const { shape, file } of others) {
      if (!isRaster(shape) || (shape.width === width && shape.height === height)) continue;
      throw new ShapeError(
        `${file.path} is ${shape.width} x ${shape.height} px, but ${first.file.path} is ${width} x ${height} px; truth and prediction must be of the same image at the same scale`,
      );
    }
  }
  for (const { shape, file } of all) {
    if (isRaster(shape)) continue;
    for (const outline of shape) {
      const [left, top, right, bottom] = boundsOf(outline);
      if (first === undefined) {
        width = Math.max(width, Math.ceil(right));
        height = Math.max(height, Math.ceil(bottom));
      } else if (right <= 0 || bottom <= 0 || left >= width || top >= height) {
        throw new DataError(
          `${file.path}: a nucleus at (${left}, ${top}) lies outside ${first.file.path}, which is ${width} x ${height} px; truth and prediction must be of the same image at the same scale`,
        );
      }
    }
  }
  if (width * height > MAX_PIXELS) {
    throw new DataError(
      `${truth.file.path}: the outlines reach over ${width} x ${height} px, too many for one label map; evaluate regions of the slide`,
    );
  }
  const drawnTruth = draw(truth, width, height);
  const drawn = predictions.map((prediction) =>
    prediction === null
      ? { labels: createLabelMap(width, height), warnings: [] }
      : draw(prediction, width, height),
  );
  return {
    truth: drawnTruth.labels,
    predictions: drawn.map(({ labels }) => labels),
    warnings: [drawnTruth, ...drawn].flatMap(({ warnings }) => warnings),
  };
}

/** The scheme that the class files of label PNGs name, or undefined when there are none. */
export async function schemeOfClassFiles(files: readonly AnnotationFile[]): Promise<ClassScheme | undefined> {
  const names = new Map<number, string>();
  for (const file of files) {
    const classFile = await readClassFile(file);
    for (const [id, name] of classFile?.names ?? []) {
      const other = names.get(id);
      if (other !== undefined && other !== name) {
        throw new DataError(
          `${file.classesPath}: class ${id} is "${name}", but "${other}" in another file of the set; use the same names in all`,
        );
      }
      names.set(id, name);
    }
  }
  return names.size === 0 ? undefined : schemeOfNames(names);
}

/** Truth and predictions of one image, ready for metrics. */
export interface ReadImageAnnotations {
  readonly truth: TypedLabels;
  readonly predictions: readonly TypedLabels[];
  readonly warnings: readonly string[];
  readonly truthHasClasses: boolean;
  readonly truthHasBareNumbers: boolean;
}

/**
 * Reads the true annotation of an image and predictions of it, on rasters of one size and with ids of the scheme.
 *
 * @param predictionFiles - null for a prediction that is missing, which counts as empty
 * @throws FileAccessError, FileFormatError, DataError or ShapeError naming the files
 */
export async function readImageAnnotations(
  truthFile: AnnotationFile,
  predictionFiles: readonly (AnnotationFile | null)[],
  scheme: ClassScheme,
): Promise<ReadImageAnnotations> {
  const truth = await readAnnotation(truthFile);
  const predictions = await Promise.all(
    predictionFiles.map(async (file) => (file === null ? null : await readAnnotation(file))),
  );
  const maps = alignAnnotations(truth, predictions);
  const resolve = (annotation: Annotation | null) =>
    annotation?.classes == null
      ? { types: new Map<number, number>(), warnings: [] }
      : resolveTypes(annotation.classes, scheme, annotation.file.path);
  const truthTypes = resolve(truth);
  // Against a truth without classes, predicted classes are neither right nor wrong.
  const predictionTypes = predictions.map((prediction) =>
    resolve(truth.classes === null ? null : prediction),
  );
  return {
    truth: { labels: maps.truth, types: truthTypes.types },
    predictions: maps.predictions.map((labels, i) => ({ labels, types: predictionTypes[i]!.types })),
    warnings: [
      ...truth.warnings,
      ...predictions.flatMap((prediction) => prediction?.warnings ?? []),
      ...maps.warnings,
      ...[truthTypes, ...predictionTypes].flatMap(({ warnings }) => warnings),
    ],
    truthHasClasses: truth.classes !== null,
    truthHasBareNumbers: truth.hasBareNumbers,
  };
}
