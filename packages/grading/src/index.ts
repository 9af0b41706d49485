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
export * from "./exports/overlay.js";
export * from "./grade-image.js";
export * from "./graded-image.js";
export * from "./infer.js";
export * from "./session.js";
export * from "./window-plan.js";
