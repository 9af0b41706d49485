/**
 * Predictions of networks that find objects, as the maps that scores and post-processing read.
 *
 * @module
 */
import { paintDetectionMaps } from "@renograde/core";
import { parseDetections } from "@renograde/formats";
import type { Backend, Network } from "@renograde/nn";
import { type Tensor, tidy } from "@renograde/torch";

/**
 * Paints what `network` finds in each image of a batch.
 *
 * @param image gives image `i` of the batch, `[1, 3, side, side]`
 * @returns `[count, K+3, side, side]`, channels of `paintDetectionMaps`
 */
export function predictDetections(
  network: Network & Required<Pick<Network, "detect">>,
  F: Backend<Tensor>,
  image: (i: number) => Tensor,
  count: number,
  side: number,
): Float32Array {
  const output = network.outputs.find((candidate) => candidate.name === "detections")!;
  const classes = network.options.classes.classes.length;
  const pixels = network.post.minArea + 1;
  const size = { width: side, height: side };
  const each = (classes + 3) * side * side;
  const maps = new Float32Array(count * each);
  for (let i = 0; i < count; i++) {
    const values = tidy(() => network.detect(F, image(i)).toFloat32Array());
    const detections = parseDetections(values, output.channels);
    maps.set(paintDetectionMaps(detections, size, { classes, pixels }).data, i * each);
  }
  return maps;
}
