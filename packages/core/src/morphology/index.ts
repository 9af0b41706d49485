/**
 * Morphology: components, distances, reconstruction, watershed, and the way from maps to typed instances.
 *
 * @module
 */
export { dilateCross, fillHoles, openByEllipse } from "./binary.js";
export { borderWeights } from "./border-weights.js";
export { compactLabels, removeSmall, separateTouching } from "./clean-labels.js";
export { type DistanceMetric, distanceTransform } from "./distance-transform.js";
export { hMinimaMarkers } from "./h-minima.js";
export {
  type DistanceNorm,
  type InstanceDistanceOptions,
  instanceDistanceBytes,
  instanceDistanceMap,
  instancePixelDistances,
} from "./instance-distance.js";
export { type LabelBoxes, labelBoxes } from "./label-boxes.js";
export { type Connectivity, type LabelledMap, labelComponents, labelRegions } from "./label-components.js";
export { erodeInstances, prepareLabels, type SampleLabels, splitParts } from "./prepare-labels.js";
export { reconstructByErosion } from "./reconstruct.js";
export { segmentByComponents } from "./segment-components.js";
export { type HoverMaps, type HoverSegmentOptions, segmentByOffsets } from "./segment-hover.js";
export { mapNames, mapToBytes, segmentNuclei } from "./segment-nuclei.js";
export {
  type DistanceSegmentOptions,
  segmentByDistance,
  segmentByWatershed,
  type WatershedOptions,
} from "./segment-watershed.js";
export { averagePlanes, type TypeVotes, voteTypes } from "./vote-types.js";
export { watershed } from "./watershed.js";
export { Workspace } from "./workspace.js";
