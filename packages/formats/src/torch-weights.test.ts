import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { isTorchTensor, parseTorch, type TorchValue, torchTensors, torchToFloat32 } from "./torch-weights.js";
import { encodeZip } from "./zip.js";

const fixture = (name: string): URL => new URL(`../../../fixtures/weights/${name}`, import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(name)));
const expected: Record<string, { shape: number[]; values: number[] }> = JSON.parse(
  readFileSync(fixture("torch.json"), "utf8"),
);
/** zip.pth, legacy.pth and protocol4.pth are PyTorch 1.13's, modern.pth is 2.13's. */
const FILES = ["zip.pth", "legacy.pth", "protocol4.pth", "modern.pth"];

/** Reads every tensor, so that damage inside any of them is met. */
function parse(bytes: Uint8Array, path: string): unknown {
  return [...torchTensors(parseTorch(bytes, path)).values()].map((tensor) => tensor.read());
}

function dictionary(value: TorchValue | undefined): ReadonlyMap<string, TorchValue> {
  if (!(value instanceof Map)) throw new TypeError("a dictionary was expected");
  return value;
}

/** An older file with the given pickle as its value and no storages. */
function legacyWith(pickle: string): Uint8Array {
  const magic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const text = `${magic}\x80\x02M\xe9\x03.\x80\x02}.\x80\x02${pickle}\x80\x02].`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

describe("parseTorch", () => {
  it.each(FILES)("reads every dtype and view of %s", (name) => {
    const root = dictionary(parseTorch(file(name), name));
    const tensors = torchTensors(root);
    for (const [key, { shape, values }] of Object.entries(expected)) {
      const tensor = tensors.get(key.startsWith("desc.") ? key : `tensors.${key}`)!;
      expect(tensor.shape, key).toEqual(shape);
      // desc was drawn at random by another PyTorch in modern.pth.
      if (name === "modern.pth" && key.startsWith("desc.")) continue;
      expect(Array.from(torchToFloat32(tensor)), key).toEqual(values.map(Math.fround));
    }
    expect([...tensors.keys()].filter((key) => key.startsWith("desc."))).toEqual([
      "desc.0.weight",
      "desc.1.weight",
      "desc.1.bias",
      "desc.1.running_mean",
      "desc.1.running_var",
      "desc.1.num_batches_tracked",
    ]);
  });

  it.each(FILES)("reads the plain values of %s beside the tensors", (name) => {
    const root = dictionary(parseTorch(file(name), name));
    expect(root.get("epoch")).toBe(50);
    expect(root.get("big")).toBe(2n ** 70n);
    expect(root.get("lr")).toBe(1e-4);
    expect(root.get("name")).toBe("nüclei");
    expect(root.get("none")).toBeNull();
    expect(root.get("flags")).toEqual([true, false, [1, "two", 3]]);
    expect(root.get("size")).toEqual([3, 4]);
    const parameter = root.get("parameter")!;
    expect(isTorchTensor(parameter) && Array.from(parameter.read() as ArrayLike<number | bigint>)).toEqual([
      1.5,
    ]);
    const dtypes = [...dictionary(root.get("tensors"))]
      .slice(0, 10)
      .map(([, t]) => isTorchTensor(t) && t.dtype);
    expect(dtypes).toEqual(["F32", "F64", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]);
  });

  it("refuses a saved module by the name of its class", () => {
    expect(() => parseTorch(file("module.pth"), "module.pth")).toThrow(
      /^module\.pth:\S+: refers to 'torch\.nn\.modules\.container\.Sequential', which is not loaded/,
    );
  });

  it("refuses code", () => {
    const attack = legacyWith("cos\nsystem\nX\x04\x00\x00\x00true\x85R.");
    expect(() => parseTorch(attack, "x.pth")).toThrow(/^x\.pth: refers to 'os\.system', which is not loaded/);
    const builtin = legacyWith("\x8c\x08builtins\x8c\x04eval\x93X\x01\x00\x00\x001\x85R.");
    expect(() => parseTorch(builtin, "x.pth")).toThrow(/refers to 'builtins\.eval'/);
    expect(() => parseTorch(legacyWith("K\x01)R."), "x.pth")).toThrow(/no known global is called/);
    expect(() => parseTorch(legacyWith("]}b."), "x.pth")).toThrow(/attributes are given/);
  });

  it.each([
    ["a list in itself", "]q\x00h\x00a."],
    ["lists nested without end", `${"]".repeat(20_000)}${"a".repeat(19_999)}.`],
    ["shared lists that unfold to millions", `]q\x000${`]${"h\x00a".repeat(200)}q\x000`.repeat(6)}h\x00.`],
  ])("refuses %s", (_, pickle) => {
    expect(() => parseTorch(legacyWith(pickle), "x.pth")).toThrow(
      /^x\.pth: its values are nested too deeply/,
    );
  });

  it("names the tensor that does not fit its storage", () => {
    // {"w": a tensor of [1000, 1000000, 1000000] over a storage of 4 elements}
    const storage =
      "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04NtQ";
    const shape = "(M\xe8\x03J\x40\x42\x0f\x00J\x40\x42\x0f\x00t(K\x00K\x00K\x00t";
    const rebuild = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\x00${shape}\x89}tR`;
    const keys = "](X\x01\x00\x00\x000e.";
    const start = legacyWith(`}X\x01\x00\x00\x00w${rebuild}s.`);
    const list = Uint8Array.from(`${keys}\x04\x00\x00\x00\x00\x00\x00\x00${"\0".repeat(16)}`, (c) =>
      c.charCodeAt(0),
    );
    const bytes = new Uint8Array([...start.subarray(0, -2), ...list]);
    expect(() => parseTorch(bytes, "x.pth")).toThrow(
      "x.pth: tensor 'w' of shape [1000, 1000000, 1000000] does not fit its storage of 4 elements; the file is damaged",
    );
  });

  it("refuses files of other kinds", () => {
    expect(() => parseTorch(new Uint8Array(0), "x.pth")).toThrow(/^x\.pth: not a file of torch\.save/);
    expect(() => parseTorch(encodeZip([["a.npy", new Uint8Array(3)]]), "x.pth")).toThrow(/no data\.pkl/);
  });

  it.each(FILES)("refuses every truncation of %s", (name) => {
    expect(acceptedTruncations(parse, file(name))).toEqual([]);
  });

  it.each(FILES)("refuses or reads %s with changed bytes", (name) => {
    assertFlipsAreHandled(parse, file(name));
  });
});
