import { readFileSync } from "node:fs";
import { DataError, FileFormatError, ShapeError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { parseMat5 } from "./mat5.js";
import type { Mat5Char, Mat5Numeric, Mat5Value } from "./mat5-types.js";
import { encodeMat5 } from "./mat5-writer.js";

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/formats/${name}`, import.meta.url)));

/** The label map of fixtures/formats/make.py, row-major. */
const INST = [0, 1, 1, 2, 0, 3];

function numeric(value: Mat5Value | undefined): Mat5Numeric {
  if (value?.kind !== "numeric") throw new Error(`expected a numeric array, received ${value?.kind}`);
  return value;
}

describe("parseMat5", () => {
  it.each(["plain.mat", "compressed.mat"])("reads SciPy's %s", (name) => {
    const variables = parseMat5(file(name), name);
    for (const type of ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]) {
      const array = numeric(variables.get(`c_${type}`));
      expect(array.class).toBe(type);
      expect(array.shape).toEqual([2, 3]);
      expect(Array.from(array.data, Number)).toEqual(INST);
    }
    expect(numeric(variables.get("double")).data).toEqual(Float64Array.from(INST));
    expect(numeric(variables.get("single")).data).toEqual(Float32Array.from(INST));
    expect(variables.get("flag")).toMatchObject({
      class: "uint8",
      logical: true,
      data: Uint8Array.of(0, 1, 1, 1, 0, 1),
    });
    expect(numeric(variables.get("complex_values")).imaginary).toEqual(
      Float64Array.from(INST, (v) => 0 - 2 * v),
    );
    expect(numeric(variables.get("cube"))).toMatchObject({
      shape: [2, 3, 4],
      data: Int32Array.from({ length: 24 }, (_, i) => i),
    });
    expect(variables.get("TCGA_file_name")).toEqual({ kind: "char", rows: ["TCGA-B0-4700-01Z-00-DX1"] });
    expect(variables.get("two_rows")).toEqual({ kind: "char", rows: ["ab ", "cde"] });
    expect(variables.get("umlaut")).toEqual({ kind: "char", rows: ["Größe"] });
    expect(numeric(variables.get("empty")).shape).toEqual([0, 0]);
  });

  it("reads big-endian files, numbers stored in smaller types, and small data elements", () => {
    const variables = parseMat5(file("big-endian.mat"));
    expect(numeric(variables.get("instance_map"))).toMatchObject({
      class: "double",
      data: Float64Array.from(INST),
    });
    expect(numeric(variables.get("b")).data).toEqual(Float64Array.from(INST));
  });

  it("reads cells and structs, and names what it cannot read", () => {
    const variables = parseMat5(file("nested.mat"));
    expect(variables.get("cells")).toMatchObject({
      kind: "cell",
      shape: [1, 3],
      cells: [{ data: Float64Array.of(1, 2) }, { rows: ["text"] }, { shape: [0, 0] }],
    });
    const structs = variables.get("structs");
    if (structs?.kind !== "struct") throw new Error("expected a struct");
    expect(structs.elements.map((element) => element.get("name"))).toEqual([
      { kind: "char", rows: ["first"] },
      { kind: "char", rows: ["second"] },
    ]);
    expect(structs.elements.map((element) => Number(numeric(element.get("id")).data[0]))).toEqual([1, 2]);
    expect(variables.get("sparse")).toEqual({ kind: "opaque", class: "sparse" });
  });

  it("names version 7.3 and its remedy", () => {
    const bytes = new Uint8Array(1024);
    bytes.set(new TextEncoder().encode("MATLAB 7.3 MAT-file"));
    bytes.set([0x00, 0x02, 0x49, 0x4d], 124);
    expect(() => parseMat5(bytes, "new.mat")).toThrow(/^new\.mat: a MATLAB v7\.3 file \(HDF5\).*'-v7'/);
    const hdf5 = new Uint8Array(600);
    hdf5.set([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(() => parseMat5(hdf5)).toThrow(/v7\.3/);
  });
});

describe("encodeMat5", () => {
  it("writes the bytes of SciPy 1.10 behind the header: {'a': int32 [[1, 3], [2, 4]]}", () => {
    const bytes = encodeMat5([
      ["a", { kind: "numeric", class: "int32", shape: [2, 2], data: Int32Array.of(1, 3, 2, 4) }],
    ]);
    const words = new Uint32Array(bytes.buffer, 128);
    expect([...words]).toEqual([
      ...[14, 64],
      ...[6, 8, 12, 0],
      ...[5, 8, 2, 2],
      ...[1 | (1 << 16), 0x61],
      ...[5, 16, 1, 2, 3, 4],
    ]);
    expect(bytes.length).toBe(128 + 72);
  });

  it.each([false, true])("is undone by parseMat5 (compress %s)", (compress) => {
    const shapes = fc.array(fc.nat(4), { minLength: 2, maxLength: 4 });
    const array = fc
      .tuple(shapes, fc.infiniteStream(fc.nat(255)), fc.nat(4))
      .map(([shape, source, pick]): Mat5Numeric => {
        const values = [...source.take(shape.reduce((a, b) => a * b, 1))];
        const options: Mat5Numeric[] = [
          { kind: "numeric", class: "uint8", shape, data: Uint8Array.from(values) },
          {
            kind: "numeric",
            class: "uint8",
            logical: true,
            shape,
            data: Uint8Array.from(values, (v) => v & 1),
          },
          { kind: "numeric", class: "double", shape, data: Float64Array.from(values, (v) => v / 7) },
          { kind: "numeric", class: "int64", shape, data: BigInt64Array.from(values, (v) => -BigInt(v)) },
          {
            kind: "numeric",
            class: "single",
            shape,
            data: Float32Array.from(values),
            imaginary: Float32Array.from(values),
          },
        ];
        return options[pick]!;
      });
    const text = fc.string({ unit: "grapheme" }).map((row): Mat5Char => ({ kind: "char", rows: [row] }));
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z][a-z_0-9]{0,20}$/), fc.oneof(array, text), { maxKeys: 3 }),
        (content) => {
          const variables = Object.entries(content);
          expect(parseMat5(encodeMat5(variables, { compress }))).toEqual(new Map(variables));
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it("refuses names and arrays MATLAB does not have", () => {
    const data = new Uint8Array(2);
    expect(() => encodeMat5([["1a", { kind: "char", rows: [""] }]])).toThrow(DataError);
    expect(() => encodeMat5([["a", { kind: "numeric", class: "uint8", shape: [2], data }]])).toThrow(
      /a column is \[n, 1\]/,
    );
    expect(() => encodeMat5([["a", { kind: "numeric", class: "int8", shape: [2, 1], data }]])).toThrow(
      ShapeError,
    );
    expect(() => encodeMat5([["a", { kind: "numeric", class: "uint8", shape: [2, 2], data }]])).toThrow(
      ShapeError,
    );
  });
});

describe("damaged files", () => {
  it("truncations are refused but between variables, where the file is shorter and whole", () => {
    const whole = parseMat5(file("plain.mat"));
    const accepted = acceptedTruncations(parseMat5, file("plain.mat"));
    expect(accepted.length).toBe(whole.size);
    for (const [count, length] of accepted.entries()) {
      expect([...parseMat5(file("plain.mat").subarray(0, length))]).toEqual([...whole].slice(0, count));
    }
    expect(acceptedTruncations(parseMat5, file("compressed.mat")).length).toBe(whole.size);
    expect(acceptedTruncations(parseMat5, file("big-endian.mat")).length).toBe(2);
  });

  it.each(["plain.mat", "compressed.mat", "nested.mat", "big-endian.mat"])(
    "changed bytes of %s are handled",
    (name) => {
      assertFlipsAreHandled(parseMat5, file(name), 300);
    },
  );

  it("a changed byte of compressed data never goes unnoticed", () => {
    const bytes = encodeMat5(
      [
        [
          "m",
          {
            kind: "numeric",
            class: "int32",
            shape: [20, 20],
            data: Int32Array.from({ length: 400 }, (_, i) => i % 9),
          },
        ],
      ],
      { compress: true },
    );
    const whole = parseMat5(bytes);
    const unnoticed: number[] = [];
    for (let at = 136; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = damaged[at]! ^ 0x10;
      try {
        // Bits that fill up the last byte of the stream carry nothing: the same content is right.
        expect(parseMat5(damaged)).toEqual(whole);
        unnoticed.push(at);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
    expect(unnoticed.length).toBeLessThan(3);
  });
});
