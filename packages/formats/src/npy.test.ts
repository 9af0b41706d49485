import { readFileSync } from "node:fs";
import { FileFormatError, ShapeError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import {
  decodeNpyItems,
  encodeNpy,
  type NpyArray,
  type NpyDtype,
  parseNpy,
  parseNpyHeader,
  parseNpyStrings,
} from "./npy.js";

/** Files NumPy wrote, by the names of fixtures/formats/make.py. */
const FILES: Record<string, string> = JSON.parse(
  readFileSync(new URL("../../../fixtures/formats/npy.json", import.meta.url), "utf8"),
);
const file = (name: string): Uint8Array => Uint8Array.from(Buffer.from(FILES[name]!, "hex"));
const numbers = (array: NpyArray): number[] => Array.from(array.data, Number);

const NATIVE = ["u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"];

describe("parseNpy", () => {
  it.each([...NATIVE, "<f2", ">u2", ">i2", ">i4", ">i8", ">f2", ">f4", ">f8"])("reads NumPy's %s", (code) => {
    const array = parseNpy(file(code));
    expect(array.dtype).toBe(code.replace(/[<>]/, ""));
    expect(array.shape).toEqual([2, 3]);
    expect(numbers(array)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("reads booleans, scalars, vectors and empty arrays", () => {
    expect(parseNpy(file("b1"))).toEqual({
      dtype: "b1",
      shape: [2, 3],
      data: Uint8Array.of(0, 1, 0, 1, 0, 1),
    });
    expect(parseNpy(file("scalar"))).toEqual({ dtype: "f8", shape: [], data: Float64Array.of(7.5) });
    expect(parseNpy(file("vector")).shape).toEqual([3]);
    expect(parseNpy(file("empty"))).toEqual({ dtype: "f4", shape: [0, 4], data: new Float32Array(0) });
  });

  it("reads half precision, subnormals and infinities included", () => {
    const halves = [0, -0, 1, -2.5, 65504, 6.1e-5, 2 ** -24, Infinity, -Infinity, 0.0999755859375];
    const read = numbers(parseNpy(file("halves")));
    expect(read[5]).toBeCloseTo(6.1e-5, 7);
    expect(read.toSpliced(5, 1)).toEqual(halves.toSpliced(5, 1));
  });

  it("turns Fortran order into rows", () => {
    expect(numbers(parseNpy(file("fortran")))).toEqual(Array.from({ length: 24 }, (_, i) => i));
  });

  it("reads header versions 2 and 3", () => {
    expect(numbers(parseNpy(file("version 2")))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(numbers(parseNpy(file("version 3")))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("reads lists of text", () => {
    expect(parseNpyStrings(file("text"))).toEqual(["Kidney", "Bile-duct", "Größe"]);
    expect(() => parseNpy(file("text"), "types.npy")).toThrow(/^types\.npy: holds text/);
  });

  it("shares memory where it can", () => {
    const bytes = file("<f4");
    expect(parseNpy(bytes).data.buffer).toBe(bytes.buffer);
  });

  it("refuses structured and object arrays by name", () => {
    expect(() => parseNpy(file("structured"), "a.npy")).toThrow(
      /^a\.npy: .*structured types are not supported/,
    );
    expect(() => parseNpy(file("object"), "a.npy")).toThrow(/^a\.npy: element type '\|O' is not supported/);
  });

  it("refuses a shape larger than the file without allocating it", () => {
    const bytes = file("u1");
    const text = new TextDecoder("latin1").decode(bytes).replace("(2, 3), }     ", "(99999, 9999), }");
    const damaged = Uint8Array.from(text.slice(0, bytes.length), (c) => c.charCodeAt(0));
    expect(() => parseNpy(damaged)).toThrow(/needs 999890001 bytes/);
  });
});

describe("streaming", () => {
  it("parses the head alone and rows one by one", () => {
    const bytes = file(">i4");
    const header = parseNpyHeader(bytes.subarray(0, 128));
    expect(header).toMatchObject({
      dtype: "i4",
      littleEndian: false,
      shape: [2, 3],
      dataOffset: 128,
      dataLength: 24,
    });
    const row = decodeNpyItems(header, bytes.subarray(128 + 12, 128 + 24));
    expect(Array.from(row, Number)).toEqual([3, 4, 5]);
    expect(() => decodeNpyItems(header, bytes.subarray(0, 7))).toThrow(ShapeError);
  });
});

describe("encodeNpy", () => {
  it.each([...NATIVE, "b1", "scalar", "vector", "empty"])("writes the bytes of numpy.save: %s", (name) => {
    expect(encodeNpy(parseNpy(file(name)))).toEqual(file(name));
  });

  it("is undone by parseNpy", () => {
    const make: Partial<Record<NpyDtype, (values: number[]) => NpyArray["data"]>> = {
      u1: (values) => Uint8Array.from(values),
      i2: (values) => Int16Array.from(values),
      i8: (values) => BigInt64Array.from(values.map(BigInt)),
      f4: (values) => Float32Array.from(values),
      f8: (values) => Float64Array.from(values),
    };
    const dtypes = fc.constantFrom(...(Object.keys(make) as NpyDtype[]));
    const shapes = fc.array(fc.nat(4), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, dtypes, fc.infiniteStream(fc.integer()), (shape, dtype, source) => {
        const values = [...source.take(shape.reduce((a, b) => a * b, 1))];
        const array: NpyArray = { dtype, shape, data: make[dtype]!(values) };
        expect(parseNpy(encodeNpy(array))).toEqual(array);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("refuses data that do not fit", () => {
    expect(() => encodeNpy({ dtype: "f4", shape: [2], data: new Float32Array(3) })).toThrow(ShapeError);
    expect(() => encodeNpy({ dtype: "f4", shape: [3], data: new Int32Array(3) })).toThrow(
      /cannot be written from Int32Array/,
    );
  });
});

describe("damaged files", () => {
  it("every truncation is refused", () => {
    for (const name of ["<f4", "version 2", "fortran"])
      expect(acceptedTruncations(parseNpy, file(name))).toEqual([]);
    expect(acceptedTruncations(parseNpyStrings, file("text"))).toEqual([]);
  });

  it("changed bytes are refused or read", () => {
    for (const name of ["<f4", "b1", "fortran", "scalar"]) assertFlipsAreHandled(parseNpy, file(name));
    assertFlipsAreHandled(parseNpyStrings, file("text"));
  });

  it("names the file and trailing bytes", () => {
    expect(() => parseNpy(Uint8Array.of(...file("<f4"), 0), "x.npy")).toThrow(
      new FileFormatError("x.npy", "npy", "1 bytes follow the array; the file is corrupt"),
    );
    expect(() => parseNpy(new Uint8Array(200), "x.npy")).toThrow(/^x\.npy: not a \.npy file/);
  });
});
