/**
 * Detections as maps, so that they take the same way through post-processing, exports and reports as other networks'
 * maps (spec/postprocessing.md §8).
 *
 * @module
 */
import type { NetworkMaps } from "../raster.js";
import { type Detection, paintDetections } from "./paint-detections.js";

/**
 * Paints all detections, whatever their score, into maps `[p0 … pK, nucleus, instance]`: class probabilities
 * (background 1 where there is nothing), score, and number of the instance from 1 by falling score, 0 where there is
 * nothing. Instances below a score can be taken away afterwards: they took no pixel of a better one.
 *
 * @param classes K
 * @param pixels an instance must keep at least this many
 */
export function paintDetectionMaps(
  detections: readonly Detection[],
  size: { readonly width: number; readonly height: number },
  { classes, pixels }: { readonly classes: number; readonly pixels: number },
): NetworkMaps {
  const { width, height } = size;
  const plane = width * height;
  const channels = classes + 3;
  const data = new Float32Array(channels * plane);
  const { labels, detections: painted } = paintDetections(detections, size, { score: 0, pixels });
  for (let p = 0; p < plane; p++) {
    const id = labels.data[p]!;
    const detection = painted[id - 1];
    if (detection === undefined) {
      data[p] = 1;
      continue;
    }
    for (let c = 0; c <= classes; c++) data[c * plane + p] = detection.probabilities[c]!;
    data[(classes + 1) * plane + p] = detection.score;
    data[(classes + 2) * plane + p] = id;
  }
  return { width, height, channels, data };
}
