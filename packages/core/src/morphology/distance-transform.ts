/**
 * Exact distance transforms.
 *
 * @module
 */
import type { BinaryMap, FloatMap } from "../raster.js";
import { Workspace } from "./workspace.js";

/** Euclidean, or chessboard: max(|dx|, |dy|). */
export type DistanceMetric = "euclidean" | "chessboard";

/**
 * Distance from every pixel that is not 0 to the centre of the nearest pixel that is 0; 0 on those. What lies
 * outside the image is not background: near the frame distances keep growing towards it. Infinity everywhere when
 * no pixel is 0. (`scipy.ndimage.distance_transform_edt` and `distance_transform_cdt`.)
 */
export function distanceTransform(
  mask: BinaryMap,
  metric: DistanceMetric = "euclidean",
  workspace = new Workspace(),
): FloatMap {
  const { width, height } = mask;
  const distances = workspace.float64("distance.out", width * height);
  transformDistances(mask.data, width, height, metric, distances, workspace);
  return { width, height, data: Float32Array.from(distances) };
}

/** {@link distanceTransform} of `mask` into `target` in float64, both `width * height` long. */
export function transformDistances(
  mask: Uint8Array,
  width: number,
  height: number,
  metric: DistanceMetric,
  target: Float64Array,
  workspace: Workspace,
): void {
  if (metric === "chessboard") chessboard(mask, width, height, target);
  else euclidean(mask, width, height, target, workspace);
}

/** Two sweeps of min(neighbour + 1) over the 8-neighbourhood are exact for the chessboard metric. */
function chessboard(mask: Uint8Array, width: number, height: number, target: Float64Array): void {
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? Infinity : target[y * width + x]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const near = Math.min(at(x - 1, y), at(x - 1, y - 1), at(x, y - 1), at(x + 1, y - 1));
      target[y * width + x] = mask[y * width + x] === 0 ? 0 : near + 1;
    }
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      const near = Math.min(at(x + 1, y), at(x + 1, y + 1), at(x, y + 1), at(x - 1, y + 1));
      target[y * width + x] = Math.min(target[y * width + x]!, near + 1);
    }
  }
}

/**
 * Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions (2012): distances along columns, then the
 * lower envelope of one parabola per column along each row. Squared distances are integers, so the float64
 * arithmetic is exact but for the final square root.
 */
function euclidean(
  mask: Uint8Array,
  width: number,
  height: number,
  target: Float64Array,
  workspace: Workspace,
): void {
  for (let x = 0; x < width; x++) {
    let d = Infinity;
    for (let y = 0, p = x; y < height; y++, p += width) {
      d = mask[p] === 0 ? 0 : d + 1;
      target[p] = d;
    }
    d = Infinity;
    for (let y = height - 1, p = y * width + x; y >= 0; y--, p -= width) {
      d = mask[p] === 0 ? 0 : d + 1;
      if (d < target[p]!) target[p] = d;
    }
  }
  const squares = workspace.float64("euclidean.squares", width);
  const bounds = workspace.float64("euclidean.bounds", width + 1);
  const centres = workspace.int32("euclidean.centres", width);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let n = 0;
    for (let x = 0; x < width; x++) {
      const f = target[row + x]! ** 2;
      squares[x] = f;
      if (f === Infinity) continue;
      let from = -Infinity;
      while (n > 0) {
        const c = centres[n - 1]!;
        from = (f + x * x - (squares[c]! + c * c)) / (2 * (x - c));
        if (from > bounds[n - 1]!) break;
        n--;
        from = -Infinity;
      }
      centres[n] = x;
      bounds[n] = from;
      n++;
    }
    if (n === 0) continue; // the whole row is at infinity
    bounds[n] = Infinity;
    for (let x = 0, k = 0; x < width; x++) {
      while (bounds[k + 1]! < x) k++;
      const c = centres[k]!;
      target[row + x] = Math.sqrt((x - c) * (x - c) + squares[c]!);
    }
  }
}
