import { describe, expect, it } from "vitest";
import { declareParameters } from "../shape/summary.js";
import { resolveNetOptions, scaleChannels } from "./options.js";
import { createNetwork } from "./registry.js";

describe("presets (spec/network.md §13)", () => {
  it("paper is the default", () => {
    expect(resolveNetOptions()).toMatchObject({
      preset: "paper",
      resRelu: "block",
      gcInit: "zero-last",
      luInput: "probabilities",
      luDetach: false,
      fusionInput: "probabilities",
      fusionInit: "xavier",
      stridePadding: "symmetric",
      compositeRelu: true,
      auxBlock: "simple",
      aux100x: "decimate",
      backbone: "preact",
      hoverWindow: 270,
      width: 1,
    });
    expect(resolveNetOptions()).toEqual(resolveNetOptions({ preset: "paper" }));
  });

  it("reference differs in exactly five options", () => {
    const { preset, ...reference } = resolveNetOptions({ preset: "reference" });
    expect(preset).toBe("reference");
    expect(reference).toEqual({
      ...resolveNetOptions(),
      preset: undefined,
      resRelu: "group",
      gcInit: "xavier",
      luInput: "logits",
      fusionInput: "logits",
      stridePadding: "tf-same",
    });
  });

  it("an explicit option wins, an undefined one does not", () => {
    const net = resolveNetOptions({ preset: "reference", resRelu: "block", gcInit: undefined });
    expect(net.resRelu).toBe("block");
    expect(net.gcInit).toBe("xavier");
  });

  it("refuses values and names it does not know", () => {
    const given = (text: string) => () => resolveNetOptions(JSON.parse(text));
    expect(given('{"resRelu":"always"}')).toThrow("net.resRelu: expected block or group, received always");
    expect(given('{"dropout":0.5}')).toThrow(/net\.dropout: unknown option, expected one of preset, /);
    expect(given('{"preset":"tf"}')).toThrow("net.preset: expected paper or reference, received tf");
    expect(given('{"width":0}')).toThrow("net.width: expected a number above 0 and at most 16, received 0");
    expect(given('{"width":"1"}')).toThrow(/net\.width/);
  });
});

describe("width multiplier (spec/network.md §11)", () => {
  it("rounds to the nearest multiple of 8, ties up, at least 8", () => {
    expect([64, 128, 256, 512].map((c) => scaleChannels(c, 0.5))).toEqual([32, 64, 128, 256]);
    expect(scaleChannels(64, 0.0625)).toBe(8); // 4 is a tie between 0 and 8
    expect(scaleChannels(64, 0.1875)).toBe(16); // 12 is a tie between 8 and 16
    expect(scaleChannels(64, 0.18)).toBe(8);
    expect(scaleChannels(64, 0.001)).toBe(8);
  });

  it("leaves output channels alone and keeps one hidden GC channel", () => {
    const specs = new Map(
      declareParameters(createNetwork("chr-net", { width: 0.01 })).map((s) => [s.name, s]),
    );
    expect(specs.get("unet.out.weight")?.shape).toEqual([2, 8, 1, 1]);
    expect(specs.get("fuse.out.weight")?.shape).toEqual([5, 8, 1, 1]);
    expect(specs.get("encoder.group0.block0.gc.fc1.weight")?.shape).toEqual([1, 8, 1, 1]);
  });
});
