/**
 * Mask R-CNN on a ResNet-50 with feature pyramid (He et al. 2017; spec/baselines.md §4).
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, UsageError } from "@renograde/core";
import type { Backend } from "../../backend.js";
import { type FreezeOptions, NOT_FROZEN } from "../freeze.js";
import type { Network, TrainingOutputs } from "../network.js";
import type { ResolvedNetOptions } from "../options.js";
import { detect } from "./detect.js";
import { featurePyramid, pyramidChannels } from "./feature-pyramid.js";
import { boxHead, classCount, maskHead } from "./heads.js";
import { maskRcnnLoss } from "./loss.js";
import { poolRegions, sortRegions } from "./region-features.js";
import { scoreAnchors } from "./region-proposals.js";
import { BOX_CELLS, MASK_CELLS, MASK_SIDE } from "./settings.js";

/** Mask R-CNN with its options. */
export function createMaskRcnn(name: string, options: ResolvedNetOptions): Network {
  return {
    name,
    options,
    geometry: { window: 512, output: 512, kept: 384, step: 32, rim: 0 },
    outputs: [
      {
        name: "detections",
        channels: [
          { kind: "box" },
          { kind: "score" },
          { kind: "label" },
          { kind: "probabilities", count: classCount(options) },
          { kind: "mask", side: MASK_SIDE },
        ],
        stride: 1,
      },
    ],
    post: { ...DEFAULT_POST_OPTIONS, method: "detections", threshold: 127, minArea: 9 },
    targets: ["instances", "classes"],
    isFrozen: (parameter, scope) => scope !== "none" && parameter.startsWith("encoder."),
    train: (F, image, freeze = NOT_FROZEN) => forward(F, image, options, freeze),
    loss: (F, image, targets, settings = {}) => maskRcnnLoss(F, image, targets, options, settings),
    infer: () => {
      throw new UsageError(`${name} finds objects, it has no maps; call detect() instead of infer()`);
    },
    detect: (F, image) => detect(F, image, options),
  };
}

/**
 * Declares every parameter: the parts that read the image, and both heads on one region. What is learned from regions
 * is decided in the loss, so there are no outputs to look at.
 */
function forward<T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  freeze: FreezeOptions,
): TrainingOutputs<T> {
  const pyramid = featurePyramid(F, image, net, freeze);
  scoreAnchors(F.scope("rpn"), pyramid, pyramidChannels(net));
  const { levels } = sortRegions(F, [{ image: 0, box: [0, 0, 32, 32] }]);
  boxHead(F.scope("boxHead"), poolRegions(F, pyramid, levels, BOX_CELLS), net);
  maskHead(F.scope("maskHead"), poolRegions(F, pyramid, levels, MASK_CELLS), net);
  return { classStride: 1 };
}
