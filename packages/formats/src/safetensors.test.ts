import { readFileSync } from "node:fs";
import { DataError, ShapeError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import {
  encodeSafetensors,
  parseSafetensors,
  type Safetensor,
  type SafetensorDtype,
  safetensorsChunks,
  safetensorToFloat32,
} from "./safetensors.js";

/** Written by safetensors 0.8.0 from PyTorch. */
const FILE = new Uint8Array(
  readFileSync(new URL("../../../fixtures/formats/model.safetensors", import.meta.url)),
);

function build(header: unknown, dataLength: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataLength);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  return bytes;
}

describe("parseSafetensors", () => {
  it("reads what the official package wrote", () => {
    const { metadata, tensors } = parseSafetensors(FILE);
    expect([...metadata]).toEqual([["epoch", "7"]]);
    const values = (name: string): number[] => Array.from(safetensorToFloat32(tensors.get(name)!));
    expect(tensors.get("conv.weight")!.shape).toEqual([2, 3, 2, 2]);
    expect(values("conv.weight")).toEqual(Array.from({ length: 24 }, (_, i) => i / 8));
    expect(values("half")).toEqual([0.5, -1.25, 65504]);
    expect(values("brain").slice(0, 2)).toEqual([0.5, -1.25]);
    // bfloat16 keeps 8 bits: 3e38 to within 2^-9.
    expect(values("brain")[2]! / 3e38).toBeCloseTo(1, 2);
    expect(tensors.get("double")!.data).toEqual(Float64Array.of(1.5, 2.5));
    expect(tensors.get("steps")).toEqual({
      dtype: "I64",
      shape: [],
      data: BigInt64Array.of(12345678901234n),
    });
    expect(tensors.get("ids")!.data).toEqual(Int32Array.of(1, -2, 3));
    expect(tensors.get("bytes")!.data).toEqual(Uint8Array.of(1, 2, 255));
    expect(tensors.get("flags")!.data).toEqual(Uint8Array.of(1, 0, 1));
    expect(tensors.get("nothing")!.shape).toEqual([0, 3]);
  });

  it("shares the memory of aligned tensors", () => {
    expect(parseSafetensors(FILE).tensors.get("conv.weight")!.data.buffer).toBe(FILE.buffer);
    const shifted = new Uint8Array(FILE.length + 1).subarray(1);
    shifted.set(FILE);
    expect(parseSafetensors(shifted).tensors).toEqual(parseSafetensors(FILE).tensors);
  });

  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  it.each([
    ["a size that is not its shape's", { a: { ...entry, shape: [3] } }, 8, /'a' .* 12 bytes/],
    ["an end behind the data", { a: entry }, 7, /truncated/],
    ["an overlap", { a: entry, b: { ...entry, data_offsets: [4, 12] } }, 12, /'b' overlaps/],
    ["a gap", { a: entry, b: { ...entry, data_offsets: [12, 20] } }, 20, /'b' leaves a gap of 4/],
    ["bytes at the end", { a: entry }, 9, /1 bytes follow/],
    ["an unknown type", { a: { ...entry, dtype: "F4" } }, 8, /has type "F4"/],
    ["a negative size", { a: { ...entry, shape: [-1, -2] } }, 8, /impossible shape/],
    ["an inherited name as type", { a: { ...entry, dtype: "toString" } }, 8, /has type/],
    ["metadata that are not text", { __metadata__: { a: 1 } }, 0, /__metadata__ 'a' must be text/],
    ["a list as header", "[]", 0, /not a JSON object/],
    [
      "one name twice",
      `{"a":${JSON.stringify(entry)},"a":${JSON.stringify({ ...entry, data_offsets: [8, 16] })}}`,
      16,
      /gap/,
    ],
  ])("refuses %s", (_, header, length, message) => {
    expect(() => parseSafetensors(build(header, length), "w.safetensors")).toThrow(message);
    expect(() => parseSafetensors(build(header, length), "w.safetensors")).toThrow(/^w\.safetensors: /);
  });

  it("refuses impossible header lengths without allocating", () => {
    expect(() => parseSafetensors(new Uint8Array(16).fill(255))).toThrow(/impossible/);
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, 0x7fffffff, true);
    expect(() => parseSafetensors(bytes)).toThrow(/not a safetensors file/);
  });

  it("refuses every truncation and handles every change", () => {
    expect(acceptedTruncations(parseSafetensors, FILE)).toEqual([]);
    assertFlipsAreHandled(parseSafetensors, FILE, 1000);
  });
});

describe("encodeSafetensors", () => {
  it("writes the bytes of the official package", () => {
    const { metadata, tensors } = parseSafetensors(FILE);
    expect(encodeSafetensors([...tensors].reverse(), metadata)).toEqual(FILE);
  });

  it("is undone by parseSafetensors", () => {
    const tensor = fc.oneof(
      fc
        .float32Array({ maxLength: 9 })
        .map((data): Safetensor => ({ dtype: "F32", shape: [data.length], data })),
      fc
        .uint8Array({ maxLength: 9 })
        .map((data): Safetensor => ({ dtype: "U8", shape: [1, data.length], data })),
      fc
        .bigInt64Array({ maxLength: 9 })
        .map((data): Safetensor => ({ dtype: "I64", shape: [data.length], data })),
      fc
        .uint16Array({ maxLength: 9 })
        .map((data): Safetensor => ({ dtype: "BF16", shape: [data.length], data })),
    );
    const name = fc.string().filter((text) => text !== "__metadata__");
    fc.assert(
      fc.property(
        fc.dictionary(name, tensor),
        fc.dictionary(fc.string(), fc.string()),
        (tensors, metadata) => {
          const bytes = encodeSafetensors(Object.entries(tensors), Object.entries(metadata));
          const read = parseSafetensors(bytes);
          expect(Object.fromEntries(read.tensors)).toEqual(tensors);
          expect(Object.fromEntries(read.metadata)).toEqual(metadata);
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it("asks for one tensor at a time", () => {
    const asked: string[] = [];
    const source = (name: string) => {
      const data = () => {
        asked.push(name);
        return new Float32Array(2);
      };
      return [name, { dtype: "F32" as SafetensorDtype, shape: [2], data }] as const;
    };
    const chunks = safetensorsChunks([source("b"), source("a")]);
    chunks.next();
    expect(asked).toEqual([]);
    chunks.next();
    expect(asked).toEqual(["a"]);
    expect([...chunks].length).toBe(1);
  });

  it("refuses data that do not fit, and names used twice", () => {
    const one: Safetensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
    expect(() => encodeSafetensors([["a", { ...one, shape: [2] }]])).toThrow(ShapeError);
    expect(() => encodeSafetensors([["a", { ...one, dtype: "I32" }]])).toThrow(/needs Int32Array/);
    expect(() => encodeSafetensors([["__metadata__", one]])).toThrow(DataError);
    expect(() =>
      encodeSafetensors([
        ["a", one],
        ["a", one],
      ]),
    ).toThrow(/used twice/);
  });
});
