/**
 * Makes a {@link Network} of a CHR-Net family member: inference outputs and their meaning.
 *
 * @module
 */
import { DEFAULT_POST_OPTIONS, type PostOptions, taskChannels } from "@renograde/core";
import type { ModelOutput, OutputChannel } from "@renograde/formats";
import type { Backend } from "../backend.js";
import { trainingLoss } from "../losses.js";
import type { TargetName } from "../targets.js";
import type { ChrForward, ClassifiedOutputs } from "./chr-net.js";
import { isFrozen, NOT_FROZEN } from "./freeze.js";
import type { InferenceOutputs, Network, WindowGeometry } from "./network.js";
import type { ResolvedNetOptions } from "./options.js";

/** Window of the whole family (spec/network.md §1). */
export const CHR_GEOMETRY: WindowGeometry = { window: 262, output: 256, kept: 200, step: 8, rim: 6 };

/** What distinguishes a family member. */
export interface ChrMember {
  readonly name: string;
  readonly forward: ChrForward;
  /** Has the two tasks, and with them the second output. */
  readonly tasks: boolean;
  /** Has a distance map; without one, instances are connected components (spec/network.md §12). */
  readonly distance: boolean;
  /** Has a binary map of its own. */
  readonly binary: boolean;
}

/** Settles a family member with its options. */
export function createChrNetwork(member: ChrMember, options: ResolvedNetOptions): Network {
  const post: PostOptions = member.distance
    ? DEFAULT_POST_OPTIONS
    : { ...DEFAULT_POST_OPTIONS, method: "components", dilate: 1 };
  return {
    name: member.name,
    options,
    geometry: CHR_GEOMETRY,
    outputs: describeOutputs(member, options),
    post,
    targets: targetsOf(member),
    isFrozen,
    train: (F, image, freeze = NOT_FROZEN) => member.forward(F, image, options, freeze),
    loss: (F, image, targets, { loss, freeze = NOT_FROZEN } = {}) =>
      trainingLoss(F, { options }, member.forward(F, image, options, freeze), targets, loss),
    infer: (F, image) => inferenceOutputs(F, member.forward(F, image, options, NOT_FROZEN)),
  };
}

function targetsOf(member: ChrMember): TargetName[] {
  const targets: TargetName[] = [];
  if (member.binary) targets.push("binary");
  if (member.distance) targets.push("distance");
  if (member.tasks) targets.push("task1", "task2");
  return [...targets, "classes"];
}

/** Softmaxes, the definitions for absent maps (§12), and upsampling last. */
function inferenceOutputs<T>(F: Backend<T>, outputs: ClassifiedOutputs<T>): InferenceOutputs<T> {
  const { finalLogits, task1Logits, task2Logits, classStride } = outputs;
  const half = F.softmax(finalLogits, 1);
  const classes = classStride === 2 ? F.upsampleNearest(half, 2) : half; // [N, K, H, W]
  const nucleus =
    outputs.binaryLogits === undefined
      ? F.sum(F.slice(classes, 1, 1), [1])
      : F.slice(F.softmax(outputs.binaryLogits, 1), 1, 1, 2); // [N, 1, H, W]
  const distance = outputs.distance ?? F.affine(nucleus, 0, 0); // [N, 1, H, W]
  const maps = F.concat([classes, nucleus, distance], 1);
  if (task1Logits === undefined || task2Logits === undefined) return { maps };
  const both = F.concat([F.softmax(task1Logits, 1), F.softmax(task2Logits, 1)], 1);
  if (classStride === 2) return { maps, tasks: both };
  return { maps, tasks: F.slice(F.slice(both, 2, 0, undefined, 2), 3, 0, undefined, 2) };
}

function describeOutputs(member: ChrMember, net: ResolvedNetOptions): ModelOutput[] {
  const ids = (n: number): number[] => Array.from({ length: n }, (_, id) => id);
  const maps: OutputChannel[] = ids(net.classes.classes.length + 1).map((id) => ({ kind: "class", id }));
  maps.push({ kind: "nucleus" }, { kind: "distance" });
  const outputs: ModelOutput[] = [{ name: "maps", channels: maps, stride: 1 }];
  if (member.tasks) {
    const channels = ([0, 1] as const).flatMap((task) =>
      ids(taskChannels(net.classes.tasks[task])).map((id): OutputChannel => ({ kind: "task", task, id })),
    );
    outputs.push({ name: "tasks", channels, stride: 2 });
  }
  return outputs;
}
