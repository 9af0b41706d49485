/**
 * CHR-Net and its ablations of Table 2 as functions of a backend and an image (spec/network.md §1, §4–§9, §12).
 *
 * @module
 */
import { taskChannels } from "@renograde/core";
import type { Backend } from "../backend.js";
import { auxiliaryEncoder, image100x, image400x } from "./auxiliary-encoder.js";
import { type BackboneMaps, encoder } from "./encoder.js";
import type { FreezeOptions } from "./freeze.js";
import { fuseTasks } from "./fusion.js";
import { hrfe } from "./hrfe.js";
import type { TrainingOutputs } from "./network.js";
import type { ResolvedNetOptions } from "./options.js";
import { luNet, unetDecoder } from "./w-net.js";

/** A member of the family: `image` is `[N, 3, H+6, W+6]`, RGB in 0…1. */
export type ChrForward = <T>(
  F: Backend<T>,
  image: T,
  net: ResolvedNetOptions,
  freeze: FreezeOptions,
) => ClassifiedOutputs<T>;

/** Outputs of a family member: every one gives classes. */
export type ClassifiedOutputs<T> = TrainingOutputs<T> & { readonly finalLogits: T };

type ClassOutputs<T> = Required<
  Pick<TrainingOutputs<T>, "task1Logits" | "task2Logits" | "finalLogits" | "classStride">
>;

/** CHR-Net (MHR+WDist): binary map, distance map from it, and classes from two tasks at two magnifications. */
export const chrNet: ChrForward = (F, image, net, freeze) => {
  const d = encoder(F.scope("encoder"), image, net, freeze);
  const binaryLogits = unetDecoder(F.scope("unet"), d, 2, net); // [N, 2, H, W]
  let binary = net.luInput === "logits" ? binaryLogits : F.softmax(binaryLogits, 1);
  if (net.luDetach) binary = F.detach(binary);
  const distance = luNet(F.scope("lunet"), binary, net); // [N, 1, H, W]
  return { binaryLogits, distance, ...classBranches(F, image, d, net) };
};

/** MHR+UDist: the distance map straight from a U-Net decoder, no binary map. */
export const mhrUDist: ChrForward = (F, image, net, freeze) => {
  const d = encoder(F.scope("encoder"), image, net, freeze);
  const distance = F.sigmoid(unetDecoder(F.scope("unet"), d, 1, net)); // [N, 1, H, W]
  return { distance, ...classBranches(F, image, d, net) };
};

/** MHR: the two class branches alone. */
export const mhr: ChrForward = (F, image, net, freeze) => {
  const d = encoder(F.scope("encoder"), image, net, freeze);
  return classBranches(F, image, d, net);
};

/** SHR: one extractor without auxiliary images, straight to the classes. */
export const shr: ChrForward = (F, image, net, freeze) => {
  const d = encoder(F.scope("encoder"), image, net, freeze);
  const { logits, stride } = hrfe(F.scope("hrfe1"), d, null, net.classes.classes.length + 1, net);
  return { finalLogits: logits, classStride: stride };
};

/** Both tasks and their fusion: 100x feeds task 1, 400x feeds task 2. */
function classBranches<T>(
  F: Backend<T>,
  image: T,
  d: BackboneMaps<T>,
  net: ResolvedNetOptions,
): ClassOutputs<T> {
  const view400x = image400x(F, image);
  const aux100 = auxiliaryEncoder(F.scope("aux100"), image100x(F, view400x, net), 1, net);
  const aux400 = auxiliaryEncoder(F.scope("aux400"), view400x, 2, net);
  const [task1, task2] = net.classes.tasks;
  const one = hrfe(F.scope("hrfe1"), d, aux100, taskChannels(task1), net);
  const two = hrfe(F.scope("hrfe2"), d, aux400, taskChannels(task2), net);
  return {
    task1Logits: one.logits,
    task2Logits: two.logits,
    finalLogits: fuseTasks(F.scope("fuse"), one.logits, two.logits, net),
    classStride: one.stride,
  };
}
