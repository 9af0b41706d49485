/**
 * Counts of a dataset: images, nuclei per class and set, slides and patients shared between sets, and for RCCNucSeg
 * the published totals beside them (spec/data.md §1, §2).
 *
 * @module
 */
import { RCC_CLASSES, throwIfAborted } from "@renograde/core";
import type { Dataset, SetName } from "./dataset.js";
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

/** Counts everything; reads every image once. */
export async function datasetStats(
  dataset: Dataset,
  split: Split,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<DatasetStats> {
  const classCount = dataset.classes.classes.length;
  const warnings: string[] = [];
  const setsOf = { slide: new Map<string, Set<SetName>>(), patient: new Map<string, Set<SetName>>() };
  const perSet = {} as Record<SetName, SetStats>;
  const total = { images: 0, counts: new Float64Array(classCount + 1) };
  let done = 0;
  for (const name of SET_NAMES) {
    const counts = new Float64Array(classCount + 1);
    const names = { slide: new Set<string>(), patient: new Set<string>() };
    for (const index of split[name]) {
      throwIfAborted(options.signal);
      const image = await dataset.load(index);
      warnings.push(...image.warnings);
      const nuclei = countNuclei(image.instances.data, image.classes.data, classCount + 1);
      for (let c = 0; c <= classCount; c++) counts[c]! += nuclei[c]!;
      for (const kind of ["slide", "patient"] as const) {
        const key = image[kind];
        if (key === null) continue;
        names[kind].add(key);
        setsOf[kind].set(key, (setsOf[kind].get(key) ?? new Set()).add(name));
      }
      options.onProgress?.(++done, dataset.entries.length);
    }
    for (let c = 0; c <= classCount; c++) total.counts[c]! += counts[c]!;
    total.images += split[name].length;
    perSet[name] = summarise(split[name].length, counts, names.slide.size, names.patient.size);
  }
  const shared = (map: Map<string, Set<SetName>>) =>
    [...map]
      .filter(([, sets]) => sets.size > 1)
      .map(([key]) => key)
      .sort();
  const totals = summarise(total.images, total.counts, setsOf.slide.size, setsOf.patient.size);
  if (dataset.layout === "rccnucseg" && dataset.classes === RCC_CLASSES && !dataset.synthetic) {
    warnings.push(...comparePublished(dataset, totals));
  }
  return {
    classNames: dataset.classes.classes.map((c) => c.name),
    sets: perSet,
    total: totals,
    sharedSlides: shared(setsOf.slide),
    sharedPatients: shared(setsOf.patient),
    warnings,
  };
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
