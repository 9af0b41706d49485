/**
 * Panoptic quality of validation patches: the network's maps through the whole post-processing, against the
 * prepared labels (`train.evalPq`, spec/training.md §9, spec/metrics.md §4, §5).
 *
 * @module
 */
import {
  type ClassScheme,
  evaluateImage,
  type ImageMetrics,
  majorityTypes,
  type NetworkMaps,
  type PostOptions,
  segmentNuclei,
  summarize,
  type TypedLabels,
  voteTypes,
} from "@renograde/core";
import { mapChannels } from "@renograde/formats";
import type { Network } from "@renograde/nn";

/** Means over the patches of a validation set. */
export interface QualityScores {
  readonly validPq: number;
  /** Mean over the classes that occur; the PQ itself for a scheme of one class. */
  readonly validApq: number;
}

/** Collects patches. */
export interface QualityKeeper {
  /**
   * Adds the first patches of a batch.
   *
   * @param maps - `[N, channels, H, W]`, class probabilities, nucleus probability, distance, …
   * @param instances - `[N, H, W]`
   * @param classes - `[N, H, W]`
   * @returns the PQ of each of these patches; NaN where there is no nucleus and none was found
   */
  add(maps: Float32Array, instances: Int32Array, classes: Uint8Array, patches: number): number[];
  scores(): QualityScores;
}

/** The nuclei that post-processing finds in one patch's maps. */
export function predictedNuclei(maps: NetworkMaps, scheme: ClassScheme, post: PostOptions): TypedLabels {
  const { labels } = segmentNuclei(maps, scheme, post);
  const { types } = voteTypes(labels, maps, post);
  return { labels, types: new Map(Array.from(types, (type, id) => [id, type])) };
}

/** The nuclei of one patch's prepared labels; `instances` and `classes` are squares of `side` px. */
export function trueNuclei(instances: Int32Array, classes: Uint8Array, side: number): TypedLabels {
  const labels = { width: side, height: side, data: instances };
  return { labels, types: majorityTypes(labels, { width: side, height: side, data: classes }).types };
}

/** Starts a collection for outputs of `side` px. */
export function createQualityKeeper(
  network: Pick<Network, "outputs" | "options">,
  post: PostOptions,
  side: number,
): QualityKeeper {
  const scheme = network.options.classes;
  const channels = mapChannels(network.outputs)?.length ?? 0;
  const pixels = side * side;
  const images: ImageMetrics[] = [];

  return {
    add(maps, instances, classes, patches) {
      for (let n = 0; n < patches; n++) {
        const [from, to] = [n * pixels, (n + 1) * pixels];
        const patch = {
          width: side,
          height: side,
          channels,
          data: maps.subarray(from * channels, to * channels),
        };
        const truth = trueNuclei(instances.slice(from, to), classes.slice(from, to), side);
        images.push(evaluateImage(truth, predictedNuclei(patch, scheme, post), scheme));
      }
      return images.slice(-patches).map(({ pq }) => pq);
    },
    scores() {
      const { pq, apq } = summarize(images, scheme);
      return { validPq: pq, validApq: apq };
    },
  };
}
