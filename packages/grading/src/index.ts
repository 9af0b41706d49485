/**
 * From an image and a model to graded nuclei and their files, running anywhere. Files and ONNX Runtime on Node are
 * in `grading/node`.
 *
 * @module
 */
export * from "./assemble-nuclei.js";
export * from "./exports/csv.js";
export * from "./exports/geojson.js";
export * from "./exports/hover-net.js";
export * from "./exports/maps-npy.js";
export * from "./exports/mat.js";
export * from "./grade-image.js";
export * from "./graded-image.js";
export * from "./infer.js";
export {
  type CalibrationInput,
  compareValues,
  type GraphOutput,
  type GraphRunner,
  type ObserveOptions,
  type OpenGraph,
  type ValueError,
} from "./quantize/calibrate.js";
export type { GraphIndex } from "./quantize/graph-index.js";
export type { KeptConvolution, PlanOptions, QuantizationPlan } from "./quantize/plan.js";
export * from "./quantize/quantize.js";
export { roundedName } from "./quantize/quantize-graph.js";
export { RANGE_METHODS, type RangeMethod } from "./quantize/ranges.js";
export * from "./session.js";
export { TUNE_GRIDS, type TunedOption, tunedOptions } from "./tune/candidates.js";
export { TUNE_SCORES, type TuneScore } from "./tune/score-candidates.js";
export * from "./window-plan.js";
