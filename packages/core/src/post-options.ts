/**
 * Options of the way from maps to nuclei, named as in spec/postprocessing.md; stored in every model file.
 *
 * @module
 */

/** Names of {@link InstanceMethod}. */
export const INSTANCE_METHODS = ["watershed", "distance", "components", "hover-net", "detections"] as const;

/**
 * How instances are found: §3 (`watershed`: binary and distance map), §4 (`distance`: a distance in pixels alone), §6
 * (`components`: no distance map), §7 (`hover-net`: offset maps) or §8 (`detections`: boxes with masks, painted).
 */
export type InstanceMethod = (typeof INSTANCE_METHODS)[number];

/** Rule for equal keys in the flood, spec/postprocessing.md §3.1. */
export type WatershedTies = "skimage-legacy" | "skimage-0.25.2" | "component";

/** Every constant of post-processing. */
export interface PostOptions {
  readonly method: InstanceMethod;
  /** Depth of the h-minima, 0…255 (§3 step 3). */
  readonly h: number;
  /**
   * Bytes above this are nucleus, 0…255 (§3 step 1); for `distance`, pixels of distance (§4); for
   * `detections`, scores of at least (threshold + 1) / 256 count (§8).
   */
  readonly threshold: number;
  /** Nuclei of at most this many pixels are removed (§3 step 9). */
  readonly minArea: number;
  /** Let background win the vote of a pixel (§5 rule 3). */
  readonly voteBackground: boolean;
  /** Give mask components without a marker an id of their own (§3). */
  readonly keepUnmarked: boolean;
  /** Background is the value 0 rather than the most frequent value (§3 step 7). */
  readonly backgroundIsZero: boolean;
  readonly watershedTies: WatershedTies;
  /** Pixels of dilation after `components` (§6 step 5). */
  readonly dilate: number;
}

/** The published constants of CHR-Net. */
export const DEFAULT_POST_OPTIONS: PostOptions = {
  method: "watershed",
  h: 150,
  threshold: 40,
  minArea: 10,
  voteBackground: false,
  keepUnmarked: false,
  backgroundIsZero: true,
  watershedTies: "skimage-legacy",
  dilate: 0,
};
