/**
 * What every kind of dataset looks like to training: a list of images with their set, and a loader that gives
 * checked pixels, instances and classes.
 *
 * @module
 */
import type { ByteMap, ClassScheme, LabelMap, RgbImage } from "@renograde/core";
import type { ClassMixture } from "./check-labels.js";

/** Which part of a dataset an image belongs to. */
export type SetName = "train" | "valid" | "test";
/** The sets, in order. */
export const SET_NAMES: readonly SetName[] = ["train", "valid", "test"];

/** How the files are laid out: RCCNucSeg `.mat` (spec/data.md §1) or label PNGs. */
export type DatasetLayout = "rccnucseg" | "label-png";

/** One image and where its annotation lies; nothing is read yet. */
export interface DatasetEntry {
  /** Base name of the files, unique within its set. */
  readonly name: string;
  /** Set given by a folder name, or null when the folders say nothing. */
  readonly set: SetName | null;
  readonly imagePath: string;
  /** `.mat`, or a label PNG. */
  readonly labelPath: string;
  /** Class numbers of a label PNG, where there are some. */
  readonly classPath: string | null;
}

/** One image with its annotation after all checks. */
export interface LabelledImage {
  readonly name: string;
  readonly image: RgbImage;
  readonly instances: LabelMap;
  /** Class per pixel, 0 exactly where `instances` is 0. */
  readonly classes: ByteMap;
  /** Slide and patient, where the annotation or the name tells them (spec/data.md §2). */
  readonly slide: string | null;
  readonly patient: string | null;
  /** Instances of more than one class, which got their majority; absent where nothing was checked. */
  readonly mixtures?: readonly ClassMixture[];
  /** What the checks had to repair, one sentence each, naming the file. */
  readonly warnings: readonly string[];
}

/** An opened dataset. */
export interface Dataset {
  readonly root: string;
  readonly layout: DatasetLayout;
  readonly classes: ClassScheme;
  /** True when the folder says that no real tissue is in it (`SYNTHETIC.json`). */
  readonly synthetic: boolean;
  /** False when there are no classes in the data: every nucleus has class 1, "Nucleus". */
  readonly hasClasses: boolean;
  /** Sorted by set, then by name. */
  readonly entries: readonly DatasetEntry[];
  /**
   * Reads and checks one image.
   * @throws FileFormatError, FileAccessError, DataError, ShapeError naming the file
   */
  load(index: number): Promise<LabelledImage>;
}

const TCGA_BARCODE = /TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}[A-Z0-9.-]*/i;

/**
 * Slide and patient of a file name: the slide is the name without extension, the patient the first 12 characters
 * of a TCGA barcode, `TCGA-XX-XXXX` (spec/data.md §2), or what `patientPattern` finds in the image's name: its first
 * group, or all it matches.
 *
 * @param slideName - `TCGA_file_name` of the annotation, or null to look for a barcode in the image's name
 */
export function slideAndPatient(
  slideName: string | null,
  imageName: string,
  patientPattern: RegExp | null = null,
): { slide: string | null; patient: string | null } {
  const slide =
    slideName === null
      ? (TCGA_BARCODE.exec(imageName)?.[0] ?? null)
      : slideName.trim().replace(/\.(svs|tiff?|ndpi|mrxs|scn|png)$/i, "");
  const barcode = TCGA_BARCODE.exec(slide ?? imageName)?.[0];
  const found = patientPattern?.exec(imageName);
  const patient = found ? (found[1] ?? found[0]) : barcode?.slice(0, 12).toUpperCase();
  return { slide, patient: patient || null };
}

/** Tissue of an RCCNucSeg patch: its name contains "prcc" for papillary carcinoma (spec/data.md §1). */
export function tissueOf(name: string): "ccRCC" | "pRCC" {
  return name.toLowerCase().includes("prcc") ? "pRCC" : "ccRCC";
}
