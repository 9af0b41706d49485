/**
 * Counts of a dataset: images, nuclei per class and set, slides and patients shared between sets, and for RCCNucSeg
 * the published totals beside them (spec/data.md §1, §2).
 *
 * @module
 */
import { RCC_CLASSES, throwIfAborted } from "@renograde/core";
import type { Dataset, LabelledImage, SetName } from "./dataset.js";
import { SET_NAMES } from "./dataset.js";
import { countNuclei, type Split } from "./split.js";

/** Nuclei of RCCNucSeg by class name, from its dataset card and the paper's §3.1. */
export const RCCNUCSEG_COUNTS = { images: 1000, nuclei: [45_108, 6_406, 2_779, 16_652] } as const;

/** Counts of one set. */
export interface SetStats {
  readonly images: number;
  readonly nuclei: number;
  /** Nuclei per class, in the scheme's order. */
  readonly perClass: readonly number[];
  /** Distinct slides and patients, where the data names them. */
  readonly slides: number;
  readonly patients: number;
}

/** Result of {@link datasetStats}. */
export interface DatasetStats {
  readonly classNames: readonly string[];
  readonly sets: Readonly<Record<SetName, SetStats>>;
  readonly total: SetStats;
  /** Slides and patients that occur in more than one set. */
  readonly sharedSlides: readonly string[];
  readonly sharedPatients: readonly string[];
  /** Findings of the checks, and differences to the published totals. */
  readonly warnings: readonly string[];
}

/** Counts image by image; {@link datasetStats} in pieces, for callers that read the images anyway. */
export interface StatsCollector {
  /** Counts an image of a set. */
  add(set: SetName, image: LabelledImage): void;
  finish(): DatasetStats;
}

/** Starts counting a dataset. */
export function collectStats(dataset: Dataset): StatsCollector {
  const length = dataset.classes.classes.length + 1;
  const warnings: string[] = [];
  const setsOf = { slide: new Map<string, Set<SetName>>(), patient: new Map<string, Set<SetName>>() };
  const perSet = new Map(SET_NAMES.map((name) => [name, { images: 0, counts: new Float64Array(length) }]));
  const ofSet = (map: Map<string, Set<SetName>>, name: SetName): number =>
    [...map.values()].filter((sets) => sets.has(name)).length;
  const shared = (map: Map<string, Set<SetName>>): string[] =>
    [...map]
      .filter(([, sets]) => sets.size > 1)
      .map(([key]) => key)
      .sort();
  return {
    add(set, image) {
      warnings.push(...image.warnings);
      const sum = perSet.get(set)!;
      sum.images++;
      const nuclei = countNuclei(image.instances.data, image.classes.data, length);
      for (let c = 0; c < length; c++) sum.counts[c]! += nuclei[c]!;
      for (const kind of ["slide", "patient"] as const) {
        const key = image[kind];
        if (key !== null) setsOf[kind].set(key, (setsOf[kind].get(key) ?? new Set()).add(set));
      }
    },
    finish() {
      const all = { images: 0, counts: new Float64Array(length) };
      const sets = {} as Record<SetName, SetStats>;
      for (const [name, { images, counts }] of perSet) {
        all.images += images;
        for (let c = 0; c < length; c++) all.counts[c]! += counts[c]!;
        sets[name] = summarise(images, counts, ofSet(setsOf.slide, name), ofSet(setsOf.patient, name));
      }
      const total = summarise(all.images, all.counts, setsOf.slide.size, setsOf.patient.size);
      const isPublished =
        dataset.layout === "rccnucseg" && dataset.classes === RCC_CLASSES && !dataset.synthetic;
      return {
        classNames: dataset.classes.classes.map((c) => c.name),
        sets,
        total,
        sharedSlides: shared(setsOf.slide),
        sharedPatients: shared(setsOf.patient),
        warnings: isPublished ? [...warnings, ...comparePublished(dataset, total)] : warnings,
      };
    },
  };
}

/** Counts everything; reads every image once. */
export async function datasetStats(
  dataset: Dataset,
  split: Split,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<DatasetStats> {
  const stats = collectStats(dataset);
  let done = 0;
  for (const name of SET_NAMES) {
    for (const index of split[name]) {
      throwIfAborted(options.signal);
      stats.add(name, await dataset.load(index));
      options.onProgress?.(++done, dataset.entries.length);
    }
  }
  return stats.finish();
}

function summarise(images: number, counts: Float64Array, slides: number, patients: number): SetStats {
  const perClass = Array.from(counts.subarray(1));
  return { images, nuclei: perClass.reduce((a, b) => a + b, 0), perClass, slides, patients };
}

function comparePublished(dataset: Dataset, total: SetStats): string[] {
  const found: string[] = [];
  if (total.images !== RCCNUCSEG_COUNTS.images) {
    found.push(
      `${dataset.root}: ${total.images} patches, the published dataset has ${RCCNUCSEG_COUNTS.images}`,
    );
  }
  for (const [i, expected] of RCCNUCSEG_COUNTS.nuclei.entries()) {
    if (total.perClass[i] !== expected) {
      const name = dataset.classes.classes[i]?.name;
      found.push(
        `${dataset.root}: ${total.perClass[i]} nuclei of ${name}, the published dataset has ${expected}`,
      );
    }
  }
  return found;
}
