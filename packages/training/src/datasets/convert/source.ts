/**
 * What the reader of every foreign data set gives to the conversion: named items that load one annotated image each.
 *
 * @module
 */
import type { LabelMap, RgbImage } from "@renograde/core";
import type { SetName } from "../dataset.js";

/** One annotated image as its source has it. */
export interface ConvertSample {
  readonly image: RgbImage;
  /** Ids may have holes. */
  readonly labels: LabelMap;
  /** Source class number by id; null where the source has no classes. */
  readonly types: ReadonlyMap<number, number> | null;
  /** Regions annotated as ambiguous, kept apart from the nuclei; null where there are none (MoNuSAC). */
  readonly ambiguous: LabelMap | null;
  /** Name of the slide, where it is known otherwise than from the image's name. */
  readonly slide: string | null;
  /** One sentence each, naming the file. */
  readonly warnings: readonly string[];
}

/** One image of a source; nothing is read yet. */
export interface ConvertItem {
  /** Base name of the files to write, unique within its set. */
  readonly name: string;
  readonly set: SetName | null;
  /** @throws FileFormatError, FileAccessError, DataError, ShapeError naming the file */
  load(): Promise<ConvertSample>;
}

/** An opened source. */
export interface ConvertSource {
  readonly items: readonly ConvertItem[];
  /**
   * Names of the classes 1, 2, …; null when the source has none; `"numbers"` when it has numbers whose names only a
   * mapping file knows.
   */
  readonly classes: readonly string[] | "numbers" | null;
  /** Pixel size the source was published with, µm/px; null where it is not known. */
  readonly mpp: number | null;
  readonly warnings: readonly string[];
  /** Closes files that were kept open. */
  close(): Promise<void>;
}

/** Opens a source: lists its items and checks what can be checked without reading pixels. */
export type OpenSource = (input: string) => Promise<ConvertSource>;

/** A source without files to close. */
export function sourceOf(
  source: Pick<ConvertSource, "items" | "classes" | "mpp"> & { readonly warnings?: readonly string[] },
): ConvertSource {
  return { warnings: [], close: async () => undefined, ...source };
}
