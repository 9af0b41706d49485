/**
 * What grading reads of a network whose classes say everything: the nucleus is the sum of the classes, and there is no
 * distance (spec/network.md §12, spec/postprocessing.md §6).
 *
 * @module
 */
import type { ClassScheme } from "@renograde/core";
import type { ModelOutput, OutputChannel } from "@renograde/formats";
import type { Backend } from "../backend.js";

/** Meaning of the channels: class probabilities, background first, then nucleus and distance. */
export function classMapOutputs(scheme: ClassScheme): ModelOutput[] {
  const channels: OutputChannel[] = Array.from({ length: scheme.classes.length + 1 }, (_, id) => ({
    kind: "class",
    id,
  }));
  return [{ name: "maps", channels: [...channels, { kind: "nucleus" }, { kind: "distance" }], stride: 1 }];
}

/**
 * The maps of class logits.
 *
 * @param logits `[N, K+1, H, W]`, background first
 * @param distance `[N, 1, H, W]`; without one the channel is 0
 * @returns `[N, K+3, H, W]`
 */
export function classMaps<T>(F: Backend<T>, logits: T, distance?: T): T {
  const classes = F.softmax(logits, 1);
  const nucleus = F.sum(F.slice(classes, 1, 1), [1]); // [N, 1, H, W]
  return F.concat([classes, nucleus, distance ?? F.affine(nucleus, 0, 0)], 1);
}
