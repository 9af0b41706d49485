/**
 * A nucleus as grading finds it and every export, report and page shows it.
 *
 * @module
 */

/** One segmented and typed nucleus. Pixel coordinates are those of the image the label map belongs to. */
export interface Nucleus {
  /** Value in the label map, 1…n. */
  readonly id: number;
  /** Class id of the model's scheme, 1…; 0 = no type (only with `post.voteBackground`). */
  readonly type: number;
  /** Share of the nucleus' pixels that voted for {@link type}, 0…1. */
  readonly typeProbability: number;
  /** Mean softmax over the nucleus' pixels, background first; sums to 1. */
  readonly classProbabilities: readonly number[];
  /** Mean softmax of the 100x and of the 400x task over the pixels, background first, where the model gives them. */
  readonly taskProbabilities?: readonly [readonly number[], readonly number[]];
  /** Rows and columns `[rowMin, colMin, rowMax, colMax]`, maxima exclusive. */
  readonly bbox: readonly [number, number, number, number];
  /** Mean pixel coordinate (x, y); the centre of the top-left pixel is (0, 0). */
  readonly centroid: readonly [number, number];
  readonly areaPx: number;
  readonly areaUm2: number;
  readonly perimeterUm: number;
  /** Of the ellipse with the same second moments, 0 (circle) … 1. */
  readonly eccentricity: number;
  readonly majorAxisUm: number;
  readonly minorAxisUm: number;
  /** Area over area of the convex hull, 0…1. */
  readonly solidity: number;
  /** Mean haematoxylin optical density (colour deconvolution of Ruifrok and Johnston). */
  readonly haematoxylinMean: number;
}
