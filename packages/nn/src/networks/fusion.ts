/**
 * Final fusion of the two tasks into the classes (spec/network.md §9).
 *
 * @module
 */
import { type ClassScheme, taskChannels } from "@renograde/core";
import type { Backend, Init } from "../backend.js";
import { conv } from "../layers/conv.js";
import type { ResolvedNetOptions } from "./options.js";

/**
 * Conv 1/1 with bias over both tasks, task 1 first.
 *
 * @param task1 logits `[N, t1, h, w]`
 * @param task2 logits `[N, t2, h, w]`
 * @returns class logits `[N, K, h, w]`, background first
 */
export function fuseTasks<T>(F: Backend<T>, task1: T, task2: T, net: ResolvedNetOptions): T {
  const read = (logits: T): T => (net.fusionInput === "logits" ? logits : F.softmax(logits, 1));
  const [m1, m2] = net.classes.tasks;
  const init: Init =
    net.fusionInit === "product"
      ? { kind: "values", values: productWeights(net.classes) }
      : { kind: "xavier" };
  return conv(F.scope("out"), F.concat([read(task1), read(task2)], 1), {
    in: taskChannels(m1) + taskChannels(m2),
    out: net.classes.classes.length + 1,
    kernel: 1,
    bias: true,
    init,
  });
}

/**
 * Weights `[K, t1 + t2]` that add, for each class, the channel it belongs to in either task: on logits, the
 * product of the two experts.
 */
export function productWeights(scheme: ClassScheme): number[] {
  const [m1, m2] = scheme.tasks;
  const t1 = taskChannels(m1);
  const columns = t1 + taskChannels(m2);
  const weights = new Array<number>((scheme.classes.length + 1) * columns).fill(0);
  for (let k = 0; k <= scheme.classes.length; k++) {
    weights[k * columns + m1.merge[k]!] = 1;
    weights[k * columns + t1 + m2.merge[k]!] = 1;
  }
  return weights;
}
