import { Worker } from "node:worker_threads";
import { isRenogradeError } from "@renograde/core";
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  backward,
  call,
  type Dtype,
  emptyCache,
  grad,
  keep,
  loadTorch,
  manualSeed,
  memoryStats,
  noGrad,
  op,
  resetPeakMemory,
  setMemoryLimit,
  setThreads,
  Tensor,
  tensor,
  tidy,
} from "./index.js";
import { addonFile } from "./native.js";
import { collectGarbage } from "./testing/collect-garbage.js";
import { describeTorch } from "./testing/describe-torch.js";

const f32 = (...values: number[]) => Float32Array.from(values);

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isRenogradeError(error, "EngineError")) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describeTorch("tensors", () => {
  test("typed arrays go in and come out in every element type", () => {
    tidy(() => {
      expect(tensor(f32(1, 2.5, -3), [3]).toFloat32Array()).toEqual(f32(1, 2.5, -3));
      expect(tensor(Float64Array.of(Math.PI), [1, 1]).toFloat64Array()).toEqual(Float64Array.of(Math.PI));
      expect(tensor(Int32Array.of(7, -8), [2]).toInt32Array()).toEqual(Int32Array.of(7, -8));
      expect(tensor(BigInt64Array.of(2n ** 60n), [1]).toBigInt64Array()).toEqual(BigInt64Array.of(2n ** 60n));
      expect(tensor(Uint8Array.of(0, 200), [2]).dtype).toBe("uint8");
      expect(tensor(Uint8Array.of(0, 3), [2], { dtype: "bool" }).toUint8Array()).toEqual(Uint8Array.of(0, 1));
      for (const dtype of ["float16", "bfloat16"] as Dtype[]) {
        const half = tensor(f32(1.5, -0.25), [2], { dtype });
        expect(half.dtype).toBe(dtype);
        expect(half.toFloat32Array()).toEqual(f32(1.5, -0.25));
      }
      expect(tensor(new Float32Array(0), [0, 4]).toFloat32Array()).toHaveLength(0);
      expect(op("transpose.int", [tensor(f32(1, 2, 3, 4), [2, 2]), 0, 1]).toFloat32Array()).toEqual(
        f32(1, 3, 2, 4),
      );
    });
  });

  test("a view of an array's middle keeps to its part", () => {
    tidy(() => {
      const whole = f32(9, 1, 2, 9);
      const x = tensor(whole.subarray(1, 3), [2]);
      whole.fill(0);
      expect(x.toFloat32Array()).toEqual(f32(1, 2));
      x.read(whole.subarray(2, 4));
      expect(whole).toEqual(f32(0, 0, 1, 2));
      x.write(f32(5, 6));
      expect(x.toFloat32Array()).toEqual(f32(5, 6));
    });
  });

  test("every kind of argument and result", () => {
    tidy(() => {
      const x = tensor(f32(1, 2, 3, 4), [2, 2]);
      expect(op("add.Tensor", [x, x], { alpha: 2 }).toFloat32Array()).toEqual(f32(3, 6, 9, 12));
      expect(op("mul.Tensor", [x, 0.5]).toFloat32Array()).toEqual(f32(0.5, 1, 1.5, 2));
      expect(op("full", [[2], 2], { dtype: "float64", device: "cpu" }).toFloat64Array()).toEqual(
        Float64Array.of(2, 2),
      );
      expect(op("full", [[2], 2], { dtype: undefined }).dtype).toBe("int64");
      expect(op("cat", [[x, x], 1]).shape).toEqual([2, 4]);
      expect(
        op("index.Tensor", [x, [null, tensor(Int32Array.of(1), [1], { dtype: "int64" })]]).shape,
      ).toEqual([2, 1]);
      expect(op("avg_pool2d", [op("view", [x, [1, 1, 2, 2]]), 2]).item()).toBe(2.5);
      expect(op("div.Tensor_mode", [x, 2], { rounding_mode: "floor" }).toFloat32Array()).toEqual(
        f32(0, 1, 1, 2),
      );
      expect(op("contiguous", [x], { memory_format: "contiguous" }).shape).toEqual([2, 2]);
      expect(op("clamp", [x, 2]).toFloat32Array()).toEqual(f32(2, 2, 3, 4));
      expect(call("equal", [x, x])).toBe(true);
      expect(call("item", [tensor(f32(-0), [])])).toBe(-0);
      expect(call("size.int", [x, -1])).toBe(2);
      expect(call("_foreach_zero_", [[op("clone", [x])]])).toBeUndefined();
      const [values, indices] = call("max.dim", [x, 1]) as [Tensor, Tensor];
      expect(values.toFloat32Array()).toEqual(f32(2, 4));
      expect(indices.dtype).toBe("int64");
      const parts = call("split.Tensor", [x, 1]) as Tensor[];
      expect(parts.map((part) => part.shape)).toEqual([
        [1, 2],
        [1, 2],
      ]);
    });
  });

  test("the seed fixes random numbers", () => {
    const draw = () => {
      manualSeed(5);
      return tidy(() => op("randn", [[4]], { dtype: "float32" }).toFloat32Array());
    };
    expect(draw()).toEqual(draw());
  });

  test("errors are one sentence that names the operator and its arguments' shapes", () => {
    tidy(() => {
      const image = tensor(new Float32Array(2 * 64), [1, 2, 8, 8]);
      const weight = tensor(new Float32Array(4 * 3 * 9), [4, 3, 3, 3]);
      const message = messageOf(() => op("conv2d", [image, weight]));
      expect(message).toMatch(/^aten::conv2d: .*expected input\[1, 2, 8, 8\] to have 3 channels/);
      expect(message).toContain("input float32[1, 2, 8, 8], weight float32[4, 3, 3, 3]");
      expect(message).not.toContain("\n");
      expect(messageOf(() => op("frobnicate", []))).toMatch(/^aten::frobnicate: libtorch .* has no such/);
      expect(messageOf(() => op("add", [image, 1]))).toContain("it has ");
      expect(messageOf(() => op("relu", []))).toContain('argument "self" is missing');
      expect(messageOf(() => op("relu", ["x"]))).toBe('aten::relu: argument "self": expected a tensor');
      expect(messageOf(() => op("relu", [image], { slope: 1 }))).toContain("the arguments are self");
      expect(messageOf(() => op("reshape", [image, [1.5]]))).toContain(
        "expected a whole number, received 1.5",
      );
      expect(messageOf(() => op("to.dtype", [image, "float31"]))).toContain('unknown dtype "float31"');
      expect(messageOf(() => tensor(f32(1, 2), [3]))).toBe("shape [3] needs 3 values, received 2");
      expect(messageOf(() => op("max.dim", [image, 1]))).toContain("does not give one tensor");
      expect(messageOf(() => tensor(f32(1), [1], { device: "cuda:9" }))).not.toContain("\n");
    });
    const stale = tidy(() => [tensor(f32(1), [1]).handle])[0]!;
    expect(messageOf(() => new Tensor(stale).shape)).toContain("was released");
    expect(messageOf(() => tidy(() => Promise.resolve(1)))).toContain("synchronous");
  });
});

describeTorch("autograd", () => {
  test("backward accumulates, grad does not", () => {
    tidy(() => {
      const x = tensor(f32(1, 2, 3), [3]).setRequiresGrad(true);
      const loss = () => op("sum", [op("mul.Tensor", [x, x])]);
      expect(x.grad).toBeNull();
      backward(loss());
      backward(loss());
      expect(x.grad!.toFloat32Array()).toEqual(f32(4, 8, 12));
      const other = tensor(f32(1), [1]).setRequiresGrad(true);
      const [gx, gOther] = grad([loss()], [x, other]);
      expect(gx!.toFloat32Array()).toEqual(f32(2, 4, 6));
      expect(gOther).toBeNull();
      expect(x.grad!.toFloat32Array()).toEqual(f32(4, 8, 12));
      x.setGrad(null);
      backward(op("mul.Tensor", [x, x]), { seed: tensor(f32(1, 0, 2), [3]) });
      expect(x.grad!.toFloat32Array()).toEqual(f32(2, 0, 12));
    });
  });

  test("a retained graph serves twice, another one once", () => {
    tidy(() => {
      const x = tensor(f32(2), [1]).setRequiresGrad(true);
      const y = op("exp", [x]);
      backward(y, { retainGraph: true });
      backward(y);
      expect(messageOf(() => backward(y))).toContain("second time");
    });
  });

  test("noGrad records nothing and restores the mode after an error", () => {
    tidy(() => {
      const x = tensor(f32(2), [1]).setRequiresGrad(true);
      expect(noGrad(() => op("exp", [x])).requiresGrad).toBe(false);
      expect(() =>
        noGrad(() => {
          throw new Error("stop");
        }),
      ).toThrow("stop");
      expect(op("exp", [x]).requiresGrad).toBe(true);
    });
  });
});

describeTorch("memory", () => {
  beforeAll(async () => void (await collectGarbage()));
  afterEach(() => expect(memoryStats().scopes).toBe(0));

  test("tidy frees all but results and kept tensors, innermost first", () => {
    const before = memoryStats().handles;
    let kept: Tensor | undefined;
    const result = tidy(() => {
      const inner = tidy(() => {
        kept = keep(tensor(f32(1), [1]));
        const x = tensor(f32(2), [1]);
        return { list: [op("neg", [x])], map: new Map([["a", op("exp", [x])]]) };
      });
      expect(memoryStats().handles).toBe(before + 3);
      return inner.list[0]!;
    });
    expect(memoryStats().handles).toBe(before + 2);
    expect(result.item()).toBe(-2);
    result.dispose();
    result.dispose();
    kept!.dispose();
    expect(memoryStats().handles).toBe(before);
    expect(() =>
      tidy(() => {
        tensor(f32(1), [1]);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(memoryStats().handles).toBe(before);
  });

  test("the allocator counts, reuses, bounds and gives back", () => {
    emptyCache();
    const { allocated, limit } = memoryStats();
    resetPeakMemory();
    const make = () => void op("empty.memory_format", [[1 << 20]], { dtype: "float32" });
    tidy(make);
    const after = memoryStats();
    expect(after.allocated).toBe(allocated);
    expect(after.peak - allocated).toBe(4 << 20);
    expect(after.cached).toBeGreaterThanOrEqual(4 << 20);
    tidy(make);
    expect(memoryStats().cached).toBe(after.cached);
    setMemoryLimit(allocated + (2 << 20));
    expect(memoryStats().cached).toBeLessThanOrEqual(2 << 20);
    tidy(make);
    expect(memoryStats().cached).toBeLessThanOrEqual(2 << 20);
    setMemoryLimit(limit);
    emptyCache();
    expect(memoryStats().cached).toBe(0);
  });

  test("3000 temporaries of 4 MiB in a synchronous loop stay small", () => {
    const { threads } = loadTorch();
    setThreads(1); // a busy machine makes two slower than one
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 3000; i++) {
      tidy(() => void op("zeros", [[1 << 20]], { dtype: "float32" }));
    }
    setThreads(threads);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  test("tensors outside scopes are released when they are collected", async () => {
    const before = await collectGarbage();
    for (let i = 0; i < 50; i++) tensor(new Float32Array(1000), [1000]);
    for (let i = 0; i < 50; i++) tidy(() => [tensor(f32(i), [1])]);
    for (let i = 0; i < 50; i++) tidy(() => void keep(tensor(f32(i), [1])));
    expect(memoryStats().handles).toBe(before + 150);
    expect(await collectGarbage()).toBeLessThan(before + 5);
  });

  test("an impossible allocation is an error and leaves the counts", () => {
    const before = memoryStats().allocated;
    expect(messageOf(() => op("empty.memory_format", [[2 ** 46]], { dtype: "uint8" }))).toContain(
      "aten::empty.memory_format",
    );
    expect(memoryStats().allocated).toBe(before);
  });
});

describeTorch("workers", () => {
  test("the addon works in a worker thread, with scopes of its own", async () => {
    const before = await collectGarbage();
    const code = `
      const { parentPort, workerData } = require("node:worker_threads");
      const torch = require(workerData);
      torch.threads(1);
      torch.beginScope();
      const x = torch.fromArray(new Float32Array(64).fill(0.5), [1, 1, 8, 8]);
      const w = torch.fromArray(new Float32Array(9).fill(1), [1, 1, 3, 3]);
      torch.requiresGrad(w, true);
      const y = torch.call(torch.op("aten::sum", ""), [torch.call(torch.op("aten::conv2d", ""), [x, w])]);
      torch.backward(y, null, false);
      const value = torch.item(torch.call(torch.op("aten::sum", ""), [torch.gradOf(w)]));
      parentPort.postMessage({ sum: torch.item(y), grad: value, handles: torch.memory().handles });
    `;
    const runWorker = () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(code, { eval: true, workerData: addonFile });
        let message: unknown;
        worker.on("message", (value) => {
          message = value;
        });
        worker.on("error", reject);
        worker.on("exit", () => resolve(message));
      });
    const expected = { sum: 162, grad: 162, handles: 6 };
    expect(await Promise.all([runWorker(), runWorker()])).toEqual([expected, expected]);
    expect(memoryStats().handles).toBe(before);
  });

  test("the number of threads can be set and read", () => {
    const { threads } = loadTorch();
    expect(setThreads(1)).toBe(1);
    expect(setThreads(threads)).toBe(threads);
  });
});
