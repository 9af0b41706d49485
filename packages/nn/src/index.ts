/**
 * CHR-Net and its relatives defined once, and the interpreters that execute them.
 *
 * @module
 */
export * from "./backend.js";
export * from "./layers/bicubic-resize.js";
export * from "./layers/bottleneck.js";
export * from "./layers/composite-connection.js";
export * from "./layers/conv.js";
export * from "./layers/decoder-block.js";
export * from "./layers/dense-block.js";
export * from "./layers/global-context.js";
export * from "./layers/residual-block.js";
export * from "./layers/simple-block.js";
export * from "./layers/transposed-conv.js";
export * from "./layers/up-conv.js";
export * from "./losses.js";
export * from "./networks/chr-net.js";
export * from "./networks/freeze.js";
export * from "./networks/hover-loss.js";
export * from "./networks/hover-net.js";
export * from "./networks/mask-rcnn/loss.js";
export * from "./networks/network.js";
export * from "./networks/options.js";
export * from "./networks/registry.js";
export * from "./networks/resnet50.js";
export * from "./networks/weighted-loss.js";
export * from "./onnx/describe-model.js";
export * from "./onnx/export-onnx.js";
export type { OnnxRef } from "./onnx/graph.js";
export * from "./onnx/trace.js";
export * from "./parameter-hash.js";
export * from "./reference/reference-backend.js";
export * from "./reference/tensor.js";
export * from "./sha256.js";
export * from "./shape/activations.js";
export * from "./shape/rules.js";
export * from "./shape/shape-backend.js";
export * from "./shape/summary.js";
export * from "./state.js";
export * from "./targets.js";
