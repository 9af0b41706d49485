import { describe, expect, it } from "vitest";
import type { StateTensor } from "../state.js";
import { ReferenceBackend } from "./reference-backend.js";
import type { Tensor } from "./tensor.js";

const F = new ReferenceBackend(new Map());
const t = (dims: number[], values: number[]): Tensor => F.tensor(dims, values);
const values = (x: Tensor): number[] => [...x.data];
/** 1, 2, …, n in the given shape. */
const count = (...dims: number[]): Tensor =>
  t(
    dims,
    Array.from({ length: dims.reduce((p, v) => p * v, 1) }, (_, i) => i + 1),
  );

describe("convolutions, by hand", () => {
  it("conv2d is a cross-correlation", () => {
    const x = t([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const w = t([1, 1, 2, 2], [1, 0, 0, -1]);
    expect(values(F.conv2d(x, w, t([1], [10])))).toEqual([6, 6, 6, 6]);
  });

  it("padding is top, left, bottom, right; stride samples from the padded corner", () => {
    const x = count(1, 1, 4, 4);
    const w = t([1, 1, 3, 3], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
    // Symmetric padding centres on pixel 2i, TensorFlow's (0,0,1,1) on 2i+1 (spec/network.md §2).
    expect(values(F.conv2d(x, w, null, { stride: 2, padding: [1, 1, 1, 1] }))).toEqual([1, 3, 9, 11]);
    expect(values(F.conv2d(x, w, null, { stride: 2, padding: [0, 0, 1, 1] }))).toEqual([6, 8, 14, 16]);
    expect(F.conv2d(x, w, null, { padding: [1, 0, 0, 0] }).dims).toEqual([1, 1, 3, 2]);
  });

  it("groups keep channels apart", () => {
    const x = t([1, 2, 1, 2], [1, 2, 10, 20]);
    const w = t([4, 1, 1, 1], [1, 2, 3, 4]);
    expect(values(F.conv2d(x, w, null, { groups: 2 }))).toEqual([1, 2, 2, 4, 30, 60, 40, 80]);
  });

  it("convTranspose2d scatters the kernel", () => {
    const x = t([1, 1, 1, 2], [1, 10]);
    const w = t([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const y = F.convTranspose2d(x, w, null, { stride: 2 });
    expect(y.dims).toEqual([1, 1, 2, 5]);
    expect(values(y)).toEqual([1, 2, 13, 20, 30, 4, 5, 46, 50, 60]);
    const cropped = F.convTranspose2d(x, w, t([1], [100]), { stride: 2, padding: [1, 1, 0, 2] });
    expect(cropped.dims).toEqual([1, 1, 1, 2]);
    expect(values(cropped)).toEqual([105, 146]);
  });

  it("convTranspose2d with groups", () => {
    const x = t([1, 2, 1, 1], [1, 10]);
    const w = t([2, 2, 1, 1], [1, 2, 3, 4]);
    expect(values(F.convTranspose2d(x, w, null, { groups: 2 }))).toEqual([1, 2, 30, 40]);
  });
});

describe("batch norm, by hand", () => {
  const state = (): Map<string, StateTensor> =>
    new Map([
      ["weight", { shape: [1], data: Float64Array.of(2) }],
      ["bias", { shape: [1], data: Float64Array.of(1) }],
      ["mean", { shape: [1], data: Float64Array.of(5) }],
      ["variance", { shape: [1], data: Float64Array.of(9) }],
    ]);
  const run = (training: boolean, options: Parameters<ReferenceBackend["batchNorm"]>[2]) => {
    const B = new ReferenceBackend(state(), { training });
    const p = {
      weight: B.param("weight", [1]),
      bias: B.param("bias", [1]),
      runningMean: B.buffer("mean", [1]),
      runningVar: B.buffer("variance", [1]),
    };
    const y = B.batchNorm(t([2, 1, 1, 2], [1, 3, 5, 7]), p, { eps: 0, ...options });
    return { y: values(y), mean: p.runningMean.data[0]!, variance: p.runningVar.data[0]! };
  };

  it("in evaluation uses running statistics and leaves them", () => {
    const { y, mean, variance } = run(false, {});
    [1 - 8 / 3, 1 - 4 / 3, 1, 1 + 4 / 3].forEach((v, i) => {
      expect(y[i]).toBeCloseTo(v, 12);
    });
    expect([mean, variance]).toEqual([5, 9]);
  });

  it("in training uses the batch: mean 4, variance 5, and moves by 0.1 with N/(N−1)", () => {
    const { y, mean, variance } = run(true, {});
    [-3, -1, 1, 3].forEach((v, i) => {
      expect(y[i]).toBeCloseTo(1 + (2 * v) / Math.sqrt(5), 12);
    });
    expect(mean).toBeCloseTo(0.9 * 5 + 0.1 * 4, 12);
    expect(variance).toBeCloseTo(0.9 * 9 + 0.1 * 5 * (4 / 3), 12);
  });

  it("replication changes Bessel's factor alone: N′ = 4·4", () => {
    const { y, variance } = run(true, { replication: 4 });
    expect(y).toEqual(run(true, {}).y);
    expect(variance).toBeCloseTo(0.9 * 9 + 0.1 * 5 * (16 / 15), 12);
  });

  it("useRunning freezes the statistics while training", () => {
    expect(run(true, { useRunning: true })).toEqual(run(false, {}));
  });

  it("momentum is the weight of the new batch", () => {
    expect(run(true, { momentum: 1 }).mean).toBe(4);
  });
});

describe("other operations, by hand", () => {
  it("layerNorm normalises a sample over C, H, W, with one weight per channel", () => {
    const y = F.layerNorm(t([1, 2, 1, 2], [1, 3, 5, 7]), t([2], [1, 10]), t([2], [0, 100]), 0);
    [-3 / Math.sqrt(5), -1 / Math.sqrt(5), 100 + 10 / Math.sqrt(5), 100 + 30 / Math.sqrt(5)].forEach(
      (v, i) => {
        expect(y.data[i]).toBeCloseTo(v, 12);
      },
    );
  });

  it("layerNorm of a zero vector is its bias", () => {
    expect(values(F.layerNorm(t([1, 2, 1, 1], [0, 0]), t([2], [1, 1]), t([2], [3, 4]), 1e-5))).toEqual([
      3, 4,
    ]);
  });

  it("softmax survives large logits, along any axis", () => {
    expect(values(F.softmax(t([1, 2, 2], [1000, 0, 1000, 0]), 1))).toEqual([0.5, 0.5, 0.5, 0.5]);
    const [p, q] = values(F.softmax(t([2], [Math.log(1), Math.log(3)]), -1));
    expect(p).toBeCloseTo(0.25, 12);
    expect(q).toBeCloseTo(0.75, 12);
    expect(values(F.logSoftmax(t([2], [0, 0]), 0))[0]).toBeCloseTo(-Math.log(2), 12);
  });

  it("arithmetic broadcasts as NumPy does", () => {
    const x = t([2, 2], [1, 2, 3, 4]);
    expect(values(F.add(x, t([2], [10, 20])))).toEqual([11, 22, 13, 24]);
    expect(values(F.mul(t([2, 1], [1, 10]), t([1, 2], [1, 2])))).toEqual([1, 2, 10, 20]);
    expect(values(F.sub(t([], [5]), x))).toEqual([4, 3, 2, 1]);
    expect(values(F.div(x, x))).toEqual([1, 1, 1, 1]);
    expect(values(F.affine(x, 2, -1))).toEqual([1, 3, 5, 7]);
  });

  it("elementwise functions", () => {
    const x = t([3], [-2, 0, 2]);
    expect(values(F.relu(x))).toEqual([0, 0, 2]);
    expect(values(F.abs(x))).toEqual([2, 0, 2]);
    expect(values(F.clamp(x, -1, 1))).toEqual([-1, 0, 1]);
    expect(values(F.sigmoid(t([1], [0])))).toEqual([0.5]);
    expect(values(F.log(t([1], [1])))).toEqual([0]);
  });

  it("matmul multiplies the last two axes and broadcasts the others", () => {
    const a = t([2, 1, 2], [1, 2, 3, 4]);
    expect(values(F.matmul(a, t([2, 2], [1, 0, 0, 10])))).toEqual([1, 20, 3, 40]);
    expect(values(F.matmul(t([1, 2], [1, 2]), t([2, 2, 1], [1, 1, 3, 3])))).toEqual([3, 9]);
  });

  it("concat, slice, reshape, permute", () => {
    const x = count(1, 2, 2, 2);
    expect(values(F.concat([x, t([1, 1, 2, 2], [9, 9, 9, 9])], 1))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9,
    ]);
    expect(values(F.concat([x, x], 3))).toEqual([1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8]);
    expect(values(F.slice(x, 2, 1))).toEqual([3, 4, 7, 8]);
    expect(values(F.slice(count(6), 0, 1, -1, 2))).toEqual([2, 4]);
    expect(values(F.slice(count(6), 0, -2))).toEqual([5, 6]);
    expect(F.reshape(x, [0, 2, -1]).dims).toEqual([1, 2, 4]);
    expect(F.reshape(t([1, 1], [3]), []).dims).toEqual([]);
    expect(values(F.permute(count(2, 3), [1, 0]))).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("sum and mean keep reduced axes with size 1", () => {
    const x = count(2, 3);
    expect(F.sum(x, [0])).toMatchObject({ dims: [1, 3] });
    expect(values(F.sum(x, [0]))).toEqual([5, 7, 9]);
    expect(values(F.mean(x, [-1]))).toEqual([2, 5]);
    expect(values(F.mean(x, [0, 1]))).toEqual([3.5]);
  });

  it("upsampling, pooling, depthToSpace", () => {
    const x = t([1, 1, 2, 2], [1, 2, 3, 4]);
    expect(values(F.upsampleNearest(x, 2))).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    expect(values(F.maxPool2d(x, 2, 2))).toEqual([4]);
    expect(values(F.avgPool2d(count(1, 1, 3, 3), 2, 1))).toEqual([3, 4, 6, 7]);
    const phases = t([1, 4, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(values(F.depthToSpace(phases, 2))).toEqual([1, 3, 2, 4, 5, 7, 6, 8]);
  });

  it("crossEntropy is the mean over pixels; oneHot marks channels", () => {
    const logits = t([1, 2, 1, 2], [0, Math.log(3), 0, 0]);
    const target = t([1, 1, 2], [1, 0]);
    const expected = -(Math.log(1 / 2) + Math.log(3 / 4)) / 2;
    expect(F.crossEntropy(logits, target).dims).toEqual([]);
    expect(values(F.crossEntropy(logits, target))[0]).toBeCloseTo(expected, 12);
    expect(values(F.oneHot(target, 3))).toEqual([0, 1, 1, 0, 0, 0]);
    expect(() => F.crossEntropy(logits, t([1, 1, 2], [2, 0]))).toThrow(
      "class ids must be 0 to 1, received 2",
    );
  });

  it("float32 rounds every result", () => {
    const S = new ReferenceBackend(new Map(), { type: "float32" });
    expect(values(S.affine(S.tensor([1], [1]), 0.1, 0))).toEqual([Math.fround(0.1)]);
  });
});

describe("parameters", () => {
  it("come from the state, named by scope", () => {
    const B = new ReferenceBackend(new Map([["a.b.w", { shape: [1], data: Float64Array.of(7) }]]));
    expect(values(B.scope("a").scope("b").param("w", [1]))).toEqual([7]);
    expect(() => B.scope("a").param("w", [1])).toThrow("a.w: not in the given state");
    expect(() => B.scope("a").scope("b").param("w", [2])).toThrow("a.b.w: expected [2], received [1]");
  });
});
