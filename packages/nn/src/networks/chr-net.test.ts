import { type ClassScheme, RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../reference/reference-backend.js";
import type { Tensor } from "../reference/tensor.js";
import { declareParameters } from "../shape/summary.js";
import { initState } from "../state.js";
import { maxDifference, randomImage, randomState } from "../testing/random-state.js";
import { productWeights } from "./fusion.js";
import type { NetOptions } from "./options.js";
import { createNetwork } from "./registry.js";

const WIDTH = 1 / 16;
const SIDE = 22; // 16 px out, d4 2×2

function run(name: string, options: NetOptions, training = false, side = SIDE) {
  const network = createNetwork(name, { width: WIDTH, ...options });
  const F = new ReferenceBackend(randomState(declareParameters(network), 7), { training });
  const dims = [1, 3, side, side];
  const image = F.tensor(dims, randomImage(dims, 3));
  return { network, F, image, outputs: network.infer(F, image) };
}
const same = (a: Tensor, b: Tensor): number => maxDifference(a.data, b.data);

describe.each(["chr-net", "mhr-udist", "mhr", "shr"])("%s", (name) => {
  it.each([
    ["evaluation", false, 14],
    ["batch statistics", true, SIDE],
  ] as const)("gives the same with every exact rewrite, %s", (_, training, side) => {
    const plain = run(name, { rewrite: "none" }, training, side);
    for (const rewrite of ["reorder", "split", "full"] as const) {
      const other = run(name, { rewrite }, training, side);
      expect(same(other.outputs.maps, plain.outputs.maps)).toBeLessThan(1e-9);
      if (plain.outputs.tasks) expect(same(other.outputs.tasks!, plain.outputs.tasks)).toBeLessThan(1e-9);
      // Running variances included: Bessel's factor is that of the enlarged map (spec/network.md §3.5).
      for (const [key, value] of plain.F.state) {
        expect(same(other.F.state.get(key)!, value), key).toBeLessThan(1e-9);
      }
    }
  });

  it("gives probabilities, and task maps where it has tasks", () => {
    const { outputs, network } = run(name, {});
    const { maps, tasks } = outputs;
    expect(maps.dims).toEqual([1, 7, 16, 16]);
    expect(network.outputs[0]!.channels.length).toBe(7);
    const at = (channel: number, pixel: number): number => maps.data[channel * 256 + pixel]!;
    for (let pixel = 0; pixel < 256; pixel++) {
      const classes = [0, 1, 2, 3, 4].map((channel) => at(channel, pixel));
      expect(classes.reduce((s, p) => s + p)).toBeCloseTo(1, 12);
      if (name !== "chr-net") expect(at(5, pixel)).toBeCloseTo(1 - classes[0]!, 12);
      if (name === "shr" || name === "mhr") expect(at(6, pixel)).toBe(0);
      else expect(at(6, pixel)).toBeGreaterThan(0);
    }
    if (name === "shr") {
      expect(tasks).toBeUndefined();
      expect(network.outputs.length).toBe(1);
    } else {
      expect(tasks!.dims).toEqual([1, 8, 8, 8]);
      for (let i = 0; i < 64; i++) {
        const sum = [0, 1, 2, 3].reduce((s, k) => s + tasks!.data[k * 64 + i]!, 0);
        expect(sum).toBeCloseTo(1, 12);
      }
    }
  });

  it("names its post-processing", () => {
    const { post } = createNetwork(name);
    const distance = name === "chr-net" || name === "mhr-udist";
    expect([post.method, post.dilate]).toEqual(distance ? ["watershed", 0] : ["components", 1]);
  });
});

describe("options of CHR-Net", () => {
  const base = run("chr-net", {}, false, 14).outputs.maps; // 8 px out
  const pick = (maps: Tensor, from: number, to: number): Float64Array =>
    Float64Array.from(maps.data.subarray(from * 64, to * 64));
  const classesOf = (maps: Tensor) => pick(maps, 0, 5);
  const nucleusOf = (maps: Tensor) => pick(maps, 5, 6);
  const distanceOf = (maps: Tensor) => pick(maps, 6, 7);
  /** Which of class, nucleus and distance maps an option changes in a forward pass. */
  const changes = (options: NetOptions): boolean[] => {
    const maps = run("chr-net", options, false, 14).outputs.maps;
    return [classesOf, nucleusOf, distanceOf].map((part) => maxDifference(part(maps), part(base)) > 1e-9);
  };

  it.each<[string, NetOptions, boolean[]]>([
    ["resRelu changes everything", { resRelu: "group" }, [true, true, true]],
    ["stridePadding changes everything", { stridePadding: "tf-same" }, [true, true, true]],
    ["luInput changes the distance alone", { luInput: "logits" }, [false, false, true]],
    ["fusionInput changes the classes alone", { fusionInput: "logits" }, [true, false, false]],
    ["compositeRelu changes the classes alone", { compositeRelu: false }, [true, false, false]],
    ["auxBlock changes the classes alone", { auxBlock: "res" }, [true, false, false]],
    ["aux100x changes the classes alone", { aux100x: "area" }, [true, false, false]],
    ["luDetach changes no value", { luDetach: true }, [false, false, false]],
    ["gcInit changes no value for given weights", { gcInit: "xavier" }, [false, false, false]],
    ["fusionInit changes no value for given weights", { fusionInit: "product" }, [false, false, false]],
  ])("%s", (_, options, expected) => {
    expect(changes(options)).toEqual(expected);
  });

  const initial = (options: NetOptions) =>
    initState(declareParameters(createNetwork("chr-net", { width: WIDTH, ...options })), 1);

  it("gcInit decides how every last GC convolution starts", () => {
    const last = (options: NetOptions): number[] =>
      [...initial(options)]
        .filter(([name]) => name.endsWith("gc.fc2.weight"))
        .map(([, { data }]) => Math.max(...data.map(Math.abs)));
    expect(last({}).length).toBe(16 + 2 + 12);
    expect(last({}).every((v) => v === 0)).toBe(true);
    expect(last({ gcInit: "xavier" }).every((v) => v > 0)).toBe(true);
  });

  it("with zero-last every GC block starts as identity", () => {
    const network = createNetwork("chr-net", { width: WIDTH });
    const specs = declareParameters(network);
    const fresh = initState(specs, 1);
    const other = new Map(fresh);
    for (const [name, tensor] of initState(specs, 2)) if (name.includes(".gc.")) other.set(name, tensor);
    const image = randomImage([1, 3, SIDE, SIDE], 1);
    const [a, b] = [fresh, other].map((state) => {
      const F = new ReferenceBackend(state, { training: true });
      return network.infer(F, F.tensor([1, 3, SIDE, SIDE], image)).maps;
    });
    expect(same(a!, b!)).toBe(0);
  });

  it("fusionInit product adds each class's channel of both tasks (spec/network.md §9)", () => {
    // Columns: task 1 bg, G1+G2, G3, Endo; task 2 bg, G1, G2+G3, Endo. Rows: bg, G1, G2, G3, Endo.
    const expected = [
      [1, 0, 0, 0, 1, 0, 0, 0],
      [0, 1, 0, 0, 0, 1, 0, 0],
      [0, 1, 0, 0, 0, 0, 1, 0],
      [0, 0, 1, 0, 0, 0, 1, 0],
      [0, 0, 0, 1, 0, 0, 0, 1],
    ];
    expect(productWeights(RCC_CLASSES)).toEqual(expected.flat());
    expect([...initial({ fusionInit: "product" }).get("fuse.out.weight")!.data]).toEqual(expected.flat());
  });

  it("γ of second batch norms starts at 0, every other at 1", () => {
    for (const [name, { data }] of initial({ auxBlock: "res" })) {
      if (!/(bn\d?|shortBn)\.weight$/.test(name)) continue;
      const second = /(group\d\.block\d|groupl\d\d|aux\d+)\.bn2\.weight$/.test(name);
      expect([name, ...new Set(data)]).toEqual([name, second ? 0 : 1]);
    }
  });

  it("feeds 100x to task 1 and 400x to task 2", () => {
    const { network, F, image } = run("chr-net", {});
    const before = network.infer(F, image).tasks!;
    for (const [name, tensor] of F.state) if (name.startsWith("aux100.conv1")) tensor.data.fill(0);
    const after = network.infer(F, image).tasks!;
    const task = (x: Tensor, k: number) => x.data.subarray(k * 256, (k + 1) * 256);
    expect(maxDifference(task(before, 0), task(after, 0))).toBeGreaterThan(1e-6);
    expect(maxDifference(task(before, 1), task(after, 1))).toBe(0);
  });
});

describe("other class schemes", () => {
  const scheme: ClassScheme = {
    name: "two",
    classes: [
      { name: "Tumour", short: "T", color: [255, 0, 0] },
      { name: "Stroma", short: "S", color: [0, 255, 0] },
    ],
    tasks: [
      { name: "any", merge: [0, 1, 1] },
      { name: "each", merge: [0, 1, 2] },
    ],
  };

  it("set the channels of every output", () => {
    const { network, outputs } = run("chr-net", { classes: scheme });
    expect(outputs.maps.dims).toEqual([1, 5, 16, 16]);
    expect(outputs.tasks!.dims).toEqual([1, 5, 8, 8]);
    expect(network.outputs).toEqual([
      {
        name: "maps",
        stride: 1,
        channels: [
          { kind: "class", id: 0 },
          { kind: "class", id: 1 },
          { kind: "class", id: 2 },
          { kind: "nucleus" },
          { kind: "distance" },
        ],
      },
      {
        name: "tasks",
        stride: 2,
        channels: [
          { kind: "task", task: 0, id: 0 },
          { kind: "task", task: 0, id: 1 },
          { kind: "task", task: 1, id: 0 },
          { kind: "task", task: 1, id: 1 },
          { kind: "task", task: 1, id: 2 },
        ],
      },
    ]);
    expect(productWeights(scheme)).toEqual([1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1]);
    expect(run("shr", { classes: scheme }).outputs.maps.dims).toEqual([1, 5, 16, 16]);
  });
});
