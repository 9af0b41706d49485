/**
 * Batches as a network reads them: images and targets in flat arrays that worker threads share
 * (spec/training.md §2 to §4).
 *
 * @module
 */
import { type ClassScheme, prepareLabels } from "@renograde/core";
import type { Network, TargetName } from "@renograde/nn";
import { TARGET_KINDS, type TargetArray, writeCentre } from "./target-kinds.js";
import type { Patch } from "./windows.js";

/** What the samples of a network look like. Plain data: it is handed to worker threads. */
export interface SamplePlan {
  /** Side of the images, px. */
  readonly crop: number;
  /** Side of the targets, px: the centre of the crop. */
  readonly output: number;
  readonly targets: readonly TargetName[];
  readonly classes: ClassScheme;
  /** Pixels eroded from every nucleus. */
  readonly erodeBoundary: number;
}

/** The samples of `network` on crops of `data.crop` px. */
export function samplePlan(
  network: Pick<Network, "geometry" | "targets" | "options">,
  data: { readonly crop: number; readonly erodeBoundary: number },
): SamplePlan {
  return {
    crop: data.crop,
    output: data.crop - network.geometry.rim,
    targets: network.targets,
    classes: network.options.classes,
    erodeBoundary: data.erodeBoundary,
  };
}

/** Arrays of one batch, filled again for every step. Class ids are bytes. */
export interface Batch {
  /** Patches it has room for. */
  readonly size: number;
  readonly plan: SamplePlan;
  /** `[N, 3, crop, crop]`, RGB bytes; the network gets them divided by 255. */
  readonly images: Uint8Array;
  /** `[N, output, output]`, ids of the prepared instances, for scores. */
  readonly instances: Int32Array;
  /** Those of the plan, and always `classes`; shapes by {@link TARGET_KINDS}. */
  readonly targets: ReadonlyMap<TargetName, TargetArray>;
}

function allocate(element: "uint8" | "int32" | "float32", length: number): TargetArray {
  const memory = new SharedArrayBuffer(length * (element === "uint8" ? 1 : 4));
  if (element === "uint8") return new Uint8Array(memory);
  return element === "int32" ? new Int32Array(memory) : new Float32Array(memory);
}

function volume(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Creates the arrays of a batch of `size` samples, in memory that threads share. */
export function createBatch(size: number, plan: SamplePlan): Batch {
  const { crop, output } = plan;
  const names = new Set<TargetName>([...plan.targets, "classes"]);
  return {
    size,
    plan,
    images: allocate("uint8", size * 3 * crop * crop) as Uint8Array,
    instances: allocate("int32", size * output * output) as Int32Array,
    targets: new Map(
      [...names].map((name) => {
        const { element, shape } = TARGET_KINDS[name];
        return [name, allocate(element, volume(shape(size, output)))];
      }),
    ),
  };
}

/** Samples `from` … `to` of a target, without copying. @throws TypeError when the batch lacks it */
export function targetPart(batch: Batch, name: TargetName, from: number, to: number): TargetArray {
  const array = batch.targets.get(name);
  if (array === undefined) throw new TypeError(`the batch has no target "${name}"`);
  const each = array.length / batch.size;
  return array.subarray(from * each, to * each);
}

/** Class ids of all samples, `[N, output, output]`. */
export function batchClasses(batch: Batch): Uint8Array {
  return targetPart(batch, "classes", 0, batch.size) as Uint8Array;
}

/**
 * Writes one augmented crop into place `slot` of a batch: labels are prepared on the whole crop (mirrored copies
 * split, every nucleus eroded), then targets made and cut to the central output.
 */
export function writeSample(batch: Batch, slot: number, patch: Patch): void {
  const { crop, output, classes, erodeBoundary } = batch.plan;
  const size = 3 * crop * crop;
  splitChannels(patch.rgb, batch.images.subarray(slot * size, (slot + 1) * size));
  const map = <A>(data: A) => ({ width: crop, height: crop, data });
  const labels = prepareLabels(
    { instances: map(patch.instances), classes: map(patch.classes), distances: map(patch.distance) },
    erodeBoundary,
  );
  const sample = { labels, crop, output };
  const pixels = output * output;
  writeCentre(batch.instances.subarray(slot * pixels, (slot + 1) * pixels), labels.instances.data, sample);
  for (const name of batch.targets.keys()) {
    TARGET_KINDS[name].write(targetPart(batch, name, slot, slot + 1), sample, classes);
  }
}

/** Interleaved bytes as one plane per channel. */
function splitChannels(rgb: Uint8Array, planes: Uint8Array): void {
  const plane = planes.length / 3;
  const red = planes.subarray(0, plane);
  const green = planes.subarray(plane, 2 * plane);
  const blue = planes.subarray(2 * plane);
  for (let i = 0, at = 0; i < plane; i++, at += 3) {
    red[i] = rgb[at]!;
    green[i] = rgb[at + 1]!;
    blue[i] = rgb[at + 2]!;
  }
}
