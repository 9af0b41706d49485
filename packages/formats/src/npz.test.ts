import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { adler32, crc32 } from "./checksums.js";
import type { NpyArray } from "./npy.js";
import { encodeNpz, parseNpz } from "./npz.js";
import { encodeZip, parseZip } from "./zip.js";

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/formats/${name}`, import.meta.url)));

/** Reads every entry, so that damage inside any of them is met. */
const parse = (bytes: Uint8Array, path: string): unknown => parseNpz(bytes, path);

describe("parseNpz", () => {
  it.each(["stored.npz", "deflated.npz"])("reads NumPy's %s", (name) => {
    const arrays = parseNpz(file(name), name);
    expect([...arrays.keys()]).toEqual(["a", "label_map"]);
    expect(arrays.get("a")).toEqual({ dtype: "f4", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(Array.from(arrays.get("label_map")!.data, Number)).toEqual(
      Array.from({ length: 200 }, (_, i) => i % 7),
    );
  });

  it.each(["stored.npz", "deflated.npz"])("refuses every truncation of %s", (name) => {
    expect(acceptedTruncations(parse, file(name))).toEqual([]);
  });

  it.each(["stored.npz", "deflated.npz"])("refuses or reads %s with changed bytes", (name) => {
    assertFlipsAreHandled(parse, file(name));
  });

  it("notices a changed element by its checksum", () => {
    const bytes = file("stored.npz");
    const at = bytes.findIndex((_, i) => bytes[i] === 0x40 && bytes[i + 3] === 0x40) + 1;
    bytes[at] = bytes[at]! ^ 1;
    expect(() => parseNpz(bytes, "x.npz")).toThrow(/^x\.npz: 'a\.npy' has the wrong size or checksum/);
  });
});

describe("encodeNpz", () => {
  it("is undone by parseNpz", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-zäö_/]+$/), fc.int32Array(), { maxKeys: 4 }),
        fc.boolean(),
        (content, compress) => {
          const arrays = new Map<string, NpyArray>(
            Object.entries(content).map(([name, data]) => [
              name,
              { dtype: "i4", shape: [data.length], data },
            ]),
          );
          expect(parseNpz(encodeNpz(arrays, { compress }))).toEqual(arrays);
        },
      ),
      { seed: 1, numRuns: 50 },
    );
  });
});

describe("zip", () => {
  it("knows a size the compressed bytes cannot have", () => {
    const bytes = encodeZip([["a", new Uint8Array(100)]], { compress: true });
    const directory = bytes.length - 22 - 47;
    new DataView(bytes.buffer).setUint32(directory + 24, 0xfffffff0, true);
    expect(() => parseZip(bytes, "x.zip").get("a")!()).toThrow(/'a' cannot have the 4294967280 bytes/);
  });

  it("has the standard check values of its checksums", () => {
    const check = new TextEncoder().encode("123456789");
    expect(crc32(check)).toBe(0xcbf43926);
    expect(adler32(check)).toBe(0x091e01de);
    // 20,000 bytes of 255, from Python's zlib.adler32.
    expect(adler32(new Uint8Array(20_000).fill(255))).toBe(ADLER_OF_20000);
  });
});

const ADLER_OF_20000 = 0x9f51d664;
