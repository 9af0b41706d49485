/**
 * The addon's own batch norm (native/batch-norm.hpp) against libtorch's.
 *
 * @module
 */
import { createRandom } from "@renograde/core";
import { expect, test } from "vitest";
import { grad, op, ParameterStore, tensor, tidy } from "./index.js";
import { describeTorch } from "./testing/describe-torch.js";
import { maxDifference } from "./testing/fixtures.js";
import { TorchBackend } from "./torch-backend.js";

describeTorch("batch norm in float32, one image and several", () => {
  /** Channels far from zero, constant, nearly so, and of usual values. */
  const channels = [
    [1000, 1],
    [3, 0],
    [0, 1e-4],
    [-0.5, 2],
  ] as const;
  const pixels = 37 * 41;
  test.each([1, 3])("batch of %i", (images) => {
    const random = createRandom("batch norm", images);
    const shape = [images, channels.length, 37, 41];
    const values = Float32Array.from({ length: images * channels.length * pixels }, (_, i) => {
      const [mean, deviation] = channels[Math.floor(i / pixels) % channels.length]!;
      return mean + deviation * random.normal();
    });
    const seed = Float32Array.from(values, () => random.normal());
    // Libtorch's own in float64 on the same numbers, and ours.
    const [expected, found] = (["float64", "float32"] as const).map((dtype) =>
      tidy(() => {
        const leaf = (data: Float32Array, size: readonly number[]) =>
          tensor(Float64Array.from(data), size, { dtype }).setRequiresGrad(true);
        const x = leaf(values, shape);
        const [weight, bias] = [Float32Array.of(1, 2, -1, 0.5), Float32Array.of(0, 1, 2, -1)].map((v) =>
          leaf(v, [4]),
        );
        const store = new ParameterStore(
          ["mean", "var"].map((name) => ({
            name,
            shape: [4],
            init: { kind: "constant", value: name === "var" ? 1 : 0 },
            role: "buffer",
          })),
          1,
          { dtype },
        );
        const [runningMean, runningVar] = [store.get("mean"), store.get("var")];
        const y =
          dtype === "float64"
            ? op("batch_norm", [x, weight, bias, runningMean, runningVar, true, 0.1, 1e-5, false])
            : new TorchBackend(store, { training: true }).batchNorm(x, {
                weight: weight!,
                bias: bias!,
                runningMean,
                runningVar,
              });
        const gradients = grad([y], [x, weight!, bias!], {
          seeds: [tensor(seed, shape, { dtype })],
        });
        const arrays = [y, runningMean, runningVar, ...gradients].map((t) => t!.toFloat64Array());
        store.dispose();
        return arrays;
      }),
    );
    expected!.forEach((array, i) => {
      const scale = Math.max(...array.map(Math.abs));
      // 1000 has 2^-24 · 1000 = 6e-5 of a deviation in float32.
      expect(maxDifference(found![i]!, array) / scale, `array ${i}`).toBeLessThan(2e-4);
    });
    // A constant channel: nothing but the bias, and a variance of exactly zero.
    const constant = found![0]!.slice(pixels, 2 * pixels);
    expect(Math.max(...constant.map((v) => Math.abs(v - 1)))).toBeLessThan(1e-3);
    expect(found![2]![1]).toBeCloseTo(0.9, 7);
  });
});
