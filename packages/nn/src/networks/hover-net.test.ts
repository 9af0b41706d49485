import { type ClassScheme, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../reference/reference-backend.js";
import { ShapeBackend } from "../shape/shape-backend.js";
import { declareParameters, summarize } from "../shape/summary.js";
import { initState } from "../state.js";
import { randomImage, randomState } from "../testing/random-state.js";
import { trainableParameters } from "./freeze.js";
import type { NetOptions } from "./options.js";
import { createNetwork } from "./registry.js";

const NUCLEI: ClassScheme = {
  name: "nuclei",
  classes: [{ name: "Nucleus", short: "N", color: [0, 0, 0] }],
  tasks: [
    { name: "one", merge: [0, 1] },
    { name: "two", merge: [0, 1] },
  ],
};
const giga = (macs: number): string => (macs / 1e9).toFixed(2);
/** Small enough for the reference. */
const SMALL: NetOptions = { width: 1 / 32, hoverWindow: 256 };

describe("HoVer-Net (spec/baselines.md §2, §6)", () => {
  it.each<[string, NetOptions, number, string, number, number]>([
    ["default", {}, 54_744_457, "196.09", 270, 80],
    ["350", { hoverWindow: 350 }, 54_744_457, "379.00", 350, 160],
    ["fast", { hoverWindow: 256 }, 37_639_561, "148.93", 256, 164],
    ["without types", { classes: NUCLEI }, 45_028_676, "161.11", 270, 80],
  ])("%s: %j has %i parameters and %s GMAC, %i to %i px", (_, options, parameters, gmac, input, output) => {
    const network = createNetwork("hover-net", options);
    const { total, inputSide, outputSide } = summarize(network);
    expect([total.parameters, giga(total.macs.none), inputSide, outputSide]).toEqual([
      parameters,
      gmac,
      input,
      output,
    ]);
    const F = new ShapeBackend({ training: false });
    const { maps, tasks } = network.infer(F, F.input([2, 3, input + 16, input]));
    expect(maps.dims).toEqual([2, network.outputs[0]!.channels.length, output + 16, output]);
    expect(tasks).toBeUndefined();
  });

  it("has three decoders of the same form, two without types", () => {
    const parts = (options: NetOptions): [string, number][] =>
      summarize(createNetwork("hover-net", options)).parts.map((p) => [p.name, p.tensors]);
    expect(parts({})).toEqual([
      ["encoder", 152],
      ["np", 85],
      ["hv", 85],
      ["tp", 85],
    ]);
    expect(parts({ classes: NUCLEI }).map(([name]) => name)).toEqual(["encoder", "np", "hv"]);
    const names = declareParameters(createNetwork("hover-net"))
      .map((spec) => spec.name)
      .filter((name) => /^np\..*weight$/.test(name));
    const unit = (stage: string, i: number): string[] =>
      ["preact", "conv1", "bn1", "conv2"].map((leaf) => `np.${stage}.dense.unit${i}.${leaf}.weight`);
    const stage = (name: string, units: number): string[] => [
      `np.${name}.conva.weight`,
      ...Array.from({ length: units }, (_, i) => unit(name, i)).flat(),
      `np.${name}.dense.bnlast.weight`,
      `np.${name}.convf.weight`,
    ];
    expect(names).toEqual([
      ...stage("u3", 8),
      ...stage("u2", 4),
      "np.u1.conva.weight",
      "np.bn.weight",
      "np.out.weight",
    ]);
  });

  it("names its outputs, its targets and its post-processing", () => {
    const network = createNetwork("hover-net");
    expect(network.targets).toEqual(["binary", "offsets", "classes"]);
    expect(createNetwork("hover-net", { classes: NUCLEI }).targets).toEqual(["binary", "offsets"]);
    expect(network.outputs).toEqual([
      {
        name: "maps",
        stride: 1,
        channels: [
          ...[0, 1, 2, 3, 4].map((id) => ({ kind: "class", id })),
          { kind: "nucleus" },
          { kind: "offset", axis: "x" },
          { kind: "offset", axis: "y" },
        ],
      },
    ]);
    expect(network.post).toMatchObject({ method: "hover-net", minArea: 10, voteBackground: true });
    expect(
      [270, 350, 256].map(
        (hoverWindow) => createNetwork("hover-net", { hoverWindow } as NetOptions).geometry,
      ),
    ).toEqual([
      { window: 270, output: 80, kept: 80, step: 8, rim: 190 },
      { window: 350, output: 160, kept: 160, step: 8, rim: 190 },
      { window: 256, output: 164, kept: 164, step: 8, rim: 92 },
    ]);
  });

  it.each([
    ["with types", RCC_CLASSES, 8],
    ["without", NUCLEI, 5],
  ])("gives probabilities %s", (_, classes, channels) => {
    const network = createNetwork("hover-net", { ...SMALL, classes });
    const F = new ReferenceBackend(randomState(declareParameters(network), 7));
    const { maps } = network.infer(F, F.tensor([1, 3, 96, 96], randomImage([1, 3, 96, 96], 3)));
    expect(maps.dims).toEqual([1, channels, 4, 4]);
    const count = classes.classes.length;
    for (let p = 0; p < 16; p++) {
      const at = (c: number): number => maps.data[c * 16 + p]!;
      let sum = 0;
      for (let c = 0; c <= count; c++) sum += at(c);
      expect(sum).toBeCloseTo(1, 12);
      if (count === 1) expect(at(2)).toBe(at(1));
      else expect(at(count + 1)).toBeGreaterThan(0);
    }
  });

  it("starts as Kaiming normal, fan-out", () => {
    const state = initState(declareParameters(createNetwork("hover-net", { width: 0.25 })), 1);
    const deviation = (name: string): number => {
      const data = Array.from(state.get(name)!.data);
      return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
    };
    // 256·5² and, of four groups, all 8·5² outputs.
    expect(deviation("np.u3.conva.weight")).toBeCloseTo(Math.sqrt(2 / (64 * 25)), 4);
    expect(deviation("hv.u3.dense.unit0.conv2.weight") / Math.sqrt(2 / (8 * 25))).toBeCloseTo(1, 1);
    expect(deviation("encoder.group3.block1.conv2.weight")).toBeCloseTo(Math.sqrt(2 / (128 * 9)), 4);
    expect(Math.max(...state.get("tp.out.bias")!.data.map(Math.abs))).toBe(0);
  });

  it("trains its decoders and the last 1×1 while the encoder stands still", () => {
    const network = createNetwork("hover-net", SMALL);
    const specs = declareParameters(network);
    const left = specs.filter((s) => s.role === "parameter" && !network.isFrozen(s.name, "encoder"));
    expect(left.filter((s) => s.name.startsWith("encoder.")).map((s) => s.name)).toEqual([
      "encoder.bottom.weight",
    ]);
    expect(left.length).toBe(1 + 3 * 85);
    expect(trainableParameters(specs, "none").length).toBe(152 + 3 * 85);
  });
});
