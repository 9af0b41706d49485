import { decodeOnnxModel, findOnnxGraphProblem, type OnnxGraph, readOnnxMetadata } from "@renograde/formats";
import { describe, expect, it } from "vitest";
import { createNetwork, networks } from "../networks/registry.js";
import { parameterHash } from "../parameter-hash.js";
import { Sha256 } from "../sha256.js";
import { declareParameters } from "../shape/summary.js";
import { randomState } from "../testing/random-state.js";
import { describeModel, type ModelAbout } from "./describe-model.js";
import { buildOnnxGraph, exportOnnx } from "./export-onnx.js";

const ABOUT: ModelAbout = {
  name: "test-model",
  mpp: 0.25,
  training: { data: "none", synthetic: true, seed: 1, epochs: 0, steps: 0, scores: {}, scoresOn: "" },
  licence: "CC0-1.0",
  intendedUse: "research use only",
  renogradeVersion: "0.1.0",
};
const network = createNetwork("chr-net", { width: 0.125 });
const state = randomState(declareParameters(network), 1);
const metadata = describeModel(network, state, ABOUT);
const operators = (graph: OnnxGraph): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const node of graph.nodes) counts[node.opType] = (counts[node.opType] ?? 0) + 1;
  return counts;
};

describe("exportOnnx", () => {
  const bytes = exportOnnx(network, {}, state, metadata);
  const model = decodeOnnxModel(bytes);

  it("states opset 17, dynamic sizes, and both outputs", () => {
    expect(model.opset).toBe(17);
    expect(model.graph.inputs).toEqual([{ name: "image", dtype: "float32", dims: ["N", 3, "H", "W"] }]);
    expect(model.graph.outputs).toEqual([
      { name: "maps", dtype: "float32", dims: ["N", 7, "mapsH", "mapsW"] },
      { name: "tasks", dtype: "float32", dims: ["N", 8, "tasksH", "tasksW"] },
    ]);
  });

  it("carries the metadata, readable without the graph", () => {
    expect(JSON.parse(readOnnxMetadata(bytes).renograde!)).toEqual(metadata);
    expect(metadata).toMatchObject({
      network: "chr-net",
      window: 262,
      output: 256,
      kept: 200,
      inputScale: 1 / 255,
      inputName: "image",
      parameterHash: parameterHash(state),
    });
  });

  it("gives the same bytes for the same weights", () => {
    const again = exportOnnx(network, {}, state, metadata);
    expect(new Sha256().update(again).digest()).toBe(new Sha256().update(bytes).digest());
  });

  it("refuses metadata of another network and states that do not fit", () => {
    expect(() => exportOnnx(network, {}, state, { ...metadata, width: 1 })).toThrow(
      "metadata.width: expected 0.125 as the network has it, received 1",
    );
    const classes = { ...metadata.classes, name: "other" };
    expect(() => exportOnnx(network, {}, state, { ...metadata, classes })).toThrow(
      /metadata\.classes: expected/,
    );
    const short = new Map([...state].slice(1));
    expect(() => exportOnnx(network, {}, short, metadata)).toThrow('"encoder.stem.conv.weight" is missing');
  });
});

describe("buildOnnxGraph", () => {
  it.each([...networks.keys()])("%s is sound, with unique names, in every form", (name) => {
    const net = createNetwork(name, { width: 1 / 16 });
    const weights = randomState(declareParameters(net), 2);
    for (const rewrite of ["none", "reorder", "full"] as const) {
      const folded = buildOnnxGraph(net, weights, { rewrite });
      expect(findOnnxGraphProblem(folded)).toBeNull();
      // Norms before a convolution stay; all others are folded.
      const open = declareParameters(net).filter((spec) =>
        /\.(preact|bnlast)\.running_mean$/.test(spec.name),
      );
      expect(operators(folded).BatchNormalization ?? 0).toBe(open.length);
      const names = [...folded.nodes.flatMap((n) => n.outputs), ...folded.initializers.map((t) => t.name)];
      expect(new Set(names).size).toBe(names.length);
      const plain = buildOnnxGraph(net, weights, { rewrite, foldBatchNorm: false });
      const norms = declareParameters(net).filter((spec) => spec.name.endsWith("running_mean")).length;
      expect(operators(plain).BatchNormalization).toBe(norms);
    }
  });

  it("names folded weights after the parameters, with a bias beside them", () => {
    const graph = buildOnnxGraph(network, state, { rewrite: "reorder" });
    const node = graph.nodes.find((n) => n.name === "encoder.stem.conv/Conv")!;
    expect(node.inputs).toEqual(["image", "encoder.stem.conv.weight", "encoder.stem.conv.bias"]);
  });

  it("folds as γ·W/√(σ²+ε) and β − γ·μ/√(σ²+ε)", () => {
    const graph = buildOnnxGraph(network, state);
    const initial = (name: string) => graph.initializers.find((t) => t.name === name)!.data;
    const given = (leaf: string) => state.get(`encoder.stem.${leaf}`)!.data;
    const scale = given("bn.weight")[3]! / Math.sqrt(given("bn.running_var")[3]! + 1e-5);
    expect(initial("encoder.stem.conv.weight")[3 * 147 + 5]).toBe(
      Math.fround(given("conv.weight")[3 * 147 + 5]! * scale),
    );
    expect(initial("encoder.stem.conv.bias")[3]).toBe(
      Math.fround(given("bn.bias")[3]! - given("bn.running_mean")[3]! * scale),
    );
  });

  it("computes each softmax once though two outputs read it", () => {
    // 30 attention maps, binary, task 1, task 2, final.
    expect(operators(buildOnnxGraph(network, state)).Softmax).toBe(30 + 4);
  });

  it("upsamples with ONNX Resize nearest, asymmetric, floor", () => {
    const resize = buildOnnxGraph(network, state).nodes.find((node) => node.opType === "Resize")!;
    expect(resize.attributes).toEqual({
      mode: { kind: "string", value: "nearest" },
      coordinate_transformation_mode: { kind: "string", value: "asymmetric" },
      nearest_mode: { kind: "string", value: "floor" },
    });
  });
});
