/**
 * What a network is to its users: a name, a window, outputs, and two functions of a backend and an image.
 *
 * @module
 */
import { type PostOptions, type Random, ShapeError } from "@renograde/core";
import type { ModelOutput } from "@renograde/formats";
import type { Backend } from "../backend.js";
import type { Loss, LossOptions } from "../losses.js";
import type { TargetName, Targets } from "../targets.js";
import type { FreezeOptions, FreezeScope } from "./freeze.js";
import type { ResolvedNetOptions } from "./options.js";

/** Sizes of a network in pixels. */
export interface WindowGeometry {
  /** Input side it is trained with and must be used with. */
  readonly window: number;
  /** Output side for that input. */
  readonly output: number;
  /** Side of the centre kept when windows are stitched. */
  readonly kept: number;
  /** Sides the network can take lie this far apart, {@link window} among them; 0: it takes that side alone. */
  readonly step: number;
  /** Input side minus output side, an even number: the output is the centre of the input. */
  readonly rim: number;
}

/**
 * What training looks at. Which fields exist decides which loss terms exist (spec/training.md §1, spec/baselines.md).
 * Logits are kept for the cross-entropies; class logits may be at half resolution (`classStride` 2).
 */
export interface TrainingOutputs<T> {
  /** `[N, 2, H, W]`; channel 1 = nucleus. */
  readonly binaryLogits?: T;
  /** `[N, 1, H, W]`: in (0, 1), or in pixels (DIST). */
  readonly distance?: T;
  /** `[N, 2, H, W]`, horizontal then vertical offset from the nucleus' centre, −1…1 (HoVer-Net). */
  readonly offsets?: T;
  /** `[N, t1, H/classStride, W/classStride]` */
  readonly task1Logits?: T;
  /** `[N, t2, H/classStride, W/classStride]` */
  readonly task2Logits?: T;
  /** `[N, K, H/classStride, W/classStride]`, background first. */
  readonly finalLogits?: T;
  readonly classStride: 1 | 2;
}

/** What a training step decides beside image and targets. */
export interface StepSettings {
  readonly loss?: LossOptions;
  /** Default {@link NOT_FROZEN}. */
  readonly freeze?: FreezeOptions;
  /** Epoch over all phases, from 1; some losses change with it. Default 1. */
  readonly epoch?: number;
  /** Random numbers of this step alone, for dropout and sampling; without them nothing is left to chance. */
  readonly random?: Random;
}

/** What grading reads. */
export interface InferenceOutputs<T> {
  /** `[N, K+2, H, W]`: class probabilities (background first), nucleus probability, distance (spec/network.md §1). */
  readonly maps: T;
  /** `[N, t1+t2, H/2, W/2]`: both task softmaxes, task 1 first, where the network has them. */
  readonly tasks?: T;
}

/** A network with its options settled. */
export interface Network {
  /** Registry name, such as `chr-net`. */
  readonly name: string;
  readonly options: ResolvedNetOptions;
  readonly geometry: WindowGeometry;
  /** Meaning of the inference outputs' channels. */
  readonly outputs: readonly ModelOutput[];
  /** Constants of post-processing that fit its outputs. */
  readonly post: PostOptions;
  /** Targets its losses read; training makes exactly these. */
  readonly targets: readonly TargetName[];
  /** True when the parameter called `name` stands still under `scope`. */
  isFrozen(name: string, scope: FreezeScope): boolean;
  /** Forward pass of training; declares every parameter. @param image `[N, 3, H+rim, W+rim]`, RGB in 0…1 */
  train<T>(F: Backend<T>, image: T, freeze?: FreezeOptions): TrainingOutputs<T>;
  /**
   * Forward pass and losses of one training step.
   *
   * @param image `[N, 3, H+rim, W+rim]`, RGB in 0…1
   * @param targets those of {@link Network.targets}
   * @throws UsageError when a target is missing
   */
  loss<T>(F: Backend<T>, image: T, targets: Targets<T>, settings?: StepSettings): Loss<T>;
  /**
   * Forward pass for grading.
   *
   * @param image `[N, 3, H+rim, W+rim]`, RGB in 0…1
   * @throws UsageError for a network of detections, which has {@link Network.detect} instead
   */
  infer<T>(F: Backend<T>, image: T): InferenceOutputs<T>;
  /**
   * Forward pass for grading of a network that finds objects instead of maps (Mask R-CNN).
   *
   * @param image `[1, 3, H, W]`: one image, for the number of objects differs between images
   * @returns `[D, columns]`, one row per object, columns as the output `detections` lists them
   */
  detect?<T>(F: Backend<T>, image: T): T;
}

/** Sides a network can take, such as `8·n + 6`. */
export function inputRule({ step, window }: WindowGeometry): string {
  if (step === 0) return String(window);
  const rest = window % step;
  return rest === 0 ? `${step}·n` : `${step}·n + ${rest}`;
}

/** True when a network can take images of this side: its rule holds, and something is left of them. */
export function takesInput({ step, window, rim }: WindowGeometry, side: number): boolean {
  if (step === 0) return side === window;
  return Number.isInteger(side) && side > rim && (side - window) % step === 0;
}

/** The smallest input side of a network. */
export function smallestInput({ window, step, output, rim }: WindowGeometry): number {
  if (step === 0) return window;
  return rim + ((output - 1) % step) + 1;
}

/**
 * Output side for an input side.
 *
 * @throws ShapeError when the network cannot take that side (spec/network.md §1: CHR-Net's must be 8·n + 6)
 */
export function outputSide(network: Pick<Network, "name" | "geometry">, inputSide: number): number {
  const { geometry, name } = network;
  if (!takesInput(geometry, inputSide)) {
    throw new ShapeError(
      `${name}: the input side must be ${inputRule(geometry)} pixels, such as ${geometry.window}; received ${inputSide}`,
    );
  }
  return inputSide - geometry.rim;
}
