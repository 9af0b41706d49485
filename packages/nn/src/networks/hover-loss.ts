/**
 * HoVer-Net's loss (spec/baselines.md §6): cross-entropy and Dice of pixels and types, squared error of the offsets and
 * of their gradients.
 *
 * @module
 */
import type { Backend } from "../backend.js";
import { type Loss, type LossOptions, softDice } from "../losses.js";
import { requireTarget, type TargetName, type Targets } from "../targets.js";
import type { HoverOutputs } from "./hover-net.js";

/** Side of the gradient kernels. */
const SIDE = 5;

/** k(x, y) = x/(x² + y² + 1e-15) for x, y = −2 … 2, row-major; it measures the slope along x. */
const KERNEL_X = Array.from({ length: SIDE * SIDE }, (_, i) => {
  const x = (i % SIDE) - 2;
  const y = Math.floor(i / SIDE) - 2;
  return x / (x * x + y * y + 1e-15);
});
/** The same along y. */
const KERNEL_Y = KERNEL_X.map((_, i) => KERNEL_X[(i % SIDE) * SIDE + Math.floor(i / SIDE)]!);

/**
 * L = (CE + Dice)(np) + λ_mse·MSE + λ_msge·MSGE + (CE + Dice)(tp), the last only where there are types.
 *
 * @param classes channels of the types, background included
 * @returns terms `np`, `npDice`, `mse`, `msge`, and `tp`, `tpDice` where there are types
 * @throws UsageError when a target is missing
 */
export function hoverLoss<T>(
  F: Backend<T>,
  outputs: HoverOutputs<T>,
  targets: Targets<T>,
  classes: number,
  options: LossOptions = {},
): Loss<T> {
  const terms = new Map<string, T>();
  const classify = (term: string, logits: T, name: TargetName, channels: number): void => {
    const ids = requireTarget(targets, name);
    terms.set(term, F.crossEntropy(logits, ids));
    terms.set(`${term}Dice`, softDice(F, logits, ids, channels));
  };
  classify("np", outputs.binaryLogits, "binary", 2);
  const nucleus = F.slice(F.oneHot(requireTarget(targets, "binary"), 2), 1, 1, 2); // [N, 1, H, W]
  const difference = F.sub(outputs.offsets, requireTarget(targets, "offsets")); // [N, 2, H, W]
  terms.set("mse", F.reshape(F.mean(F.mul(difference, difference), [0, 1, 2, 3]), []));
  terms.set("msge", gradientError(F, difference, nucleus, options.msgeAxis ?? "own"));
  if (outputs.finalLogits !== undefined) classify("tp", outputs.finalLogits, "classes", classes);

  const weights: Readonly<Record<string, number>> = {
    mse: options.lambdaMse ?? 2,
    msge: options.lambdaMsge ?? 1,
  };
  const weighted = [...terms].map(([name, term]) => F.affine(term, weights[name] ?? 1, 0));
  return { total: weighted.reduce((sum, term) => F.add(sum, term)), terms };
}

/**
 * Mean squared error of the offsets' slopes over nuclear pixels. Slopes are linear, so that of the difference is the
 * difference of the slopes.
 *
 * @param difference `[N, 2, H, W]`, horizontal first
 * @param nucleus `[N, 1, H, W]`, 1 in nuclei
 * @param axis `own`: the slope along x of the horizontal map and along y of the vertical one; `cross`: exchanged
 */
function gradientError<T>(F: Backend<T>, difference: T, nucleus: T, axis: "own" | "cross"): T {
  const kernels = axis === "own" ? [...KERNEL_X, ...KERNEL_Y] : [...KERNEL_Y, ...KERNEL_X];
  const slopes = F.conv2d(difference, F.constant(kernels, [2, 1, SIDE, SIDE]), null, {
    groups: 2,
    padding: [2, 2, 2, 2],
  });
  const error = F.sum(F.mul(F.mul(slopes, slopes), nucleus), [0, 1, 2, 3]);
  const pixels = F.affine(F.sum(nucleus, [0, 1, 2, 3]), 2, 1e-8);
  return F.reshape(F.div(error, pixels), []);
}
