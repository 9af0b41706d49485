/**
 * A graded image as a MATLAB v5 file with HoVer-Net's variables (spec/postprocessing.md §10).
 *
 * @module
 */
import { encodeMat5, type Mat5Char, type Mat5Numeric } from "@renograde/formats";
import type { GradedImage } from "../graded-image.js";
import { describeModel } from "./describe-model.js";

/**
 * Writes `inst_map` (H × W int32), `inst_type` (N × 1 int32), `inst_centroid` (N × 2 double, x then y),
 * `type_map` (H × W int32), `mpp`, `mpp_source` and what made the file; compressed.
 */
export function encodeResultMat(graded: GradedImage): Uint8Array {
  const { width, height, labels, nuclei } = graded;
  const count = nuclei.length;
  const types = Int32Array.from(nuclei, (n) => n.type);
  const centroids = new Float64Array(2 * count);
  for (const [i, n] of nuclei.entries()) centroids.set(n.centroid, 2 * i);
  const typeMap = new Int32Array(labels.data.length);
  for (let p = 0; p < typeMap.length; p++) {
    const label = labels.data[p]!;
    if (label > 0) typeMap[p] = types[label - 1]!;
  }
  const int32 = (shape: readonly number[], data: Int32Array): Mat5Numeric => ({
    kind: "numeric",
    class: "int32",
    shape,
    data,
  });
  const double = (shape: readonly number[], data: Float64Array): Mat5Numeric => ({
    kind: "numeric",
    class: "double",
    shape,
    data,
  });
  const text = (value: string): Mat5Char => ({ kind: "char", rows: [value] });
  return encodeMat5(
    [
      ["inst_map", int32([height, width], labels.data)],
      ["inst_type", int32([count, 1], types)],
      ["inst_centroid", double([count, 2], centroids)],
      ["type_map", int32([height, width], typeMap)],
      ["mpp", double([1, 1], Float64Array.of(graded.pixelSize.mpp))],
      ["mpp_source", text(graded.pixelSize.source)],
      ...Object.entries(describeModel(graded)).map(([name, value]) => [name, text(value)] as const),
    ],
    { compress: true },
  );
}
