/**
 * The same function, weights and input through the reference, libtorch and ONNX Runtime.
 *
 * Tolerances, relative to the largest value of an output (at least 1):
 * - libtorch in float64 against the reference: 1e-10. Both are exact up to the order of sums; a network is some
 *   hundred operations deep with sums of up to a few thousand terms, 2^-52 each, amplified by normalisations.
 * - ONNX Runtime against the reference: 3e-5. It computes in float32 (2^-24 per operation) through the same depth,
 *   with batch norms folded into float32 weights.
 */
import {
  type Backend,
  createNetwork,
  describeModel,
  exportOnnx,
  type NetOptions,
  networks,
  smallestInput,
} from "@renograde/nn";
import { isTorchAvailable } from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { type Case, LAYERS, OPERATIONS } from "../support/cases.js";
import {
  type Prepared,
  prepare,
  type Result,
  runModel,
  runOnnx,
  runReference,
  runTorch,
} from "../support/interpreters.js";

const TORCH_TOLERANCE = 1e-10;
const ONNX_TOLERANCE = 3e-5;

const required = (process.env.RENOGRADE_REQUIRE ?? "").split(",").includes("libtorch");
const torchReason = isTorchAvailable() || required ? "" : " (skipped: the libtorch addon is not built)";

function expectClose(actual: Result["outputs"], expected: Result["outputs"], tolerance: number): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { dims, data }] of Object.entries(expected)) {
    expect([...actual[name]!.dims], name).toEqual([...dims]);
    expect(relativeDifference(actual[name]!.data, data), name).toBeLessThan(tolerance);
  }
}

/** Largest difference over the largest expected value, which counts as at least 1; NaN counts as Infinity. */
function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = actual.length === expected.length ? 0 : Infinity;
  let scale = 1;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!);
    difference = Number.isNaN(d) ? Infinity : Math.max(difference, d);
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference / scale;
}

const prepareCase = (c: Case): Prepared => prepare((F, xs) => ({ y: c.run(F, xs) }), c.inputs, c.range);

const hasBatchNorm = ({ specs }: Prepared): boolean =>
  specs.some((spec) => spec.name.endsWith("running_mean"));

describe.each([
  ["operation", OPERATIONS],
  ["layer", LAYERS],
])("every %s agrees", (_, cases) => {
  it.each(cases.map((c) => [c.name, c] as const))("ONNX Runtime: %s", async (_name, c) => {
    const prepared = prepareCase(c);
    const { outputs } = runReference(prepared);
    expectClose(await runOnnx(prepared, outputs), outputs, ONNX_TOLERANCE);
    // Without a batch norm both graphs are the same.
    if (!hasBatchNorm(prepared)) return;
    expectClose(await runOnnx(prepared, outputs, { foldBatchNorm: false }), outputs, ONNX_TOLERANCE);
  });

  describe.skipIf(torchReason !== "")(`libtorch${torchReason}`, () => {
    it.each(cases.map((c) => [c.name, c] as const))("%s", (_name, c) => {
      const prepared = prepareCase(c);
      for (const training of [false, true]) {
        const reference = runReference(prepared, { training });
        const torch = runTorch(prepared, { training });
        expectClose(torch.outputs, reference.outputs, TORCH_TOLERANCE);
        // Running statistics are part of the result.
        for (const [name, values] of reference.state) {
          expect(relativeDifference(torch.state.get(name)!, values), name).toBeLessThan(TORCH_TOLERANCE);
        }
      }
    });
  });
});

/** Networks whose forward pass has rewrites. */
const REWRITTEN: ReadonlySet<string> = new Set(["chr-net", "shr", "mhr", "mhr-udist"]);

/** What makes a network small enough for the reference. */
const SMALL: Readonly<Record<string, NetOptions>> = {
  "chr-net": { width: 0.125 },
  "hover-net": { width: 1 / 32, hoverWindow: 256 },
  "micro-net": { width: 1 / 32 },
};

// Mask R-CNN, whose output has no fixed shape, has a file of its own.
const MAP_NETWORKS = [...networks.keys()].filter((name) => name !== "mask-rcnn");

describe.each(MAP_NETWORKS)("%s agrees", (name) => {
  const small = SMALL[name] ?? { width: 1 / 16 };
  const prepareNetwork = (preset: "paper" | "reference", rewrite: "reorder" | "full"): Prepared => {
    const network = createNetwork(name, { ...small, preset, rewrite });
    const program = <T>(F: Backend<T>, [x]: readonly T[]): Record<string, T> => {
      const { maps, tasks } = network.infer(F, x!);
      return tasks === undefined ? { maps } : { maps, tasks };
    };
    // Two sizes, 30 and 22 px for CHR-Net: heights and widths that are mixed up would show. Micro-Net has one.
    const least = smallestInput(network.geometry);
    const { step } = network.geometry;
    return prepare(program, [[1, 3, least + 2 * step, least + step]], [0, 1]);
  };
  // The ablations are made of the same parts.
  const presets = name === "chr-net" ? (["paper", "reference"] as const) : (["paper"] as const);
  const cases = presets.map((preset) => {
    const prepared = prepareNetwork(preset, "reorder");
    return { preset, prepared, expected: runReference(prepared) };
  });

  it("ONNX Runtime, every preset, every rewrite of the paper's", async () => {
    for (const { prepared, preset, expected } of cases) {
      const network = createNetwork(name, { ...small, preset });
      const metadata = describeModel(network, prepared.state, {
        name: "agreement",
        mpp: 0.25,
        training: { data: "none", synthetic: true, seed: 1, epochs: 0, steps: 0, scores: {}, scoresOn: "" },
        licence: "CC0-1.0",
        intendedUse: "research use only",
        renogradeVersion: "0.1.0",
      });
      const rewritten = preset === "paper" ? (["none", "reorder", "full"] as const) : (["full"] as const);
      for (const rewrite of REWRITTEN.has(name) ? rewritten : (["none"] as const)) {
        const bytes = exportOnnx(network, { rewrite }, prepared.state, metadata);
        const outputs = await runModel(bytes, prepared, () => "image");
        expectClose(outputs, expected.outputs, ONNX_TOLERANCE);
      }
    }
  });

  describe.skipIf(torchReason !== "")(`libtorch${torchReason}`, () => {
    it("every preset, evaluation", () => {
      for (const { prepared, expected } of cases) {
        expectClose(runTorch(prepared).outputs, expected.outputs, TORCH_TOLERANCE);
      }
    });

    // The training passes of the others are compared with PyTorch's (baselines.test.ts, hover-net.test.ts).
    if (!REWRITTEN.has(name)) return;
    it("batch statistics and every running statistic, with every rewrite", () => {
      for (const rewrite of ["reorder", "full"] as const) {
        const prepared = prepareNetwork("paper", rewrite);
        const ours = runReference(prepared, { training: true });
        const torch = runTorch(prepared, { training: true });
        expectClose(torch.outputs, ours.outputs, TORCH_TOLERANCE);
        for (const [key, values] of ours.state) {
          expect(relativeDifference(torch.state.get(key)!, values), key).toBeLessThan(TORCH_TOLERANCE);
        }
      }
    });
  });
});
