import { DataError, FileFormatError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import type { OnnxGraph, OnnxModelOptions } from "./onnx-graph.js";
import { readOnnxMetadata, replaceOnnxMetadata } from "./onnx-metadata.js";
import { decodeOnnxModel, encodeOnnxModel } from "./onnx-model.js";

/** y = relu(x · 2 + c), with every kind of attribute and tensor somewhere. */
const GRAPH: OnnxGraph = {
  name: "tiny",
  inputs: [{ name: "x", dtype: "float32", dims: ["batch", 3, "", "width"] }],
  outputs: [{ name: "y", dtype: "float32", dims: ["batch", 3, "", "width"] }],
  initializers: [
    { name: "two", dtype: "float32", dims: [], data: Float32Array.of(2) },
    { name: "shape", dtype: "int64", dims: [2], data: BigInt64Array.of(-1n, 4n) },
    { name: "points", dtype: "int8", dims: [1, 3], data: Int8Array.of(-128, 0, 127) },
    { name: "bytes", dtype: "uint8", dims: [3], data: Uint8Array.of(0, 128, 255) },
    { name: "counts", dtype: "int32", dims: [1], data: Int32Array.of(-7) },
    { name: "none", dtype: "float32", dims: [0], data: new Float32Array(0) },
  ],
  nodes: [
    {
      name: "c",
      opType: "Constant",
      inputs: [],
      outputs: ["c.out"],
      attributes: {
        value: {
          kind: "tensor",
          value: { name: "", dtype: "float32", dims: [1], data: Float32Array.of(0.5) },
        },
      },
    },
    { name: "mul", opType: "Mul", inputs: ["x", "two"], outputs: ["m"], attributes: {} },
    {
      name: "odd",
      opType: "Odd",
      domain: "com.example",
      inputs: ["m", "", "c.out"],
      outputs: ["y", ""],
      attributes: {
        axis: { kind: "int", value: -1 },
        alpha: { kind: "float", value: 0.25 },
        mode: { kind: "string", value: "größe" },
        pads: { kind: "ints", value: [0, 1, -2] },
        scales: { kind: "floats", value: [0.5, 2] },
        names: { kind: "strings", value: ["a", ""] },
        empty: { kind: "ints", value: [] },
      },
    },
  ],
};
const OPTIONS: OnnxModelOptions = {
  opset: 17,
  domains: { "com.example": 1 },
  producer: { name: "renograde", version: "0.1.0" },
  metadata: { renograde: '{"format":1}', author: "Ü" },
};

describe("encodeOnnxModel and decodeOnnxModel", () => {
  it("give the same model back, and the same bytes", () => {
    const bytes = encodeOnnxModel(GRAPH, OPTIONS);
    expect(decodeOnnxModel(bytes)).toEqual({ graph: GRAPH, ...OPTIONS });
    expect(encodeOnnxModel(GRAPH, OPTIONS)).toEqual(bytes);
  });

  it("give any initialiser back", () => {
    fc.assert(
      fc.property(fc.float32Array(), fc.string(), (data, name) => {
        const graph: OnnxGraph = {
          name,
          inputs: [],
          nodes: [],
          initializers: [{ name: "w", dtype: "float32", dims: [data.length], data }],
          outputs: [{ name: "w", dtype: "float32", dims: [data.length] }],
        };
        expect(decodeOnnxModel(encodeOnnxModel(graph, { opset: 17 }))).toEqual({ graph, opset: 17 });
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it("begins as onnx.proto says: IR version 8, producer name", () => {
    expect([...encodeOnnxModel(GRAPH, OPTIONS).subarray(0, 4)]).toEqual([0x08, 8, 0x12, 9]);
  });

  const node = (inputs: string[], outputs: string[]) => ({
    name: "n",
    opType: "Relu",
    inputs,
    outputs,
    attributes: {},
  });
  it.each([
    ["a value nobody defines", { nodes: [node(["z"], ["y"])] }, /node 'n' \(Relu\) uses 'z'/],
    ["nodes in the wrong order", { nodes: [node(["b"], ["y"]), node(["x"], ["b"])] }, /uses 'b'/],
    ["one value defined twice", { nodes: [node(["x"], ["y"]), node(["x"], ["y"])] }, /'y' is defined twice/],
    ["an output nobody defines", { nodes: [] }, /output 'y' is not defined/],
    ["no outputs", { outputs: [] }, /no outputs/],
    [
      "data that do not fit",
      { initializers: [{ name: "w", dtype: "float32" as const, dims: [2], data: new Float32Array(3) }] },
      /'w' of shape \[2\] holds 3/,
    ],
    [
      "a fraction as integer",
      { nodes: [{ ...node(["x"], ["y"]), attributes: { axis: { kind: "int" as const, value: 0.5 } } }] },
      /attribute 'axis' is not a whole number: 0.5/,
    ],
  ])("refuse %s", (_, change, message) => {
    const graph: OnnxGraph = { ...GRAPH, ...change };
    expect(() => encodeOnnxModel(graph, OPTIONS)).toThrow(DataError);
    expect(() => encodeOnnxModel(graph, OPTIONS)).toThrow(message);
  });
});

describe("readOnnxMetadata", () => {
  it("reads the metadata and nothing else", () => {
    expect({ ...readOnnxMetadata(encodeOnnxModel(GRAPH, OPTIONS)) }).toEqual(OPTIONS.metadata);
    expect({ ...readOnnxMetadata(encodeOnnxModel(GRAPH, { opset: 17 })) }).toEqual({});
  });

  it("treats any key as a plain key", () => {
    const metadata = JSON.parse('{"__proto__":"a","constructor":"b"}');
    const read = readOnnxMetadata(encodeOnnxModel(GRAPH, { opset: 17, metadata }));
    expect(Object.entries(read)).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
    ]);
    expect(read.toString).toBeUndefined();
  });

  it("refuses what is no model", () => {
    expect(() => readOnnxMetadata(new Uint8Array(0), "m.onnx")).toThrow(/^m\.onnx: not an ONNX model/);
    expect(() => readOnnxMetadata(new TextEncoder().encode("<html>"), "m.onnx")).toThrow(FileFormatError);
  });
});

describe("replaceOnnxMetadata", () => {
  const bytes = encodeOnnxModel(GRAPH, OPTIONS);
  const metadata = OPTIONS.metadata ?? {};

  it("replaces and adds entries, and gives back the model otherwise", () => {
    const [first] = Object.keys(metadata);
    const long = "ä".repeat(300);
    const changed = replaceOnnxMetadata(bytes, { [first!]: long, added: "" });
    expect({ ...readOnnxMetadata(changed) }).toEqual({ ...metadata, [first!]: long, added: "" });
    const model = decodeOnnxModel(bytes);
    expect({ ...decodeOnnxModel(changed), metadata: undefined }).toEqual({ ...model, metadata: undefined });
  });

  it("keeps every other byte where it is", () => {
    const bare = encodeOnnxModel(GRAPH, { ...OPTIONS, metadata: {} });
    const changed = replaceOnnxMetadata(
      bytes,
      Object.fromEntries(Object.keys(metadata).map((k) => [k, "x"])),
    );
    expect(changed.subarray(0, bare.length)).toEqual(bare);
    expect(replaceOnnxMetadata(bytes, metadata)).toEqual(bytes);
  });

  it("refuses what is no model", () => {
    expect(() => replaceOnnxMetadata(new Uint8Array(0), {}, "m.onnx")).toThrow(/^m\.onnx: not an ONNX model/);
    expect(() => replaceOnnxMetadata(bytes.subarray(0, 40), {}, "m.onnx")).toThrow(FileFormatError);
  });
});

describe("damaged files", () => {
  const bytes = encodeOnnxModel(GRAPH, OPTIONS);

  it("truncations are refused but between the last fields of the model", () => {
    // Whole protobuf messages: both metadata entries, one, or none are left, and the second domain may be gone.
    for (const length of acceptedTruncations(decodeOnnxModel, bytes)) {
      expect(decodeOnnxModel(bytes.subarray(0, length)).graph).toEqual(GRAPH);
    }
    expect(acceptedTruncations(decodeOnnxModel, bytes).length).toBeLessThan(5);
    expect(acceptedTruncations(readOnnxMetadata, bytes).length).toBeLessThan(6);
  });

  it("changed bytes are handled", () => {
    assertFlipsAreHandled(decodeOnnxModel, bytes, 2000);
    assertFlipsAreHandled(readOnnxMetadata, bytes, 2000);
  });
});
