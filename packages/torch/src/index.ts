/**
 * libtorch from TypeScript: every ATen operator by name, gradients, scopes, optimisers, and the interpreter that
 * trains networks. Importing it loads nothing; the first tensor loads the addon (see {@link loadTorch}).
 *
 * @module
 */
export * from "./adam.js";
export * from "./autograd.js";
export { availableMainMemory } from "./main-memory.js";
export { isTorchAvailable, type MemoryStats, OutOfMemoryError, type TensorData } from "./native.js";
export * from "./parameter-store.js";
export * from "./process-group.js";
export * from "./process-place.js";
export * from "./runtime.js";
export * from "./tensor.js";
export * from "./torch-backend.js";
export * from "./upload.js";
