import { DataError } from "@renograde/core";
import { halfToNumber, numberToHalf, type OnnxGraph, type OnnxModel } from "@renograde/formats";
import { describe, expect, it } from "vitest";
import { onnxGraphOpener } from "../node/onnx-session.js";
import { runInt8Reference } from "../testing/int8-reference.js";
import { byteNetwork, GraphBuilder } from "../testing/small-network.js";
import { compareValues } from "./calibrate.js";
import { quantizeOnnxModel } from "./quantize.js";
import { roundedName } from "./quantize-graph.js";

const SIDE = 12;
const DIMS = [1, 8, SIDE, SIDE];
const OPSET = { opset: 17 };
const open = onnxGraphOpener(OPSET, 1);

/** Smooth maps with values of both signs, different for every `phase`. */
function waves(phase: number): Float32Array {
  return Float32Array.from({ length: 8 * SIDE * SIDE }, (_, i) => {
    const [x, y, c] = [i % SIDE, Math.floor(i / SIDE) % SIDE, Math.floor(i / (SIDE * SIDE))];
    return Math.sin(0.7 * x + phase + c) + 0.6 * Math.cos(0.5 * y - phase * c);
  });
}

const input = { dims: DIMS, windows: [waves(0), waves(1), waves(2)] };
const quantize = (graph: OnnxGraph, options = {}) =>
  quantizeOnnxModel({ graph, ...OPSET } satisfies OnnxModel, open, input, options);

async function run(graph: OnnxGraph, window: Float32Array, dims = DIMS): Promise<Float32Array> {
  const runner = await open(graph);
  try {
    const result = await runner.run(window, dims);
    return result.get(graph.outputs[0]!.name)!.data as Float32Array;
  } finally {
    await runner.close();
  }
}

describe("quantizeOnnxModel", () => {
  it("makes a graph that ONNX Runtime executes as the integer reference does, byte for byte", async () => {
    for (const seed of [1, 2, 3]) {
      const { model } = await quantize(byteNetwork(SIDE, seed));
      const x = waves(3 + seed);
      const reference = runInt8Reference(model.graph, x, DIMS);
      expect(await run(model.graph, x)).toEqual(reference.data);
      expect(reference.saturatedPairs).toBe(0);
    }
  });

  it("stays within 2 % of the range of the float network, with every method", async () => {
    const graph = byteNetwork(SIDE);
    const x = waves(7);
    const exact = await run(graph, x);
    const largest = exact.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    for (const range of ["mse", "minmax", "percentile"] as const) {
      const { model } = await quantize(graph, { range });
      const rounded = await run(model.graph, x);
      const mean = rounded.reduce((sum, v, i) => sum + Math.abs(v - exact[i]!), 0) / rounded.length;
      expect(mean / largest, range).toBeLessThan(0.02);
    }
  });

  it("keeps bytes from end to end: ReLUs folded, one scale for what is joined or enlarged", async () => {
    const { model, plan } = await quantize(byteNetwork(SIDE));
    expect(plan.kept).toEqual([]);
    expect([...plan.folded]).toEqual([
      ["a", "a.relu"],
      ["b", "b.relu"],
      ["sum", "sum.relu"],
    ]);
    expect(model.graph.nodes.filter((node) => node.opType === "Relu")).toEqual([]);
    expect(plan.values).toEqual(["image", "a.relu", "b.relu", "up", "joined", "c", "sum.relu", "y"]);
    // "a.relu" also feeds another convolution and keeps its own, finer scale.
    expect(Object.fromEntries(plan.parameters)).toMatchObject({
      "b.relu": "joined",
      up: "joined",
      "a.relu": "a.relu",
    });
    expect(plan.macs.int8).toBe(plan.macs.total);
  });

  it("gives the same graph again", async () => {
    const [a, b] = [await quantize(byteNetwork(SIDE)), await quantize(byteNetwork(SIDE))];
    expect(b.model).toEqual(a.model);
  });

  it("cannot saturate 16-bit sums: largest weights of one sign on largest inputs", async () => {
    const worst = worstCase();
    const ones = new Float32Array(8 * SIDE * SIDE).fill(1);
    const q = await quantizeOnnxModel({ graph: worst, ...OPSET }, open, { dims: DIMS, windows: [ones] });
    const weights = q.model.graph.initializers.find((tensor) => tensor.name === "y/weight/bytes")!;
    expect([...new Set(weights.data as Int8Array)].sort()).toEqual([-64, 64]);
    const reference = runInt8Reference(q.model.graph, ones, DIMS);
    expect(reference.saturatedPairs).toBe(0);
    expect(await run(q.model.graph, ones)).toEqual(reference.data);
    // With 8-bit weights the same sums would: the reference can tell.
    const full = {
      ...q.model.graph,
      initializers: q.model.graph.initializers.map((t) =>
        t.dtype === "int8" ? { ...t, data: t.data.map((v) => (v * 127) / 64) } : t,
      ),
    };
    expect(runInt8Reference(full, ones, DIMS).saturatedPairs).toBeGreaterThan(0);
  });

  it("leaves what is named, sensitive or tiny in float32 and says why", async () => {
    const g = new GraphBuilder(1);
    const a = g.conv("part.a", "image", { cin: 8, out: 8, kernel: 3 });
    const b = g.conv("b", a, { cin: 8, out: 8, kernel: 3 });
    g.conv("y", b, { cin: 8, out: 2, kernel: 1 });
    const graph = { ...byteNetwork(SIDE), nodes: g.nodes, initializers: g.initializers };
    const { plan, model } = await quantize(graph, { keepFloat: ["part."] });
    expect(plan.kept).toEqual([
      { name: "part.a", reason: "asked for" },
      { name: "y", reason: "makes fewer than 8 channels" },
    ]);
    expect(model.graph.nodes.find((node) => node.name === "part.a")!.inputs[0]).toBe("image");
  });

  it("takes weights stored in half precision as float32", async () => {
    const graph = byteNetwork(SIDE);
    const { model } = await quantize(storeHalf(graph));
    const { model: expected } = await quantize(roundToHalf(graph));
    expect(new Map(model.graph.initializers.map((t) => [t.name, t]))).toEqual(
      new Map(expected.graph.initializers.map((t) => [t.name, t])),
    );
    expect(model.graph.nodes).toEqual(expected.graph.nodes);
  });

  it("keeps constant outputs of dead channels", async () => {
    const g = new GraphBuilder(1);
    g.conv("y", "image", { cin: 8, out: 8, kernel: 1 });
    const initializers = g.initializers.map((t) =>
      t.name === "y.w" ? { ...t, data: (t.data as Float32Array).map((v, i) => (i < 8 ? 0 : v)) } : t,
    ) as OnnxGraph["initializers"];
    const graph = { ...byteNetwork(SIDE), nodes: g.nodes, initializers };
    const { model } = await quantize(graph);
    const [exact, rounded] = [await run(graph, waves(9)), await run(model.graph, waves(9))];
    expect(Math.abs(rounded[0]! - exact[0]!)).toBeLessThan(0.02);
  });

  it("reports the error of every value", async () => {
    const { model, index, plan } = await quantize(byteNetwork(SIDE));
    const name = (value: string) => roundedName(index, plan, value);
    const errors = await compareValues(index, model.graph, plan.values, name, open, input);
    expect(errors.map((e) => e.value)).toEqual(plan.values);
    for (const { value, signalToNoiseDb, maxError } of errors) {
      expect(signalToNoiseDb, value).toBeGreaterThan(25);
      expect(maxError, value).toBeGreaterThan(0);
    }
  });

  it("refuses graphs without anything to quantise, quantised ones, old ones, and no windows", async () => {
    const graph = byteNetwork(SIDE);
    const none = { ...graph, nodes: [{ ...graph.nodes[1]!, inputs: ["image"], outputs: ["y"] }] };
    await expect(quantize(none)).rejects.toThrow("graph 'bytes' holds no convolution, so there is nothing");
    await expect(quantize(graph, { keepFloat: [""] })).rejects.toThrow("a asked for; b asked for");
    const { model } = await quantize(graph);
    await expect(quantizeOnnxModel(model, open, input)).rejects.toThrow("is quantised already");
    await expect(quantizeOnnxModel({ graph, opset: 12 }, open, input)).rejects.toThrow("has opset 12");
    await expect(quantizeOnnxModel({ graph, ...OPSET }, open, { dims: DIMS, windows: [] })).rejects.toThrow(
      DataError,
    );
  });

  it("names the value in which calibration meets a number that is not finite", async () => {
    const windows = [waves(0).fill(Number.NaN, 5, 6)];
    await expect(
      quantizeOnnxModel({ graph: byteNetwork(SIDE), ...OPSET }, open, { dims: DIMS, windows }),
    ).rejects.toThrow("image: calibration met a value that is not a finite number");
  });
});

/** One convolution: every weight of even output channels 1, of odd ones −1. */
function worstCase(): OnnxGraph {
  const g = new GraphBuilder(1);
  g.conv("y", "image", { cin: 8, out: 8, kernel: 3 });
  const initializers = g.initializers.map((t) =>
    t.name === "y.w"
      ? { ...t, data: Float32Array.from(t.data as Float32Array, (_, i) => (Math.floor(i / 72) % 2 ? -1 : 1)) }
      : t,
  ) as OnnxGraph["initializers"];
  return { ...byteNetwork(SIDE), nodes: g.nodes, initializers };
}

/** Constants of convolutions as `renograde export` stores them in half precision. */
function storeHalf(graph: OnnxGraph): OnnxGraph {
  const weights = graph.initializers.filter((t) => t.name.endsWith(".w"));
  const casts = weights.map(({ name }) => ({
    name: `${name}.cast`,
    opType: "Cast",
    inputs: [`${name}.half`],
    outputs: [name],
    attributes: { to: { kind: "int", value: 1 } as const },
  }));
  const initializers = graph.initializers.map((t) =>
    weights.includes(t) && t.dtype === "float32"
      ? ({
          ...t,
          name: `${t.name}.half`,
          dtype: "float16",
          data: Uint16Array.from(t.data, numberToHalf),
        } as const)
      : t,
  );
  return { ...graph, nodes: [...casts, ...graph.nodes], initializers };
}

function roundToHalf(graph: OnnxGraph): OnnxGraph {
  const round = (v: number): number => halfToNumber(numberToHalf(v));
  const initializers = graph.initializers.map((t) =>
    t.name.endsWith(".w") && t.dtype === "float32" ? { ...t, data: t.data.map(round) } : t,
  );
  return { ...graph, initializers };
}
