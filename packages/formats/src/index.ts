/**
 * Readers and writers of file formats that run anywhere: bytes in, bytes out.
 *
 * @module
 */
export * from "./aperio-xml.js";
export * from "./checksums.js";
export * from "./csv.js";
export * from "./detections.js";
export * from "./element-types.js";
export * from "./geojson.js";
export * from "./hover-net-json.js";
export * from "./hover-net-tsv.js";
export * from "./html-page.js";
export * from "./mat-annotation.js";
export * from "./mat5.js";
export type {
  Mat5Cell,
  Mat5Char,
  Mat5Class,
  Mat5Numeric,
  Mat5Opaque,
  Mat5Struct,
  Mat5Value,
} from "./mat5-types.js";
export * from "./mat5-writer.js";
export * from "./model-metadata.js";
export * from "./npy.js";
export * from "./npz.js";
export * from "./onnx-graph.js";
export * from "./onnx-metadata.js";
export * from "./onnx-model.js";
export * from "./safetensors.js";
export * from "./tensor-bundle.js";
export * from "./tfevents.js";
export * from "./torch-weights.js";
export * from "./uuid.js";
export * from "./zip.js";
