/**
 * From the network's maps to labels and nuclei: segmentation and votes on the maps, geometry and stain on the
 * image they belong to (spec/postprocessing.md §2 to §6).
 *
 * @module
 */
import {
  averagePlanes,
  type ClassScheme,
  compactLabels,
  type InstanceMethod,
  type LabelMap,
  mapNames,
  meanHaematoxylin,
  type NetworkMaps,
  type Nucleus,
  type PostOptions,
  type RgbImage,
  regionProperties,
  ShapeError,
  segmentNuclei,
  type TypeVotes,
  taskChannels,
  voteTypes,
} from "@renograde/core";
import type { OutputChannel } from "@renograde/formats";
import { resampleLabels } from "@renograde/slides";

/** What {@link assembleNuclei} works on. */
export interface AssemblyInput {
  /** Channels `[p0 … pK]`, then those of the post-processing's method (`mapNames`). */
  readonly maps: NetworkMaps;
  /** Softmax of both tasks, task 1 first, at half resolution. */
  readonly tasks?: NetworkMaps;
  readonly classes: ClassScheme;
  readonly post: PostOptions;
  /** Size the labels get, where it differs from the maps' (the image was resampled for the network). */
  readonly size?: { readonly width: number; readonly height: number };
  /** Micrometres per pixel at that size. */
  readonly mpp: number;
  /** The image at that size; without it the haematoxylin density of every nucleus is NaN. */
  readonly image?: RgbImage;
}

/** Labels 1 … n and a nucleus for each. */
export interface Assembly {
  readonly labels: LabelMap;
  readonly nuclei: readonly Nucleus[];
  /** Nuclei by type id; entry 0 counts those without a type. */
  readonly counts: readonly number[];
}

/** Task outputs are half as wide and high as the maps. */
const TASK_STRIDE = 2;

/**
 * Segments and types the nuclei of one image. Labels are brought to the image's size by their nearest pixel; a
 * nucleus that is smaller than a pixel there is left out.
 *
 * @throws ShapeError when channels or sizes do not fit, DataError when a map holds NaN
 */
export function assembleNuclei(input: AssemblyInput): Assembly {
  const { maps, classes, post } = input;
  const segmented = segmentNuclei(maps, classes, post).labels;
  const votes = voteTypes(segmented, maps, post);
  const taskMeans = input.tasks && averageTasks(segmented, input.tasks, classes);

  const { width, height } = input.size ?? maps;
  const resized = resampleLabels(segmented, width, height);
  const labels = compactLabels(resized);
  // Label of the segmentation for each final label.
  const source = new Int32Array(labels.count + 1);
  for (let p = 0; p < labels.data.length; p++) source[labels.data[p]!] = resized.data[p]!;

  const nuclei = describeNuclei(labels, source, votes, input, taskMeans);
  const counts = new Array<number>(classes.classes.length + 1).fill(0);
  for (const nucleus of nuclei) counts[nucleus.type]!++;
  return { labels: { width, height, data: labels.data }, nuclei, counts };
}

function describeNuclei(
  labels: LabelMap & { readonly count: number },
  source: Int32Array,
  votes: TypeVotes,
  input: AssemblyInput,
  taskMeans: TaskMeans | undefined,
): Nucleus[] {
  const { mpp } = input;
  const region = regionProperties(labels);
  const stain = input.image && meanHaematoxylin(labels, input.image);
  const nuclei: Nucleus[] = [];
  for (let id = 1; id <= labels.count; id++) {
    const label = source[id]!;
    const first = label * votes.channels;
    const [rowMin, colMin, rowMax, colMax] = region.boxes.subarray(4 * id, 4 * id + 4);
    nuclei.push({
      id,
      type: votes.types[label]!,
      typeProbability: votes.shares[label]!,
      classProbabilities: [...votes.classProbabilities.subarray(first, first + votes.channels)],
      ...(taskMeans && { taskProbabilities: taskMeans(label) }),
      bbox: [rowMin!, colMin!, rowMax!, colMax!],
      centroid: [region.centroidX[id]!, region.centroidY[id]!],
      areaPx: region.area[id]!,
      areaUm2: region.area[id]! * mpp * mpp,
      perimeterUm: region.perimeter[id]! * mpp,
      eccentricity: region.eccentricity[id]!,
      majorAxisUm: region.majorAxis[id]! * mpp,
      minorAxisUm: region.minorAxis[id]! * mpp,
      solidity: region.solidity[id]!,
      haematoxylinMean: stain ? stain[id]! : Number.NaN,
    });
  }
  return nuclei;
}

/** Mean softmax of both tasks for a label of the segmentation. */
type TaskMeans = (label: number) => readonly [number[], number[]];

function averageTasks(labels: LabelMap, tasks: NetworkMaps, classes: ClassScheme): TaskMeans {
  const [first, second] = classes.tasks.map(taskChannels) as [number, number];
  if (tasks.channels !== first + second) {
    throw new ShapeError(
      `task maps have ${tasks.channels} channels, but the tasks of class scheme "${classes.name}" need ${first} + ${second}`,
    );
  }
  const means = averagePlanes(labels, tasks, TASK_STRIDE);
  return (label) => {
    const at = label * tasks.channels;
    return [[...means.subarray(at, at + first)], [...means.subarray(at + first, at + first + second)]];
  };
}

/**
 * Brings the channels of a model's `maps` output into the order post-processing reads: `[p0 … pK]`, then what
 * `mapNames` of the method lists. A missing nucleus channel is the sum of p1 … pK (spec/postprocessing.md §6); a missing
 * distance channel is zero, which the method `components` does not read.
 *
 * @throws ShapeError when a class or an offset has no channel
 */
export function orderMaps(
  maps: NetworkMaps,
  channels: readonly OutputChannel[],
  classes: ClassScheme,
  method: InstanceMethod,
): NetworkMaps {
  const count = classes.classes.length;
  const find = (name: string): number => channels.findIndex((channel) => channelName(channel) === name);
  const names = [...Array.from({ length: count + 1 }, (_, id) => `class ${id}`), ...mapNames(method)];
  const order = names.map(find);
  const missing = names.find((name, i) => order[i] === -1 && name !== "nucleus" && name !== "distance");
  if (missing !== undefined) {
    throw new ShapeError(
      `the model's maps have no channel for ${missing}, which post.method ${method} needs`,
    );
  }
  if (order.length === maps.channels && order.every((from, to) => from === to)) return maps;
  const plane = maps.width * maps.height;
  const data = new Float32Array(order.length * plane);
  for (const [to, from] of order.entries()) {
    if (from >= 0) data.set(maps.data.subarray(from * plane, (from + 1) * plane), to * plane);
  }
  if (order[count + 1] === -1) {
    for (let p = 0; p < plane; p++) {
      let sum = 0;
      for (let c = 1; c <= count; c++) sum += data[c * plane + p]!;
      data[(count + 1) * plane + p] = sum;
    }
  }
  return { width: maps.width, height: maps.height, channels: order.length, data };
}

/** `class 0`, `nucleus`, `distance`, `offset x`, … */
function channelName(channel: OutputChannel): string {
  if (channel.kind === "class") return `class ${channel.id}`;
  return channel.kind === "offset" ? `offset ${channel.axis}` : channel.kind;
}
