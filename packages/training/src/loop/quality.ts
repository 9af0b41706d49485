/**
 * Panoptic quality of validation patches: the network's maps through the whole post-processing, against the
 * prepared labels (`train.evalPq`, spec/training.md §9, spec/metrics.md §4, §5).
 *
 * @module
 */
import {
  evaluateImage,
  type ImageMetrics,
  majorityTypes,
  type PostOptions,
  segmentNuclei,
  summarize,
  type TypedLabels,
  voteTypes,
} from "@renograde/core";
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
   */
  add(maps: Float32Array, instances: Int32Array, classes: ArrayLike<number>, patches: number): void;
  scores(): QualityScores;
}

/** Starts a collection for outputs of `side` px. */
export function createQualityKeeper(
  network: Pick<Network, "outputs" | "options">,
  post: PostOptions,
  side: number,
): QualityKeeper {
  const scheme = network.options.classes;
  const { length: channels } = network.outputs.find((output) => output.name === "maps")!.channels;
  const pixels = side * side;
  const images: ImageMetrics[] = [];

  function predicted(data: Float32Array): TypedLabels {
    const maps = { width: side, height: side, channels, data };
    const { labels } = segmentNuclei(maps, scheme, post);
    const { types } = voteTypes(labels, maps, post);
    return { labels, types: new Map(Array.from(types, (type, id) => [id, type])) };
  }

  return {
    add(maps, instances, classes, patches) {
      for (let n = 0; n < patches; n++) {
        const labels = {
          width: side,
          height: side,
          data: instances.slice(n * pixels, (n + 1) * pixels),
        };
        const map = {
          width: side,
          height: side,
          data: Uint8Array.from({ length: pixels }, (_, i) => classes[n * pixels + i]!),
        };
        const truth = { labels, types: majorityTypes(labels, map).types };
        const values = maps.subarray(n * channels * pixels, (n + 1) * channels * pixels);
        images.push(evaluateImage(truth, predicted(values), scheme));
      }
    },
    scores() {
      const { pq, apq } = summarize(images, scheme);
      return { validPq: pq, validApq: apq };
    },
  };
}
