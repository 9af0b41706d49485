/**
 * ImageNet's input normalisation folded into the first convolution (spec/training.md §7).
 *
 * @module
 */
import { DataError } from "@renograde/core";
import type { StateDict, StateTensor } from "@renograde/nn";

/** Mean and standard deviation of ImageNet's RGB values in 0…1, as torchvision and tensorpack use them. */
export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
/** See {@link IMAGENET_MEAN}. */
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/**
 * Weights that take x/255 in RGB and give exactly what the given ones give for the normalised image. The stem is a
 * valid convolution without bias, followed by a batch norm, so W' = W/std and
 * running_mean' = running_mean + Σ_c (mean/std)·Σ W hold at every pixel.
 *
 * @param state - with `<stem>.conv.weight` `[O, 3, k, k]` and `<stem>.bn.running_mean` `[O]`
 * @param colors - order of the colours the weights were trained with; BGR kernels are turned round
 * @param stem - where the first convolution stands
 * @returns a new map; arrays of other tensors are shared
 * @throws DataError when the stem is missing
 */
export function foldNormalisation(
  state: StateDict,
  colors: "RGB" | "BGR",
  stem = "encoder.stem",
): Map<string, StateTensor> {
  const weight = state.get(`${stem}.conv.weight`);
  const mean = state.get(`${stem}.bn.running_mean`);
  if (weight === undefined || mean === undefined || weight.shape[1] !== 3) {
    throw new DataError(
      `${stem}: the normalisation can only be folded into a first convolution of 3 channels`,
    );
  }
  const kernel = weight.data.length / (weight.shape[0]! * 3);
  const folded = weight.data.slice();
  const shifted = mean.data.slice();
  for (let o = 0; o < shifted.length; o++) {
    let shift = 0;
    for (let c = 0; c < 3; c++) {
      const from = (o * 3 + (colors === "BGR" ? 2 - c : c)) * kernel;
      const to = (o * 3 + c) * kernel;
      let sum = 0;
      for (let k = 0; k < kernel; k++) {
        const value = weight.data[from + k]!;
        folded[to + k] = value / IMAGENET_STD[c]!;
        sum += value;
      }
      shift += (IMAGENET_MEAN[c]! / IMAGENET_STD[c]!) * sum;
    }
    shifted[o] = mean.data[o]! + shift;
  }
  return new Map<string, StateTensor>([
    ...state,
    [`${stem}.conv.weight`, { shape: weight.shape, data: folded }],
    [`${stem}.bn.running_mean`, { shape: mean.shape, data: shifted }],
  ]);
}
