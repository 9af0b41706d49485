/**
 * Label preparation of one training sample (spec/training.md §4).
 *
 * @module
 */
import { assertSameSize, type ByteMap, type LabelMap } from "../raster.js";
import { joinRuns } from "./framed-parts.js";
import { labelRuns } from "./label-runs.js";
import { Workspace } from "./workspace.js";

/** The labels of one sample; all maps have the same size. */
export interface SampleLabels {
  readonly instances: LabelMap;
  /** Class id per pixel, 0 = background. */
  readonly classes: ByteMap;
  /** Distance target scaled to 0…255. */
  readonly distances: ByteMap;
}

/**
 * Splits mirrored duplicates, erodes every instance on its own and clears instance, class and distance where
 * nothing survived.
 *
 * @param erode - pixels to erode (`data.erodeBoundary`); 0 only splits
 * @returns new maps; the first 4-connected part (raster order) of an id keeps it, the others get new ids
 * @throws ShapeError when the maps differ in size
 */
export function prepareLabels(sample: SampleLabels, erode = 1): SampleLabels {
  assertSameSize("instances", sample.instances, "classes", sample.classes);
  assertSameSize("instances", sample.instances, "distances", sample.distances);
  const instances = erodeInstances(splitParts(sample.instances), erode);
  const { width, height } = instances;
  const classes = new Uint8Array(width * height);
  const distances = new Uint8Array(width * height);
  for (let p = 0; p < instances.data.length; p++) {
    if (instances.data[p] === 0) continue;
    classes[p] = sample.classes.data[p]!;
    distances[p] = sample.distances.data[p]!;
  }
  return {
    instances,
    classes: { width, height, data: classes },
    distances: { width, height, data: distances },
  };
}

/**
 * Gives each 4-connected part of an instance an id of its own: the first in raster order keeps it, the others get
 * new ids above the greatest, in raster order.
 *
 * @throws DataError when a label is negative or above 2^26
 */
export function splitParts(labels: LabelMap): LabelMap {
  const { width, height } = labels;
  const workspace = new Workspace();
  const runs = labelRuns(labels, workspace);
  const parts = joinRuns(runs, width, 4, workspace);
  let next = runs.last;
  const owners = new Set<number>();
  const ids = new Int32Array(parts.count + 1);
  const data = new Int32Array(width * height);
  for (let run = 0; run < runs.count; run++) {
    const part = parts.ofRun[run]!;
    if (ids[part] === 0) {
      const id = runs.table[4 * run]!;
      ids[part] = owners.has(id) ? ++next : id;
      owners.add(id);
    }
    data.fill(ids[part]!, runs.table[4 * run + 1]!, runs.table[4 * run + 2]!);
  }
  return { width, height, data };
}

/**
 * Erodes every instance separately by the 3×3 cross, `times` times: a pixel survives if its four neighbours have
 * the same id. Outside the image counts as the same id.
 */
export function erodeInstances(labels: LabelMap, times = 1): LabelMap {
  const { width, height } = labels;
  let data = labels.data.slice();
  for (let round = 0; round < times; round++) {
    const eroded = new Int32Array(data.length);
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const id = data[p]!;
        if (id === 0) continue;
        if (
          (x === 0 || data[p - 1] === id) &&
          (x + 1 === width || data[p + 1] === id) &&
          (y === 0 || data[p - width] === id) &&
          (y + 1 === height || data[p + width] === id)
        ) {
          eroded[p] = id;
        }
      }
    }
    data = eroded;
  }
  return { width, height, data };
}
