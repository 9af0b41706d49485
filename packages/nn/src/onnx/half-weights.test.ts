import { halfToNumber } from "@renograde/formats";
import { describe, expect, it } from "vitest";
import { createNetwork } from "../networks/registry.js";
import { declareParameters } from "../shape/summary.js";
import { initState } from "../state.js";
import { buildOnnxGraph } from "./export-onnx.js";

describe("weights stored as float16", () => {
  const network = createNetwork("shr", { width: 0.125 });
  const state = initState(declareParameters(network), 1);
  const plain = buildOnnxGraph(network, state);
  const half = buildOnnxGraph(network, state, { weights: "float16" });

  it("replaces every large initialiser by half the bytes and a Cast to its name", () => {
    const bytes = (graph: typeof plain): number =>
      graph.initializers.reduce((sum, t) => sum + t.data.byteLength, 0);
    expect(bytes(half) / bytes(plain)).toBeLessThan(0.52);
    const casts = half.nodes.filter((node) => node.opType === "Cast");
    const large = plain.initializers.filter((t) => t.dtype === "float32" && t.data.length >= 256);
    expect(casts.map((node) => node.outputs[0])).toEqual(large.map((t) => t.name));
    expect(half.nodes.slice(casts.length)).toEqual(plain.nodes);
  });

  it("keeps every weight to 11 bits", () => {
    let worst = 0;
    for (const tensor of plain.initializers) {
      const stored = half.initializers.find((t) => t.name === `${tensor.name}.half`);
      if (tensor.dtype !== "float32" || stored?.dtype !== "float16") continue;
      for (const [i, value] of tensor.data.entries()) {
        const allowed = Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);
        worst = Math.max(worst, Math.abs(halfToNumber(stored.data[i]!) - value) / allowed);
      }
    }
    expect(worst).toBeGreaterThan(0.5);
    expect(worst).toBeLessThanOrEqual(1);
  });
});
