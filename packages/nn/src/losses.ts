/**
 * The training loss (paper eq. 1; spec/training.md §1), written against the backend so that its gradient is tested
 * on the same path as the network's.
 *
 * @module
 */
import { taskChannels } from "@renograde/core";
import type { Backend } from "./backend.js";
import type { Network, TrainingOutputs } from "./networks/network.js";
import { requireTarget, type TargetName, type Targets } from "./targets.js";

/** Weights of the terms and the optional Dice terms. */
export interface LossOptions {
  /** λ_bc, binary cross-entropy. Default 1. */
  readonly lambdaBc?: number;
  /** λ_dist, distance. Default 2 (paper); the authors' code has 1. */
  readonly lambdaDist?: number;
  /** λ_mc1, task 1. Default 1. */
  readonly lambdaMc1?: number;
  /** λ_mc2, task 2. Default 1. */
  readonly lambdaMc2?: number;
  /** λ_mcf, fused classes. Default 1. */
  readonly lambdaMcf?: number;
  /** Adds a soft Dice term of weight 1 to each cross-entropy. Default false. */
  readonly dice?: boolean;
  /** HoVer-Net: weight of the offsets' squared error. Default 2; the authors' PyTorch code has 1. */
  readonly lambdaMse?: number;
  /** HoVer-Net: weight of the squared error of the offsets' slopes. Default 1. */
  readonly lambdaMsge?: number;
  /**
   * HoVer-Net: slopes along each map's own axis (default), or exchanged as both published codes compute them
   * (spec/baselines.md §6).
   */
  readonly msgeAxis?: "own" | "cross";
}

/** The loss and its unweighted terms, all of shape `[]`. */
export interface Loss<T> {
  readonly total: T;
  /** By short name, in the order logs show them: for the CHR-Net family those it has of bc, dist, mc1, mc2, mcf. */
  readonly terms: ReadonlyMap<string, T>;
}

/** Terms of eq. 1. */
type FamilyTerm = "bc" | "dist" | "mc1" | "mc2" | "mcf";

/**
 * L = λ_bc·L_bc + λ_dist·L_dist + λ_mc1·L_mc1 + λ_mc2·L_mc2 + λ_mcf·L_mcf over the terms whose outputs exist: all five
 * for CHR-Net, no bc for MHR+UDist, the last three for MHR, mcf alone for SHR.
 *
 * @param network its class scheme gives the channels of each softmax
 * @throws UsageError when a target of an existing output is missing
 */
export function trainingLoss<T>(
  F: Backend<T>,
  network: Pick<Network, "options">,
  outputs: TrainingOutputs<T>,
  targets: Targets<T>,
  options: LossOptions = {},
): Loss<T> {
  const full = (logits: T): T => (outputs.classStride === 2 ? F.upsampleNearest(logits, 2) : logits);
  const { classes, tasks } = network.options.classes;
  const classLoss = (logits: T, name: TargetName, channels: number): T => {
    const ids = requireTarget(targets, name);
    const entropy = F.crossEntropy(logits, ids);
    return options.dice ? F.add(entropy, softDice(F, logits, ids, channels)) : entropy;
  };
  const terms = new Map<FamilyTerm, T>();
  if (outputs.binaryLogits !== undefined) {
    terms.set("bc", classLoss(outputs.binaryLogits, "binary", 2));
  }
  if (outputs.distance !== undefined) {
    const difference = F.abs(F.sub(outputs.distance, requireTarget(targets, "distance")));
    terms.set("dist", F.reshape(F.mean(difference, [0, 1, 2, 3]), []));
  }
  if (outputs.task1Logits !== undefined) {
    terms.set("mc1", classLoss(full(outputs.task1Logits), "task1", taskChannels(tasks[0])));
  }
  if (outputs.task2Logits !== undefined) {
    terms.set("mc2", classLoss(full(outputs.task2Logits), "task2", taskChannels(tasks[1])));
  }
  if (outputs.finalLogits !== undefined) {
    terms.set("mcf", classLoss(full(outputs.finalLogits), "classes", classes.length + 1));
  }

  const lambdas: Record<FamilyTerm, number> = {
    bc: options.lambdaBc ?? 1,
    dist: options.lambdaDist ?? 2,
    mc1: options.lambdaMc1 ?? 1,
    mc2: options.lambdaMc2 ?? 1,
    mcf: options.lambdaMcf ?? 1,
  };
  const weighted = [...terms].map(([name, term]) => F.affine(term, lambdas[name], 0));
  return { total: weighted.reduce((sum, term) => F.add(sum, term)), terms };
}

/**
 * Σ over channels of 1 − (2Σpt + 1e-3)/(Σp + Σt + 1e-3), sums over batch and pixels.
 *
 * @param logits `[N, K, H, W]`
 * @param target class ids `[N, H, W]`
 * @param classes K
 */
export function softDice<T>(F: Backend<T>, logits: T, target: T, classes: number): T {
  const p = F.softmax(logits, 1);
  const t = F.oneHot(target, classes);
  const total = (x: T): T => F.sum(x, [0, 2, 3]); // [1, K, 1, 1]
  const shared = F.affine(total(F.mul(p, t)), 2, 1e-3);
  const both = F.affine(F.add(total(p), total(t)), 1, 1e-3);
  const perChannel = F.affine(F.div(shared, both), -1, 1);
  return F.reshape(F.sum(perChannel, [0, 1, 2, 3]), []);
}
