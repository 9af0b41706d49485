import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "./backend.js";
import { createNetwork } from "./networks/registry.js";
import { parameterHash } from "./parameter-hash.js";
import { Sha256 } from "./sha256.js";
import { declareParameters } from "./shape/summary.js";
import { checkState, initState, type StateTensor } from "./state.js";

const specs = declareParameters(createNetwork("chr-net", { width: 0.125 }));

describe("initState", () => {
  it("draws Xavier uniform: limit √(6/(k²·Cin + k²·Cout)), mean 0, variance limit²/3", () => {
    const spec: ParameterSpec = {
      name: "w",
      shape: [64, 32, 3, 3],
      init: { kind: "xavier" },
      role: "parameter",
    };
    const data = Array.from(initState([spec], 1).get("w")!.data);
    const limit = Math.sqrt(6 / (9 * 32 + 9 * 64));
    const mean = data.reduce((s, v) => s + v, 0) / data.length;
    const variance = data.reduce((s, v) => s + v * v, 0) / data.length;
    expect(Math.max(...data)).toBeLessThanOrEqual(limit);
    expect(Math.max(...data)).toBeGreaterThan(0.999 * limit);
    expect(Math.min(...data)).toBeLessThan(-0.999 * limit);
    expect(Math.abs(mean)).toBeLessThan(0.01 * limit);
    expect(variance / (limit ** 2 / 3)).toBeCloseTo(1, 1);
  });

  it("depends on seed and name alone", () => {
    const all = initState(specs, 5);
    const one = specs.find((spec) => spec.name === "hrfe2.com_11.conv.weight")!;
    expect(initState([one], 5).get(one.name)).toEqual(all.get(one.name));
    expect(initState([one], 6).get(one.name)).not.toEqual(all.get(one.name));
    expect([...all.keys()]).toEqual(specs.map((spec) => spec.name));
  });

  it("is pinned, so that a seed means the same for ever", () => {
    expect(parameterHash(initState(specs, 1))).toMatchInlineSnapshot(
      `"3dc1c81dbf02295c56b1b15252a8e28bd7ed5f6babfc0709c8c482ae0bd0c181"`,
    );
  });
});

describe("checkState", () => {
  it("accepts a fresh state and lists what is wrong with another", () => {
    const state = initState(specs, 1);
    expect(() => checkState(specs, state)).not.toThrow();
    state.delete("fuse.out.bias");
    state.set("extra", { shape: [1], data: new Float32Array(1) });
    state.set("unet.out.bias", { shape: [3], data: new Float32Array(3) });
    expect(() => checkState(specs, state, "run/last.safetensors")).toThrow(
      'run/last.safetensors: "fuse.out.bias" is missing; "unet.out.bias" should be [2] but is [3] with 3 values; "extra" does not belong to the network',
    );
  });
});

describe("hashes", () => {
  it("SHA-256 gives the values of FIPS 180-4's examples", () => {
    const hash = (text: string): string => new Sha256().update(new TextEncoder().encode(text)).digest();
    expect(hash("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hash("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).toBe(
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    expect(hash("a".repeat(1_000_000))).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  it("SHA-256 does not depend on how the bytes are cut", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
    const whole = new Sha256().update(bytes).digest();
    for (const cut of [1, 55, 56, 63, 64, 65, 128, 200]) {
      expect(new Sha256().update(bytes.subarray(0, cut)).update(bytes.subarray(cut)).digest()).toBe(whole);
    }
  });

  it("parameterHash ignores order and precision, sees names, shapes and values", () => {
    const hash = (...entries: [string, StateTensor][]): string => parameterHash(new Map(entries));
    const a = { shape: [2], data: Float32Array.of(1, 2) };
    const b = { shape: [1], data: Float32Array.of(3) };
    const expected = hash(["a", a], ["b", b]);
    expect(hash(["b", b], ["a", a])).toBe(expected);
    expect(hash(["a", { ...a, data: Float64Array.of(1, 2) }], ["b", b])).toBe(expected);
    expect(hash(["a", { ...a, shape: [2, 1] }], ["b", b])).not.toBe(expected);
    expect(hash(["a", { ...a, data: Float32Array.of(1, 2.5) }], ["b", b])).not.toBe(expected);
    expect(hash(["a", a], ["c", b])).not.toBe(expected);
  });
});
