/**
 * ONNX files written by formats are what ONNX Runtime takes: a small graph runs and gives the numbers it should.
 *
 * @module
 */
import { encodeOnnxModel, type OnnxGraph, readOnnxMetadata } from "@renograde/formats";
import { describe, expect, it } from "vitest";

/** y = relu(conv3x3(x) + bias) with sizes left open, then q = x · scale by an int8 weight that is dequantised. */
const GRAPH: OnnxGraph = {
  name: "check",
  inputs: [{ name: "x", dtype: "float32", dims: ["batch", 1, "height", "width"] }],
  outputs: [
    { name: "y", dtype: "float32", dims: ["batch", 1, "height", "width"] },
    { name: "q", dtype: "float32", dims: ["batch", 1, "height", "width"] },
  ],
  initializers: [
    { name: "w", dtype: "float32", dims: [1, 1, 3, 3], data: new Float32Array(9).fill(1) },
    { name: "b", dtype: "float32", dims: [1], data: Float32Array.of(-10) },
    { name: "w8", dtype: "int8", dims: [1], data: Int8Array.of(-3) },
    { name: "scale", dtype: "float32", dims: [], data: Float32Array.of(0.5) },
  ],
  nodes: [
    {
      name: "conv",
      opType: "Conv",
      inputs: ["x", "w", "b"],
      outputs: ["c"],
      attributes: {
        kernel_shape: { kind: "ints", value: [3, 3] },
        pads: { kind: "ints", value: [1, 1, 1, 1] },
      },
    },
    { name: "relu", opType: "Relu", inputs: ["c"], outputs: ["y"], attributes: {} },
    { name: "dq", opType: "DequantizeLinear", inputs: ["w8", "scale"], outputs: ["f"], attributes: {} },
    { name: "mul", opType: "Mul", inputs: ["x", "f"], outputs: ["q"], attributes: {} },
  ],
};

describe("ONNX Runtime", () => {
  it("runs a model written here", async () => {
    const { InferenceSession, Tensor } = await import("onnxruntime-node");
    const bytes = encodeOnnxModel(GRAPH, { opset: 17, metadata: { renograde: "{}" } });
    expect({ ...readOnnxMetadata(bytes) }).toEqual({ renograde: "{}" });
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const { y, q } = await session.run({ x: new Tensor("float32", x, [1, 1, 3, 3]) });
    await session.release();
    // Sums of the 3 x 3 neighbourhoods, minus 10, not below 0.
    expect(y?.data).toEqual(Float32Array.of(2, 11, 6, 17, 35, 23, 14, 29, 18));
    expect(q?.data).toEqual(x.map((value) => value * -1.5));
  });
});
