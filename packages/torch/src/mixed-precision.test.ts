import { createRandom } from "@renograde/core";
import { createNetwork, declareParameters } from "@renograde/nn";
import { expect, test } from "vitest";
import {
  backward,
  loadTorch,
  ParameterStore,
  setAlgorithms,
  type Tensor,
  TorchBackend,
  tensor,
  tidy,
  upload,
} from "./index.js";
import { describeTorch } from "./testing/describe-torch.js";

const network = createNetwork("chr-net", { width: 0.01, gcInit: "xavier" });
const SIDE = 30;
const random = createRandom("mixed");
const images = Float32Array.from({ length: 2 * 3 * SIDE * SIDE }, () => random.next());
const bytes = Uint8Array.from({ length: 2 * 24 * 24 }, () => random.int(0, 1));
const distances = Float32Array.from(bytes, (id) => 0.5 * id);

/** Losses and some gradients of one step. */
function step(options: { compute?: "bfloat16"; channelsLast?: boolean }) {
  const store = new ParameterStore(declareParameters(network), 1, {
    channelsLast: options.channelsLast ?? false,
  });
  const F = new TorchBackend(store, { training: true, compute: options.compute });
  const result = tidy(() => {
    const ids = (): Tensor => tensor(bytes, [2, 24, 24]);
    const loss = network.loss(F, tensor(images, [2, 3, SIDE, SIDE]), {
      binary: ids(),
      task1: ids(),
      task2: ids(),
      classes: ids(),
      distance: tensor(distances, [2, 1, 24, 24]),
    });
    backward(loss.total);
    const gradient = store.get("unet.out.weight").grad!;
    return {
      dtype: gradient.dtype,
      total: loss.total.item() as number,
      terms: [...loss.terms.values()].map((term) => term.item() as number),
      gradient: gradient.toFloat32Array(),
      mean: store.get("encoder.stem.bn.running_mean").toFloat32Array(),
    };
  });
  store.dispose();
  return result;
}

describeTorch("mixed precision", () => {
  test("bfloat16 gives the losses and gradients of float32 to its seven bits", () => {
    const [full, mixed] = [step({}), step({ compute: "bfloat16" })];
    expect(mixed.dtype).toBe("float32");
    for (const [i, term] of mixed.terms.entries())
      expect(Math.abs(term / full.terms[i]! - 1)).toBeLessThan(0.02);
    expect(mixed.terms).not.toEqual(full.terms);
    const norm = (values: readonly number[]): number => Math.hypot(...values);
    const difference = norm(Array.from(mixed.gradient, (value, i) => value - full.gradient[i]!));
    // 8 bits of mantissa through some fifty layers, batch norms of few pixels among them: the direction is what counts.
    expect(difference / norm([...full.gradient])).toBeLessThan(0.3);
    for (const [i, value] of mixed.mean.entries()) expect(Math.abs(value - full.mean[i]!)).toBeLessThan(0.01);
  });

  test("the layout of kernels changes no result beyond rounding", () => {
    const [usual, last] = [step({}), step({ channelsLast: true })];
    expect(last.total).toBeCloseTo(usual.total, 5);
    for (const [i, value] of last.gradient.entries()) expect(value).toBeCloseTo(usual.gradient[i]!, 5);
  });
});

describeTorch("devices", () => {
  test("upload keeps elements and type on the CPU", () => {
    const x = upload(bytes, [2, 24, 24], "cpu");
    expect([x.dtype, x.shape, x.device]).toEqual(["uint8", [2, 24, 24], "cpu"]);
    x.dispose();
  });

  test("algorithms can be chosen without a GPU", () => {
    loadTorch();
    const before = process.env.CUBLAS_WORKSPACE_CONFIG;
    setAlgorithms({ deterministic: true, tf32: true });
    expect(process.env.CUBLAS_WORKSPACE_CONFIG).toBe(before ?? ":4096:8");
    setAlgorithms({});
  });
});
