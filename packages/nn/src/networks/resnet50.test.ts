import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "../backend.js";
import { elements } from "../shape/rules.js";
import { ShapeBackend } from "../shape/shape-backend.js";
import { type FreezeOptions, NOT_FROZEN } from "./freeze.js";
import { isResNet50Frozen, type ResNet50EncoderSpec, resNet50Body, resNet50Encoder } from "./resnet50.js";

const SPEC: ResNet50EncoderSpec = {
  kind: "preact",
  width: 1,
  stridePadding: "symmetric",
  freeze: NOT_FROZEN,
};

function declare(side: number, spec: Partial<ResNet50EncoderSpec> = {}) {
  const F = new ShapeBackend();
  const maps = resNet50Encoder(F.scope("encoder"), F.input([1, 3, side, side]), { ...SPEC, ...spec });
  return { F, dims: [maps.d1.dims, maps.d2.dims, maps.d3.dims, maps.d4.dims] };
}

const count = (specs: readonly ParameterSpec[], role = "parameter"): number =>
  specs.filter((spec) => spec.role === role).reduce((sum, spec) => sum + elements(spec.shape), 0);
const names = (specs: readonly ParameterSpec[], part: string): string[] =>
  specs.map((spec) => spec.name).filter((name) => name.startsWith(part));
const bn = (prefix: string): string[] =>
  ["weight", "bias", "running_mean", "running_var"].map((leaf) => `${prefix}.${leaf}`);

describe("ResNet-50 encoders (spec/baselines.md §2)", () => {
  it("pre-activation: 25,597,504 parameters with the last 1×1", () => {
    const { F } = declare(270);
    expect(count(F.specs)).toBe(25_597_504);
    expect(names(F.specs, "encoder.group0.block0.")).toEqual([
      ...["conv1.weight", ...bn("bn1"), "conv2.weight", ...bn("bn2"), "conv3.weight", "short.weight"].map(
        (leaf) => `encoder.group0.block0.${leaf}`,
      ),
    ]);
    expect(names(F.specs, "encoder.group3.block2.")).toEqual([
      ...[...bn("preact"), "conv1.weight", ...bn("bn1"), "conv2.weight", ...bn("bn2"), "conv3.weight"].map(
        (leaf) => `encoder.group3.block2.${leaf}`,
      ),
    ]);
    expect(names(F.specs, "encoder.group3.bnlast")).toEqual(bn("encoder.group3.bnlast"));
    expect(names(F.specs, "encoder.bottom")).toEqual(["encoder.bottom.weight"]);
  });

  it("ordinary: torchvision's 23,508,032 parameters without classifier, and the last 1×1", () => {
    const { F } = declare(270, { kind: "torchvision" });
    expect(count(F.specs)).toBe(23_508_032 + 2048 * 1024);
    expect(names(F.specs, "encoder.group1.block0.")).toEqual(
      [
        ...["conv1.weight", ...bn("bn1"), "conv2.weight", ...bn("bn2"), "conv3.weight", ...bn("bn3")],
        ...["short.weight", ...bn("shortBn")],
      ].map((leaf) => `encoder.group1.block0.${leaf}`),
    );
    expect(names(F.specs, "encoder.group1.block1.").length).toBe(15);
  });

  it.each(["preact", "torchvision"] as const)("%s: four maps at 1, 1/2, 1/4, 1/8", (kind) => {
    const maps = (n: number) => [
      [1, 256, 8 * n, 8 * n],
      [1, 512, 4 * n, 4 * n],
      [1, 1024, 2 * n, 2 * n],
      [1, 1024, n, n],
    ];
    expect(declare(390, { kind }).dims).toEqual(maps(48));
    expect(declare(270, { kind, stridePadding: "tf-same" }).dims).toEqual(maps(33));
    expect(declare(256, { kind, stemPadding: 3 }).dims).toEqual(maps(32));
  });

  it("width scales every layer", () => {
    const { F, dims } = declare(14, { width: 0.125 });
    expect(dims.map((d) => d[1])).toEqual([32, 64, 128, 128]);
    expect(F.specs.find((s) => s.name === "encoder.group0.block0.conv1.weight")?.shape).toEqual([8, 8, 1, 1]);
  });

  it("an ordinary body with fixed norms: 23,454,912 parameters are trained with the stem's 9,408", () => {
    const F = new ShapeBackend();
    const { width, stridePadding, freeze } = SPEC;
    const spec = { width, stridePadding, freeze, fixedNorms: true };
    const maps = resNet50Body(F.scope("encoder"), F.input([1, 64, 128, 128]), spec);
    expect(maps.map((m) => m.dims)).toEqual([
      [1, 256, 128, 128],
      [1, 512, 64, 64],
      [1, 1024, 32, 32],
      [1, 2048, 16, 16],
    ]);
    expect(count(F.specs)).toBe(23_454_912 - 9_408);
    expect(F.specs.filter((s) => s.role === "buffer").length).toBe(4 * 52);
  });
});

describe("freezing (spec/baselines.md §6, spec/network.md §13)", () => {
  const trained = (kind: "preact" | "torchvision", freeze: FreezeOptions): string[] =>
    declare(14, { kind, width: 0.125, freeze })
      .F.specs.filter((s) => s.role === "parameter" && !isResNet50Frozen(s.name, freeze.scope))
      .map((s) => s.name.replace("encoder.", ""));

  it("encoder: only the last 1×1 trains", () => {
    for (const kind of ["preact", "torchvision"] as const) {
      expect(trained(kind, { scope: "encoder" })).toEqual(["bottom.weight"]);
      expect(trained(kind, { scope: "none" }).length).toBe(kind === "preact" ? 152 : 160);
    }
  });

  it("reference: stem, first shortcut, the first group's closing norm and the last 1×1 train", () => {
    const stem = ["stem.conv.weight", "stem.bn.weight", "stem.bn.bias"];
    const short = "group0.block0.short.weight";
    expect(trained("preact", { scope: "reference" })).toEqual([
      ...stem,
      short,
      "group0.bnlast.weight",
      "group0.bnlast.bias",
      "bottom.weight",
    ]);
    expect(trained("torchvision", { scope: "reference" })).toEqual([
      ...stem,
      short,
      "group0.block0.shortBn.weight",
      "group0.block0.shortBn.bias",
      "bottom.weight",
    ]);
  });

  it("leaves other networks' names alone", () => {
    expect(isResNet50Frozen("np.u3.conva.weight", "encoder")).toBe(false);
  });
});
