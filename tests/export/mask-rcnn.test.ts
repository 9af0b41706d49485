/**
 * Mask R-CNN against torchvision (fixtures/detection/make.py) at an eighth of the width, with the same weights and
 * images: detections of the reference, of libtorch and of ONNX Runtime; losses and gradients of libtorch.
 *
 * Tolerances: float64 against torchvision's float64 1e-9; the order of sums differs. Losses and
 * gradients 1e-6: torchvision holds the targets of the anchors in float32. ONNX Runtime computes in float32: 2e-3 px and 1e-4, and a detection whose score or overlap lies that close
 * to a limit may be missing, so at least 99 % of them must be found.
 */
import { readFileSync } from "node:fs";
import { encodeOnnxModel } from "@renograde/formats";
import {
  type Backend,
  buildOnnxGraph,
  createNetwork,
  declareParameters,
  maskRcnnLoss,
  ONNX_OPSET,
  type StateTensor,
} from "@renograde/nn";
import * as torch from "@renograde/torch";
import { describe, expect, it } from "vitest";
import { describeTorch } from "../../packages/torch/src/testing/describe-torch.js";
import { prepare, runModel, runReference, runTorch } from "../support/interpreters.js";

const HEIGHT = 64;
const WIDTH = 128;
const PIXELS = HEIGHT * WIDTH;

interface Found {
  readonly box: readonly number[];
  readonly score: number;
  readonly label: number;
  /** Mean of the mask, and its value at row 3, column 20. */
  readonly mask: number;
  readonly corner: number;
}

const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/detection/mask-rcnn.json", import.meta.url), "utf8"),
) as { detections: Found[]; losses: Record<string, number>; gradients: Record<string, number> };

/** The fixture's pseudo-random numbers in [-1, 1). */
function formula(name: string, count: number): Float64Array {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619) >>> 0;
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (h + Math.imul(i, 2654435761)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2147483648 - 1;
  });
}

const network = createNetwork("mask-rcnn", { width: 0.125 });
const specs = declareParameters(network);
const state = new Map(
  specs.map(({ name, shape }): [string, StateTensor] => {
    const v = formula(
      name,
      shape.reduce((p, n) => p * n, 1),
    );
    const [out = 1, cin = 1, ...kernel] = shape;
    const limit = Math.sqrt(6 / (kernel.reduce((p, n) => p * n, 1) * (out + cin)));
    const scaled = v.map((x) => {
      if (name.endsWith("running_var")) return 1 + 0.5 * x;
      if (name.endsWith("running_mean") || name.endsWith("bias")) return 0.1 * x;
      return shape.length === 1 ? 1 + 0.2 * x : x * limit;
    });
    return [name, { shape, data: scaled }];
  }),
);
const images = formula("images", 2 * 3 * PIXELS).map((v) => v * 0.5 + 0.5);
const first = { dims: [1, 3, HEIGHT, WIDTH], data: images.slice(0, 3 * PIXELS) };

/** Two label maps with eight ellipses each, and their class maps, as the fixture draws them. */
function scenes(): { instances: Float64Array; classes: Float64Array } {
  const instances = new Float64Array(2 * PIXELS);
  const classes = new Float64Array(2 * PIXELS);
  for (let p = 0; p < 2 * PIXELS; p++) {
    const n = Math.floor(p / PIXELS);
    const [x, y] = [p % WIDTH, Math.floor((p % PIXELS) / WIDTH)];
    for (let i = 0; i < 8; i++) {
      const [cx, cy] = [12 + 24 * (i % 4), 16 + 32 * Math.floor(i / 4)];
      const [a, b] = [6 + ((i * 3 + n) % 5), 5 + ((i * 2 + n) % 6)];
      if (((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 > 1) continue;
      instances[p] = i + 1;
      classes[p] = 1 + ((i + n) % 4);
    }
  }
  return { instances, classes };
}

/** Rows of `[D, columns]` by falling score. */
function read({ dims, data }: { dims: readonly number[]; data: ArrayLike<number> }): Found[] {
  const columns = dims[1]!;
  expect(columns).toBe(6 + 5 + 784);
  return Array.from({ length: dims[0]! }, (_, i) => {
    const row = Array.from({ length: columns }, (_, c) => data[i * columns + c]!);
    const mask = row.slice(11);
    expect(row[6 + row[5]!]).toBe(row[4]); // the score is the probability of the label
    expect(row.slice(6, 11).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    return {
      box: row.slice(0, 4),
      score: row[4]!,
      label: row[5]!,
      mask: mask.reduce((a, b) => a + b) / mask.length,
      corner: mask[3 * 28 + 20]!,
    };
  }).sort((a, b) => b.score - a.score);
}

function expectSame(found: readonly Found[], digits: number): void {
  expect(found.length).toBe(fixture.detections.length);
  found.forEach((d, i) => {
    const expected = fixture.detections[i]!;
    expect(d.label).toBe(expected.label);
    d.box.forEach((v, k) => {
      expect(v).toBeCloseTo(expected.box[k]!, digits);
    });
    for (const key of ["score", "mask", "corner"] as const) expect(d[key]).toBeCloseTo(expected[key], digits);
  });
}

describe("mask-rcnn finds what torchvision's finds", () => {
  it("through ONNX Runtime, from standard operators", async () => {
    const graph = buildOnnxGraph(network, state);
    const model = encodeOnnxModel(graph, { opset: ONNX_OPSET });
    expect(graph.inputs[0]!.dims).toEqual([1, 3, "H", "W"]);
    const outputs = await runModel(model, { inputs: [first] }, () => "image");
    const found = read(outputs.detections!);
    expect(found.length).toBe(400);
    const matched = fixture.detections.filter((expected) =>
      found.some(
        (d) =>
          d.label === expected.label &&
          d.box.every((v, k) => Math.abs(v - expected.box[k]!) < 2e-3) &&
          (["score", "mask", "corner"] as const).every((key) => Math.abs(d[key] - expected[key]) < 1e-4),
      ),
    );
    expect(matched.length / fixture.detections.length).toBeGreaterThan(0.99);
  });

  it("nothing, through ONNX Runtime, where no score reaches the limit", async () => {
    const low = new Map(state);
    const bias = { shape: [5], data: Float64Array.of(50, 0, 0, 0, 0) };
    low.set("boxHead.classes.bias", bias);
    const model = encodeOnnxModel(buildOnnxGraph(network, low), { opset: ONNX_OPSET });
    const outputs = await runModel(model, { inputs: [first] }, () => "image");
    expect(outputs.detections!.dims).toEqual([0, 795]);
  });
});

describeTorch("mask-rcnn on libtorch", () => {
  const run = <R>(fn: (F: torch.TorchBackend, store: torch.ParameterStore) => R): R => {
    const store = new torch.ParameterStore(specs, state, { dtype: "float64" });
    try {
      return torch.tidy(() => fn(new torch.TorchBackend(store, { training: true }), store));
    } finally {
      store.dispose();
    }
  };

  it("finds what torchvision's finds", () => {
    run((F) => {
      const image = torch.tensor(first.data, first.dims, { dtype: "float64" });
      const found = torch.noGrad(() => network.detect!(F, image));
      expectSame(read({ dims: found.shape, data: found.toFloat64Array() }), 9);
    });
  });

  it("has torchvision's losses and gradients", () => {
    run((F, store) => {
      const { instances, classes } = scenes();
      const shape = [2, HEIGHT, WIDTH];
      const target = (data: Float64Array) => torch.tensor(data, shape, { dtype: "float64" });
      const image = torch.tensor(images, [2, 3, HEIGHT, WIDTH], { dtype: "float64" });
      const targets = { instances: target(instances), classes: target(classes) };
      const { total, terms } = maskRcnnLoss(F, image, targets, network.options, {}, (from, count) =>
        from.slice(0, count),
      );
      const names = {
        rpn: "objectness",
        rpnBox: "rpn_box_reg",
        class: "classifier",
        box: "box_reg",
        mask: "mask",
      };
      for (const [ours, theirs] of Object.entries(names)) {
        expect(terms.get(ours)!.item(), ours).toBeCloseTo(fixture.losses[`loss_${theirs}`]!, 6);
      }
      torch.backward(total);
      for (const [name, expected] of Object.entries(fixture.gradients)) {
        const gradient = store.get(name).grad?.toFloat64Array() ?? new Float64Array(1);
        const mean = gradient.reduce((sum, v) => sum + Math.abs(v), 0) / gradient.length;
        expect(Math.abs(mean - expected), name).toBeLessThanOrEqual(1e-6 * expected);
      }
    });
  });

  it("draws the same samples for the same random numbers", () => {
    const blank = new Float64Array(PIXELS);
    const losses = [1, 1].map(() =>
      run((F) => {
        const { instances, classes } = scenes();
        const target = (data: Float64Array) => torch.tensor(data, [2, HEIGHT, WIDTH], { dtype: "float64" });
        const image = torch.tensor(images, [2, 3, HEIGHT, WIDTH], { dtype: "float64" });
        // The second image without nuclei.
        instances.set(blank, PIXELS);
        return network
          .loss(F, image, { instances: target(instances), classes: target(classes) })
          .total.item();
      }),
    );
    expect(losses[0]).toBe(losses[1]);
    expect(Number.isFinite(losses[0])).toBe(true);
  });
});

describeTorch("the reference interpreter", () => {
  it("finds what libtorch and ONNX Runtime find, in a narrow network", async () => {
    const narrow = createNetwork("mask-rcnn", { width: 1 / 64 });
    const program = <T>(F: Backend<T>, [image]: readonly T[]) => ({ y: narrow.detect!(F, image!) });
    const prepared = prepare(program, [[1, 3, 32, 32]], [0, 1]);
    const ours = runReference(prepared).outputs.y!;
    expect(ours.dims[0]).toBeGreaterThan(5);
    const found = read(ours);
    const compare = (others: readonly Found[], tolerance: number) => {
      expect(others.length).toBe(found.length);
      others.forEach((d, i) => {
        const numbers = (one: Found) => [...one.box, one.score, one.label, one.mask, one.corner];
        numbers(d).forEach((v, k) => {
          expect(Math.abs(v - numbers(found[i]!)[k]!)).toBeLessThan(tolerance);
        });
      });
    };
    compare(read(runTorch(prepared).outputs.y!), 1e-9);
    const graph = buildOnnxGraph(narrow, prepared.state);
    const model = encodeOnnxModel(graph, { opset: ONNX_OPSET });
    compare(read((await runModel(model, prepared, () => "image")).detections!), 2e-3);
  });
});
