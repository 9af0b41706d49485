import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  createNetwork,
  declareParameters,
  elements,
  NOT_FROZEN,
  type ParameterSpec,
  type ResNet50Kind,
  resNet50Encoder,
  ShapeBackend,
} from "@renograde/nn";
import { describe, expect, it } from "vitest";
import {
  HOVER_NET_TENSORPACK,
  HOVER_NET_TORCH,
  HOVER_PREACT50,
  TENSORPACK_PREACT50,
  TORCHVISION_RESNET50,
} from "./hover-net-families.js";
import type { ForeignWeights } from "./read-weights.js";
import { familyOf, translate } from "./translate.js";

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../../fixtures/weights/${name}`, import.meta.url));

/** Lines of our name, PyTorch's, TensorFlow's and the shape. */
const rows = gunzipSync(fixture("hover-net-names.txt.gz"))
  .toString()
  .trim()
  .split("\n")
  .map((line) => {
    const [ours, torch, tf, shape] = line.split(" ");
    return { ours: ours!, torch: torch!, tf: tf!, shape: shape!.split(",").map(Number) };
  });
const isPretrained = (ours: string): boolean =>
  ours.startsWith("encoder.") && !ours.startsWith("encoder.bottom.");

const hwio = (shape: readonly number[]): readonly number[] =>
  shape.length === 4 ? [shape[2]!, shape[3]!, shape[1]!, shape[0]!] : shape;

function weightsOf(list: readonly (readonly [name: string, shape: readonly number[]])[]): ForeignWeights {
  const tensors = list.map(
    ([name, shape]) => [name, { shape, read: async () => new Float32Array(elements(shape)) }] as const,
  );
  return { path: "weights", format: "PyTorch", sha256: "", tensors: new Map(tensors) };
}

function encoderSpecs(kind: ResNet50Kind): ParameterSpec[] {
  const F = new ShapeBackend();
  resNet50Encoder(F.scope("encoder"), F.input([1, 3, 14, 14]), {
    kind,
    width: 1,
    stridePadding: "tf-same",
    freeze: NOT_FROZEN,
  });
  return F.specs;
}

const ENCODERS = [TENSORPACK_PREACT50, HOVER_PREACT50, TORCHVISION_RESNET50];

describe("pre-activation ResNet-50", () => {
  const encoder = rows.filter((row) => isPretrained(row.ours));

  it.each([
    [
      "tensorpack's npz",
      TENSORPACK_PREACT50,
      encoder.map((r) => [r.tf, hwio(r.shape)] as const),
      ["linear/W"],
    ],
    [
      "HoVer-Net's tar",
      HOVER_PREACT50,
      encoder.map((r) => [r.torch, r.shape] as const),
      ["upsample2x.unpool_mat"],
    ],
    [
      "HoVer-Net's later tar",
      HOVER_PREACT50,
      encoder.map(
        (r) => [r.torch.replace("conv0.conv.", "conv0./.").replace("_bn.", "/bn."), r.shape] as const,
      ),
      [],
    ],
  ] as const)("fills the encoder from %s but for the last 1x1", async (_, family, list, extras) => {
    const weights = weightsOf([...list, ...extras.map((name) => [name, [1]] as const)]);
    expect(familyOf(weights, ENCODERS)).toBe(family);
    const specs = encoderSpecs("preact");
    const { state, unused } = await translate(weights, family, specs);
    expect([...state.keys()].sort()).toEqual(encoder.map((row) => row.ours).sort());
    expect(specs.filter((spec) => !state.has(spec.name)).map((spec) => spec.name)).toEqual([
      "encoder.bottom.weight",
    ]);
    expect(unused).toEqual(extras);
    const trained = [...state].filter(([name]) => !name.includes("running_"));
    const numbers = trained.reduce((sum, [, { shape }]) => sum + elements(shape), 0);
    expect(numbers).toBe(25_597_504 - 2048 * 1024);
  });

  it("is not an ordinary ResNet-50", async () => {
    const list = torchvision().map(([name, shape]) => [name, shape] as const);
    expect(familyOf(weightsOf(list), [TENSORPACK_PREACT50, HOVER_PREACT50])).toBeUndefined();
  });
});

function torchvision(): [string, number[]][] {
  const lines = fixture("torchvision-resnet50.txt").toString().trim().split("\n");
  return lines.map((line) => {
    const [name, shape] = line.split(" ");
    return [name!, shape ? shape.split(",").map(Number) : []];
  });
}

describe("ordinary ResNet-50", () => {
  it("fills the encoder from torchvision's names but for the last 1x1", async () => {
    const weights = weightsOf(torchvision());
    expect(familyOf(weights, ENCODERS)).toBe(TORCHVISION_RESNET50);
    const specs = encoderSpecs("torchvision");
    const { state, unused } = await translate(weights, TORCHVISION_RESNET50, specs);
    expect(specs.filter((spec) => !state.has(spec.name)).map((spec) => spec.name)).toEqual([
      "encoder.bottom.weight",
    ]);
    expect(unused.filter((name) => !name.endsWith("num_batches_tracked"))).toEqual(["fc.weight", "fc.bias"]);
    // torchvision's published 25,557,032 without its classifier.
    const trained = [...state].filter(([name]) => !name.includes("running_"));
    expect(trained.reduce((sum, [, { shape }]) => sum + elements(shape), 0)).toBe(25_557_032 - 2_049_000);
  });
});

describe("HoVer-Net's published weights", () => {
  const specs = declareParameters(createNetwork("hover-net", { preset: "reference" }));

  it("have the tensors of our network", () => {
    expect(rows.map((row) => row.ours).sort()).toEqual(specs.map((spec) => spec.name).sort());
    const shapes = new Map(rows.map((row) => [row.ours, row.shape]));
    for (const { name, shape } of specs) expect(shapes.get(name), name).toEqual(shape);
  });

  it.each([
    ["PyTorch", HOVER_NET_TORCH, rows.map((r) => [r.torch, r.shape] as const)],
    ["TensorFlow", HOVER_NET_TENSORPACK, rows.map((r) => [r.tf, hwio(r.shape)] as const)],
  ] as const)("fill it from %s", async (_, family, list) => {
    const weights = weightsOf(list);
    expect(familyOf(weights, [HOVER_NET_TORCH, HOVER_NET_TENSORPACK])).toBe(family);
    const { state, unused } = await translate(weights, family, specs);
    expect(state.size).toBe(specs.length);
    expect(unused).toEqual([]);
    for (const row of rows) {
      expect(family.theirs(row.ours)).toBe(family === HOVER_NET_TORCH ? row.torch : row.tf);
    }
  });

  it("of another number of types are refused by name", async () => {
    const list = rows.map(
      (r) =>
        [r.torch, r.torch.startsWith("decoder.tp.u0.conv") ? [6, ...r.shape.slice(1)] : r.shape] as const,
    );
    await expect(translate(weightsOf(list), HOVER_NET_TORCH, specs)).rejects.toThrow(
      "'decoder.tp.u0.conv.weight' (our tp.out.weight) should be [5, 64, 1, 1] but is [6, 64, 1, 1]",
    );
  });
});
