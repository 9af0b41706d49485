/**
 * Grading and evaluation of files on Node, and ONNX Runtime.
 *
 * @module
 */
export * from "./calibration-windows.js";
export * from "./compare.js";
export {
  compareVerdict,
  formatComparisonCsv,
  formatComparisonTable,
  summaryOfComparison,
  type TellingImages,
  tellingImages,
} from "./compare-output.js";
export { comparePage } from "./compare-page.js";
export { type ComparePicture, comparePictures } from "./compare-pictures.js";
export * from "./evaluate.js";
export * from "./evaluate-classes.js";
export * from "./evaluate-find.js";
export * from "./evaluate-output.js";
export * from "./grade-inputs.js";
export * from "./onnx-lanes.js";
export {
  type LoadedModel,
  ONNX_DEVICES,
  type OnnxDevice,
  onnxGraphOpener,
  onnxRuntimeVersion,
} from "./onnx-session.js";
export * from "./postprocess-inputs.js";
export * from "./quantize-model.js";
export * from "./tune-model.js";
export * from "./write-outputs.js";
