import { readFileSync } from "node:fs";
import { isRenogradeError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { crc32c, unmaskCrc32c } from "./checksums.js";
import { bfloat16ToNumber, halfToNumber } from "./element-types.js";
import { snappyDecompress } from "./snappy.js";
import { bundleDataPath, decodeBundleTensor, parseBundleIndex } from "./tensor-bundle.js";

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/weights/${name}`, import.meta.url)));
const expected: Record<string, { shape: number[]; values: number[] }> = JSON.parse(
  new TextDecoder().decode(file("tensorflow.json")),
);
/** saver and sharded were written by TensorFlow 2.21; TensorFlow also reads the other two. */
const BUNDLES = ["saver.ckpt", "sharded.ckpt", "blocks.ckpt", "snappy.ckpt"];

function readAll(prefix: string): Map<string, { shape: readonly number[]; values: number[] }> {
  const { shards, entries } = parseBundleIndex(file(`${prefix}.index`), `${prefix}.index`);
  const tensors = new Map<string, { shape: readonly number[]; values: number[] }>();
  for (const [name, entry] of entries) {
    if (entry.dtype === null) continue;
    const path = bundleDataPath(prefix, entry.shard, shards);
    const bytes = file(path).subarray(entry.offset, entry.offset + entry.size);
    const data = decodeBundleTensor(entry, bytes, { path, name });
    const toNumber =
      entry.dtype === "F16" ? halfToNumber : entry.dtype === "BF16" ? bfloat16ToNumber : Number;
    tensors.set(name, {
      shape: entry.shape,
      values: Array.from(data as ArrayLike<number | bigint>, (v) => toNumber(Number(v))),
    });
  }
  return tensors;
}

describe("parseBundleIndex", () => {
  it.each(BUNDLES)("reads every tensor of %s", (prefix) => {
    const tensors = readAll(prefix);
    expect([...tensors.keys()]).toEqual(Object.keys(expected).sort());
    for (const [name, tensor] of tensors) {
      const { shape, values } = expected[name]!;
      expect(tensor.shape, name).toEqual(shape);
      expect(tensor.values, name).toEqual(values);
    }
  });

  it("lists text without reading it", () => {
    const { entries } = parseBundleIndex(file("saver.ckpt.index"), "saver.ckpt.index");
    const entry = entries.get("text")!;
    expect(entry.dtype).toBeNull();
    expect(() => decodeBundleTensor(entry, new Uint8Array(entry.size), { path: "x", name: "text" })).toThrow(
      "x: tensor 'text' holds no numbers of a type that is read",
    );
  });

  it("spreads the tensors of a merged checkpoint over its data files", () => {
    const { shards, entries } = parseBundleIndex(file("sharded.ckpt.index"), "sharded.ckpt.index");
    expect(shards).toBe(3);
    expect(new Set([...entries.values()].map((entry) => entry.shard))).toEqual(new Set([0, 1, 2]));
    expect(bundleDataPath("model-40800", 2, 3)).toBe("model-40800.data-00002-of-00003");
  });

  it.each(BUNDLES)("refuses every truncation of the index of %s", (prefix) => {
    expect(acceptedTruncations(parseBundleIndex, file(`${prefix}.index`))).toEqual([]);
  });

  it.each(BUNDLES)("refuses or reads the index of %s with changed bytes", (prefix) => {
    assertFlipsAreHandled(parseBundleIndex, file(`${prefix}.index`));
  });

  it("names the tensor whose bytes are damaged or missing", () => {
    const entry = parseBundleIndex(file("blocks.ckpt.index"), "b").entries.get("conv0/W")!;
    const bytes = file("blocks.ckpt.data-00000-of-00001").slice(entry.offset, entry.offset + entry.size);
    const place = { path: "b.data", name: "conv0/W" };
    expect(() => decodeBundleTensor(entry, bytes.subarray(1), place)).toThrow(
      /^b\.data: tensor 'conv0\/W' needs 192 bytes/,
    );
    bytes[5] = bytes[5]! ^ 1;
    expect(() => decodeBundleTensor(entry, bytes, place)).toThrow(
      /^b\.data: tensor 'conv0\/W' has the wrong checksum/,
    );
  });
});

/** A table with sound checksums around any entries; all lengths below 128. */
function tableOf(entries: readonly (readonly [key: number[], value: number[]])[]): Uint8Array {
  const out: number[] = [];
  const add = (content: number[]): number[] => {
    const start = out.length;
    out.push(...content, 0);
    const crc = crc32c(Uint8Array.from(out.slice(start)));
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    out.push(masked & 255, (masked >>> 8) & 255, (masked >>> 16) & 255, masked >>> 24);
    return [start, content.length];
  };
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
  const end = [0, 0, 0, 0, 1, 0, 0, 0];
  const body = entries.flatMap(([key, value]) => [0, key.length, value.length, ...key, ...value]);
  const data = add([...body, ...end]).flatMap(varint);
  const meta = add(end).flatMap(varint);
  const index = add([0, 1, data.length, 0x7a, ...data, ...end]).flatMap(varint);
  const footer = [...meta, ...index];
  out.push(...footer, ...new Array<number>(40 - footer.length).fill(0));
  return Uint8Array.from([...out, 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
}

describe("messages inside a sound table", () => {
  const header = [0x08, 1];
  const entry = [0x08, 1, 0x12, 4, 0x12, 2, 0x08, 3, 0x28, 12, 0x35, 1, 2, 3, 4];
  const name = [0x77];

  it("are read", () => {
    const { entries } = parseBundleIndex(
      tableOf([
        [[], header],
        [name, entry],
      ]),
      "x",
    );
    expect(entries.get("w")).toMatchObject({ dtype: "F32", shape: [3], offset: 0, size: 12, shard: 0 });
  });

  it.each([
    ["no header", [[name, entry]], "x: has no header; the file is damaged"],
    [
      "a big-endian writer",
      [[[], [0x08, 1, 0x10, 1]]],
      "x: was written on a big-endian machine, which is not supported",
    ],
    ["no data file", [[[], []]], "x: would have 0 data files; the file is damaged"],
    [
      "a data file that is not there",
      [
        [[], header],
        [name, [...entry, 0x18, 5]],
      ],
      "x: tensor 'w' is described wrongly; the file is damaged",
    ],
    [
      "a size that is not the shape's",
      [
        [[], header],
        [name, [...entry, 0x28, 11]],
      ],
      "x: tensor 'w' of shape [3] cannot have 11 bytes; the file is damaged",
    ],
    [
      "a partitioned variable",
      [
        [[], header],
        [name, [...entry, 0x3a, 0]],
      ],
      "x: tensor 'w' is stored in parts (a partitioned variable), which is not supported; save it without partitioner",
    ],
  ] as [string, [number[], number[]][], string][])("with %s are refused", (_, entries, message) => {
    expect(() => parseBundleIndex(tableOf(entries), "x")).toThrow(message);
  });

  it("are refused or read with any bytes", () => {
    const damaged = fc.array(fc.tuple(fc.nat(entry.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(damaged, (changes) => {
        const changed = entry.slice();
        for (const [at, to] of changes) changed[at] = to;
        try {
          parseBundleIndex(
            tableOf([
              [[], header],
              [name, changed],
            ]),
            "x",
          );
        } catch (error) {
          if (!isRenogradeError(error, "FileFormatError")) throw error;
        }
      }),
      { seed: 20210927, numRuns: 2000 },
    );
  });
});

describe("crc32c", () => {
  it("gives the check value of its catalogue entry and undoes the mask", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    // leveldb util/crc32c_test.cc: 32 zero bytes.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    const masked = (((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0;
    expect(unmaskCrc32c(masked)).toBe(0xe3069283);
  });
});

describe("snappyDecompress", () => {
  const decompress = (...bytes: number[]): string =>
    new TextDecoder().decode(snappyDecompress(Uint8Array.of(...bytes), { path: "x", format: "Snappy" }));

  it("copies literals and overlapping patterns of every kind", () => {
    const ab = [0x61, 0x62];
    expect(decompress(2, 0x04, ...ab)).toBe("ab");
    expect(decompress(8, 0x04, ...ab, 0x09, 2)).toBe("abababab"); // 1-byte offset, length 6
    expect(decompress(5, 0x04, ...ab, 0x0a, 1, 0)).toBe("abbbb"); // 2-byte offset, length 3
    expect(decompress(5, 0x04, ...ab, 0x0b, 2, 0, 0, 0)).toBe("ababa"); // 4-byte offset
    expect(decompress(2, 0xf0, 1, ...ab)).toBe("ab"); // length in one more byte
  });

  it.each([
    ["an offset before the start", [4, 0x00, 0x61, 0x0a, 2, 0]],
    ["an offset of 0", [4, 0x00, 0x61, 0x0a, 0, 0]],
    ["more than it says", [1, 0x04, 0x61, 0x62]],
    ["less than it says", [3, 0x04, 0x61, 0x62]],
    ["a size that cannot be", [0xff, 0xff, 0xff, 0x7f, 0x00, 0x61]],
    ["a literal beyond the end", [8, 0x1c, 0x61]],
  ])("refuses %s", (_, bytes) => {
    expect(() => decompress(...bytes)).toThrow(/^x: /);
  });
});
