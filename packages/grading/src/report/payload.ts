/**
 * The data inside `report.html`, shared by the code that writes it and the script that shows it. Columns rather
 * than objects keep a report of ten thousand nuclei small.
 *
 * @module
 */

/** One class as the report draws it. Colours are CSS. */
export interface ReportClass {
  readonly name: string;
  readonly short: string;
  readonly color: string;
  /** Of the colour-blind-safe set. */
  readonly safeColor: string;
  /** SVG and canvas dash pattern of the colour-blind-safe set; empty = solid. */
  readonly dash: readonly number[];
}

/** One cross-category task: its channels without background. */
export interface ReportTask {
  readonly title: string;
  /** `G1+G2`, `G3`, `Endo`. */
  readonly labels: readonly string[];
  readonly colors: readonly string[];
}

/** Nuclei as columns; entry i of each belongs to nucleus i. */
export interface ReportNuclei {
  readonly id: readonly number[];
  /** Class id, 1…; 0 = none. */
  readonly type: readonly number[];
  readonly typeProbability: readonly number[];
  /** Centroid in image pixels. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly areaUm2: readonly number[];
  readonly eccentricity: readonly number[];
  readonly majorAxisUm: readonly number[];
  readonly haematoxylin: readonly number[];
  /** Mean softmax per class without background, in percent. */
  readonly classes: readonly (readonly number[])[];
  /** Mean softmax per task and channel without background, in percent; empty where the model has no tasks. */
  readonly tasks: readonly (readonly [readonly number[], readonly number[]])[];
  /** Closed rings as `[x0, y0, dx, dy, dx, dy, …]` in image pixels, all rings of the nucleus one after another. */
  readonly rings: readonly (readonly (readonly number[])[])[];
}

/** A square of the field grid, image pixels. */
export interface ReportField {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Nuclei per class, in class order. */
  readonly counts: readonly number[];
}

/** One image of the report. */
export interface ReportImage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly mpp: number;
  /** Where the pixel size comes from, one phrase. */
  readonly mppSource: string;
  /** Embedded picture as a data URI; smaller than the image when the image is very large. */
  readonly picture: string;
  /** Task maps as transparent pictures over the image, data URIs. */
  readonly taskLayers: readonly string[];
  readonly nuclei: ReportNuclei;
  /** Fields in the order of their suspicion, the highest grade first. */
  readonly fields: readonly ReportField[];
  readonly elapsedMs: number;
}

/** Everything the script needs. */
export interface ReportPayload {
  readonly classes: readonly ReportClass[];
  readonly tasks: readonly ReportTask[];
}
