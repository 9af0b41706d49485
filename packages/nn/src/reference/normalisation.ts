/**
 * Reference batch norm and layer norm.
 *
 * @module
 */
import type { BatchNormOptions, BatchNormParameters } from "../backend.js";
import { checkPerChannel } from "../shape/rules.js";
import { type ReferenceType, type Tensor, zeros } from "./tensor.js";

/**
 * ONNX BatchNormalization. With batch statistics, the running arrays are updated in place:
 * running ← (1−m)·running + m·batch, the variance with N′/(N−1)·… of spec/network.md §3.5.
 */
export function batchNorm(
  path: string,
  x: Tensor,
  parameters: BatchNormParameters<Tensor>,
  options: BatchNormOptions,
  batchStatistics: boolean,
  type: ReferenceType,
): Tensor {
  const { weight, bias, runningMean, runningVar } = parameters;
  checkPerChannel(path, x.dims, {
    weight: weight.dims,
    bias: bias.dims,
    running_mean: runningMean.dims,
    running_var: runningVar.dims,
  });
  const { eps = 1e-5, momentum = 0.1, replication = 1 } = options;
  const y = zeros(x.dims, type);
  const [n, channels] = x.dims as [number, number];
  const area = x.data.length / (n * channels);
  const count = n * area;
  for (let c = 0; c < channels; c++) {
    let mean = runningMean.data[c]!;
    let variance = runningVar.data[c]!;
    if (batchStatistics) {
      mean = 0;
      for (let b = 0; b < n; b++) {
        const at = (b * channels + c) * area;
        for (let i = 0; i < area; i++) mean += x.data[at + i]! / count;
      }
      variance = 0;
      for (let b = 0; b < n; b++) {
        const at = (b * channels + c) * area;
        for (let i = 0; i < area; i++) variance += (x.data[at + i]! - mean) ** 2 / count;
      }
      // N/(N−1) of the map the input stands for: `replication` copies of each value.
      const copies = count * replication;
      const bessel = copies > 1 ? copies / (copies - 1) : 1;
      runningMean.data[c] = (1 - momentum) * runningMean.data[c]! + momentum * mean;
      runningVar.data[c] = (1 - momentum) * runningVar.data[c]! + momentum * variance * bessel;
    }
    const scale = weight.data[c]! / Math.sqrt(variance + eps);
    for (let b = 0; b < n; b++) {
      const at = (b * channels + c) * area;
      for (let i = 0; i < area; i++) y.data[at + i] = (x.data[at + i]! - mean) * scale + bias.data[c]!;
    }
  }
  return y;
}

/** ONNX LayerNormalization over all axes but the first, with one weight and bias per channel. */
export function layerNorm(
  path: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
  type: ReferenceType,
): Tensor {
  checkPerChannel(path, x.dims, { weight: weight.dims, bias: bias.dims });
  const y = zeros(x.dims, type);
  const [n, channels] = x.dims as [number, number];
  const size = x.data.length / n;
  const area = size / channels;
  for (let b = 0; b < n; b++) {
    let mean = 0;
    for (let i = 0; i < size; i++) mean += x.data[b * size + i]! / size;
    let variance = 0;
    for (let i = 0; i < size; i++) variance += (x.data[b * size + i]! - mean) ** 2 / size;
    const scale = 1 / Math.sqrt(variance + eps);
    for (let i = 0; i < size; i++) {
      const c = Math.floor(i / area);
      y.data[b * size + i] = (x.data[b * size + i]! - mean) * scale * weight.data[c]! + bias.data[c]!;
    }
  }
  return y;
}
