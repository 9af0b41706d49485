/**
 * Writes a synthetic dataset in RCCNucSeg's layout (spec/data.md §1), with a note that says that it is synthetic.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createRandom, throwIfAborted, UsageError } from "@renograde/core";
import { encodeMat5 } from "@renograde/formats";
import { readFileBytes, writeFileAtomic, writePng } from "@renograde/slides/node";
import { resolveSectionOptions, type SectionOptions } from "./options.js";
import { type SyntheticSection, synthesizeSection } from "./section.js";

/** Raised when the same options give other pixels than before. */
export const SYNTHESIS_VERSION = 1;

/** Options of {@link writeSyntheticDataset}. */
export interface SyntheticDatasetOptions {
  /** Folder to write into; made when missing. */
  readonly outDir: string;
  /** Number of patches per set; default 70, 10 and 20. */
  readonly train?: number;
  readonly valid?: number;
  readonly test?: number;
  /** Side of a patch in pixels; default 512. */
  readonly size?: number;
  /** Default 1. */
  readonly seed?: number;
  /** What every section has in common; the rest differs from patch to patch. */
  readonly section?: Omit<SectionOptions, "width" | "height" | "seed" | "gradeLevel">;
  readonly signal?: AbortSignal;
  /** Called after every patch. */
  readonly onProgress?: (progress: SynthesisProgress) => void;
}

/** How far {@link writeSyntheticDataset} is. */
export interface SynthesisProgress {
  /** Patches that are there, and all that are asked for. */
  readonly done: number;
  readonly total: number;
  /** Base name of the last patch. */
  readonly name: string;
  /** True when it was there already. */
  readonly skipped: boolean;
}

/** What {@link writeSyntheticDataset} did. */
export interface SynthesisSummary {
  readonly written: number;
  readonly skipped: number;
}

const SET_FOLDERS = { train: "Train", valid: "Valid", test: "Test" } as const;
type SetKey = keyof typeof SET_FOLDERS;
const NOTE = "SYNTHETIC.json";

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** RCCNucSeg's annotation of a section, as a MATLAB v5 file. */
export function encodeRccLabels(section: SyntheticSection, slideName: string): Uint8Array {
  const { labels, types } = section;
  const shape = [labels.height, labels.width];
  const classes = Uint8Array.from(labels.data, (label) => types[label]!);
  return encodeMat5(
    [
      ["instance_map", { kind: "numeric", class: "int32", shape, data: labels.data }],
      ["class_map", { kind: "numeric", class: "uint8", shape, data: classes }],
      ["TCGA_file_name", { kind: "char", rows: [slideName] }],
    ],
    { compress: true },
  );
}

/** One patch to write. */
interface Patch {
  readonly set: SetKey;
  readonly name: string;
  readonly slideName: string;
  readonly seed: number;
  readonly gradeLevel: number;
}

/**
 * Lists the patches of a set. Their grade levels follow the golden ratio, so that any number of them covers low and
 * high grades evenly and keeps the published class shares; a patch does not depend on how many there are.
 */
function planSet(set: SetKey, count: number, seed: number): Patch[] {
  const random = createRandom(seed, "dataset", set);
  const start = random.next();
  return Array.from({ length: count }, (_, i) => {
    const number = String(i + 1).padStart(4, "0");
    return {
      set,
      name: `synthetic_${set}_${number}`,
      slideName: `SYNTHETIC-${set}-${number}`,
      seed: random.int(0, 0xffffffff),
      gradeLevel: 0.001 + 0.998 * ((start + i * 0.6180339887498949) % 1),
    };
  });
}

/** Writes the note, or checks that the one that is there says the same. */
async function settleNote(outDir: string, common: object): Promise<void> {
  const path = join(outDir, NOTE);
  const text = `${JSON.stringify(
    {
      synthetic: true,
      note: "Drawn by Renograde's generator of synthetic sections. No tissue, no patient; for demonstrations, tests and benchmarks.",
      generator: "renograde dataset synthesize",
      version: SYNTHESIS_VERSION,
      ...common,
      classes: { 1: "Grade 1", 2: "Grade 2", 3: "Grade 3", 4: "Endothelial" },
    },
    null,
    2,
  )}\n`;
  if (await exists(path)) {
    if (new TextDecoder().decode(await readFileBytes(path)) === text) return;
    throw new UsageError(
      `${path}: this folder holds synthetic patches made with other options; choose another folder or the options in that file`,
    );
  }
  await writeFileAtomic(path, text);
}

/**
 * Writes `{Train,Valid,Test}/Images/*.png` and `…/Labels/*.mat` with `instance_map`, `class_map` and
 * `TCGA_file_name` ("SYNTHETIC-…"), and SYNTHETIC.json with the options. Patches that are there already are kept,
 * so an interrupted run continues and a larger one adds; same options, same bytes.
 *
 * @throws UsageError when an option is out of range, or the folder holds patches of other options
 * @throws FileAccessError when the folder cannot be written
 * @throws InterruptedError when `signal` is aborted; finished patches are kept
 */
export async function writeSyntheticDataset(options: SyntheticDatasetOptions): Promise<SynthesisSummary> {
  const { outDir, size = 512, seed = 1, section = {}, signal, onProgress } = options;
  const counts = { train: options.train ?? 70, valid: options.valid ?? 10, test: options.test ?? 20 };
  for (const [name, count] of Object.entries(counts)) {
    if (!Number.isInteger(count) || count < 0 || count > 9999) {
      throw new UsageError(
        `${name} of a synthetic dataset must be a whole number of patches from 0 to 9999, received ${count}`,
      );
    }
  }
  if (Object.values(counts).every((count) => count === 0)) {
    throw new UsageError(
      "a synthetic dataset needs at least one patch; ask for more than 0 in one of the sets",
    );
  }
  resolveSectionOptions({ ...section, width: size, height: size, seed });
  const patches = (["train", "valid", "test"] as const).flatMap((set) => planSet(set, counts[set], seed));
  await settleNote(outDir, { seed, size, section });
  let written = 0;
  for (const [i, patch] of patches.entries()) {
    throwIfAborted(signal);
    const folder = join(outDir, SET_FOLDERS[patch.set]);
    const imagePath = join(folder, "Images", `${patch.name}.png`);
    const labelPath = join(folder, "Labels", `${patch.name}.mat`);
    const skipped = (await exists(imagePath)) && (await exists(labelPath));
    if (!skipped) {
      const drawn = synthesizeSection({
        ...section,
        width: size,
        height: size,
        seed: patch.seed,
        gradeLevel: patch.gradeLevel,
      });
      await writeFileAtomic(labelPath, encodeRccLabels(drawn, patch.slideName));
      await writePng(imagePath, drawn.image);
      written += 1;
    }
    onProgress?.({ done: i + 1, total: patches.length, name: patch.name, skipped });
  }
  return { written, skipped: patches.length - written };
}
