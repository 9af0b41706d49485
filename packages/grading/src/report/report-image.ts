/**
 * One graded image as the report embeds it.
 *
 * @module
 */
import { type ClassScheme, gradeIds, labelPolygons, type NetworkMaps, type Nucleus } from "@renograde/core";
import type { GradedImage } from "../graded-image.js";
import { cssColor, mergedColor, reportClasses } from "./colors.js";
import { rankFields } from "./fields.js";
import type { ReportImage, ReportNuclei, ReportPayload, ReportTask } from "./payload.js";

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const percentages = (shares: readonly number[]): number[] => shares.slice(1).map((p) => Math.round(100 * p));

/** Class ids that a task's channel (1…) merges. */
function merged(scheme: ClassScheme, task: 0 | 1, channel: number): number[] {
  return scheme.tasks[task].merge.flatMap((target, id) => (id > 0 && target === channel ? [id] : []));
}

/** Classes and tasks as the report names and colours them. */
export function reportPayload(scheme: ClassScheme): ReportPayload {
  const classes = reportClasses(scheme);
  const tasks = ([0, 1] as const).map((t): ReportTask => {
    const channels = Math.max(...scheme.tasks[t].merge);
    const ids = Array.from({ length: channels }, (_, k) => merged(scheme, t, k + 1));
    return {
      title: scheme.tasks[t].name,
      labels: ids.map((group) => group.map((id) => scheme.classes[id - 1]!.short).join("+")),
      colors: ids.map((group) => cssColor(mergedColor(classes, group))),
    };
  });
  return { classes, tasks };
}

function columns(graded: GradedImage): ReportNuclei {
  const polygons = labelPolygons(graded.labels);
  const { nuclei } = graded;
  const column = (pick: (n: Nucleus) => number): number[] => nuclei.map(pick);
  return {
    id: column((n) => n.id),
    type: column((n) => n.type),
    typeProbability: column((n) => round(n.typeProbability, 3)),
    x: column((n) => round(n.centroid[0] + 0.5, 1)),
    y: column((n) => round(n.centroid[1] + 0.5, 1)),
    areaUm2: column((n) => round(n.areaUm2, 2)),
    eccentricity: column((n) => round(n.eccentricity, 3)),
    majorAxisUm: column((n) => round(n.majorAxisUm, 2)),
    haematoxylin: column((n) => round(n.haematoxylinMean, 3)),
    classes: nuclei.map((n) => percentages(n.classProbabilities)),
    tasks: nuclei.flatMap((n) => {
      const [far, near] = n.taskProbabilities ?? [];
      return far && near ? [[percentages(far), percentages(near)] as const] : [];
    }),
    rings: nuclei.map((n) =>
      (polygons.get(n.id) ?? []).flatMap((part) => [part.exterior, ...part.holes].map(steps)),
    ),
  };
}

/** A closed ring as its first point and the steps from point to point; the closing point is left out. */
function steps(ring: ArrayLike<number>): number[] {
  const result = [ring[0]!, ring[1]!];
  for (let i = 2; i + 3 < ring.length; i += 2)
    result.push(ring[i]! - ring[i - 2]!, ring[i + 1]! - ring[i - 1]!);
  return result;
}

/** A task map as a transparent layer: the colour of the most probable class, as opaque as it is probable. */
export function taskLayer(
  scheme: ClassScheme,
  task: 0 | 1,
  maps: NetworkMaps,
): { width: number; height: number; rgba: Uint8Array } {
  const { width, height, data } = maps;
  const first = task === 0 ? 0 : Math.max(...scheme.tasks[0].merge) + 1;
  const channels = Math.max(...scheme.tasks[task].merge);
  const classes = reportClasses(scheme);
  const colors = Array.from({ length: channels }, (_, k) =>
    mergedColor(classes, merged(scheme, task, k + 1)),
  );
  const pixels = width * height;
  const rgba = new Uint8Array(4 * pixels);
  for (let p = 0; p < pixels; p++) {
    let best = 0;
    let top = 0;
    for (let k = 1; k <= channels; k++) {
      const value = data[(first + k) * pixels + p]!;
      if (value > top) {
        top = value;
        best = k;
      }
    }
    // Where background wins the layer stays clear, so that the tissue is seen.
    if (best === 0 || top <= data[first * pixels + p]!) continue;
    const color = colors[best - 1]!;
    rgba[4 * p] = color[0];
    rgba[4 * p + 1] = color[1];
    rgba[4 * p + 2] = color[2];
    // Sixteen steps of opacity keep the palette exact.
    rgba[4 * p + 3] = Math.round(top * 12) * 15;
  }
  return { width, height, rgba };
}

/**
 * Collects what the report shows of one image.
 *
 * @param picture - data URI of the picture
 * @param taskLayers - data URIs of the two task layers, or none
 */
export function reportImage(
  name: string,
  graded: GradedImage,
  picture: string,
  taskLayers: readonly string[],
): ReportImage {
  const { width, height, pixelSize, timing } = graded;
  const size = { width, height, mpp: pixelSize.mpp };
  return {
    name,
    width,
    height,
    mpp: round(pixelSize.mpp, 6),
    mppSource: pixelSize.source,
    picture,
    taskLayers,
    nuclei: columns(graded),
    fields: rankFields(size, graded.nuclei, graded.classes.classes.length, gradeIds(graded.classes)),
    elapsedMs: Math.round(timing.resampleMs + timing.inferenceMs + timing.postprocessMs),
  };
}
