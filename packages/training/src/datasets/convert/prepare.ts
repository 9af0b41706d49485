/**
 * From a source's image to what is written: classes mapped, ids without gaps, pixels at the wanted size.
 *
 * @module
 */
import { compactLabels, DataError, type LabelMap, type RgbImage } from "@renograde/core";
import { resample, resampleLabels } from "@renograde/slides";
import type { ConvertSample } from "./source.js";

/** An image ready to be written. */
export interface PreparedSample {
  readonly image: RgbImage;
  /** Ids 1…n. */
  readonly labels: LabelMap;
  /** Class of each id; entry 0 is 0. */
  readonly types: Uint8Array;
  readonly ambiguous: LabelMap | null;
  readonly slide: string | null;
  readonly warnings: readonly string[];
}

/** How to prepare. */
export interface PrepareOptions {
  /** Target class by source class, 0 drops the nucleus; null = the same numbers. */
  readonly targets: ReadonlyMap<number, number> | null;
  readonly classCount: number;
  /** Output pixels per input pixel. */
  readonly scale: number;
}

/** Class of a nucleus after the mapping; without classes every nucleus has class 1. */
function targetOf(id: number, sample: ConvertSample, name: string, options: PrepareOptions): number {
  if (sample.types === null) return 1;
  const source = sample.types.get(id) ?? 0;
  if (source === 0) {
    throw new DataError(`${name}: instance ${id} has no class; correct the file, or remove the instance`);
  }
  const target = options.targets === null ? source : options.targets.get(source);
  if (target === undefined) {
    throw new DataError(
      `${name}: instance ${id} has class ${source}, which the mapping file does not name; add it (0 drops the nucleus)`,
    );
  }
  if (target > options.classCount) {
    throw new DataError(
      `${name}: instance ${id} has class ${target}, but there are only ${options.classCount}; give a mapping file with --classes`,
    );
  }
  return target;
}

/**
 * Maps classes, drops what the mapping drops, resamples (area or bicubic for the image, nearest for labels) and
 * numbers the nuclei 1…n in the order of their ids.
 *
 * @param name - for messages
 * @throws DataError when a nucleus has no class or one nobody knows
 */
export function prepareSample(sample: ConvertSample, name: string, options: PrepareOptions): PreparedSample {
  const { scale } = options;
  const width = Math.max(1, Math.round(sample.image.width * scale));
  const height = Math.max(1, Math.round(sample.image.height * scale));
  const targets = new Map<number, number>();
  const data = new Int32Array(sample.labels.data.length);
  for (let p = 0; p < data.length; p++) {
    const id = sample.labels.data[p]!;
    if (id === 0) continue;
    let target = targets.get(id);
    if (target === undefined) {
      target = targetOf(id, sample, name, options);
      targets.set(id, target);
    }
    if (target !== 0) data[p] = id;
  }
  const kept = [...targets].filter(([, target]) => target !== 0).length;
  const resized = resampleLabels({ ...sample.labels, data }, width, height);
  const labels = compactLabels(resized);
  const types = new Uint8Array(labels.count + 1);
  for (let p = 0; p < labels.data.length; p++) {
    const id = labels.data[p]!;
    if (id !== 0) types[id] = targets.get(resized.data[p]!)!;
  }
  const lost = kept - labels.count;
  return {
    image: resample(sample.image, width, height),
    labels,
    types,
    ambiguous: sample.ambiguous && resampleLabels(sample.ambiguous, width, height),
    slide: sample.slide,
    warnings:
      lost === 0
        ? sample.warnings
        : [
            ...sample.warnings,
            `${name}: ${lost} nuclei are smaller than a pixel after resampling and are gone`,
          ],
  };
}
