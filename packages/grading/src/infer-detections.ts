/**
 * From an image to the objects a network finds in it: each is kept by the one window whose kept centre holds the centre
 * of its box (spec/postprocessing.md §1, §8).
 *
 * @module
 */
import {
  type Detection,
  EngineError,
  type NetworkMaps,
  paintDetectionMaps,
  type RgbImage,
  UsageError,
} from "@renograde/core";
import { type ModelMetadata, type ModelOutput, parseDetections } from "@renograde/formats";
import type { InferOptions } from "./infer.js";
import { runWindows } from "./run-windows.js";
import type { InferenceSession } from "./session.js";
import { NO_FLIP, planWindows, type WindowPlan } from "./window-plan.js";

/**
 * Runs a network of detections over an image and paints what it finds into maps `[p0 … pK, nucleus, instance]`.
 *
 * @param output the model's output `detections`
 * @throws UsageError for `flipTTA`: objects of mirrored images have no mean; else as `inferMaps`
 */
export async function inferDetections(
  image: RgbImage,
  session: InferenceSession,
  metadata: ModelMetadata,
  output: ModelOutput,
  options: InferOptions,
): Promise<NetworkMaps> {
  if (options.flipTTA) {
    throw new UsageError(
      `infer.flipTTA: model "${metadata.name}" finds objects, which have no mean over mirrored images; leave it off`,
    );
  }
  if (session.batch !== 1) {
    throw new EngineError(
      `model "${metadata.name}" takes one window at a time, but the session has batches of ${session.batch}; export the model again`,
    );
  }
  const plan = planWindows(image.width, image.height, metadata, options.step);
  const kept: Detection[] = [];
  const { inputScale } = metadata;
  await runWindows({ ...options, image, plan, session, inputScale, flips: [NO_FLIP] }, (batch) => {
    const values = batch.output.detections;
    if (values === undefined) throw new EngineError('output "detections": the session returned nothing');
    const found = parseDetections(values, output.channels);
    kept.push(...keepCentre(found, plan, batch.windows[0]!.index));
  });
  const classes = metadata.classes.classes.length;
  return paintDetectionMaps(kept, image, { classes, pixels: metadata.post.minArea + 1 });
}

/** Detections of window `k` whose boxes have their centres in its kept block, in image coordinates. */
function keepCentre(found: readonly Detection[], plan: WindowPlan, k: number): Detection[] {
  const left = (k % plan.columns) * plan.kept;
  const top = Math.floor(k / plan.columns) * plan.kept;
  const right = Math.min(left + plan.kept, plan.width);
  const bottom = Math.min(top + plan.kept, plan.height);
  const [dx, dy] = [left - plan.margin, top - plan.margin];
  return found.flatMap((detection) => {
    const [x1, y1, x2, y2] = detection.box;
    const box = [x1 + dx, y1 + dy, x2 + dx, y2 + dy] as const;
    const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    return x >= left && x < right && y >= top && y < bottom ? [{ ...detection, box }] : [];
  });
}
