/**
 * Collects garbage, for tests that count tensors: those that other test files of the process left would be released
 * in between.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { memoryStats } from "../index.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects until no collection in two has released a tensor. Resolves to the number of tensors left. */
export async function collectGarbage(): Promise<number> {
  let handles = memoryStats().handles;
  for (let still = 0; still < 2; still++) {
    collect();
    // Released tensors are told of in a task of their own.
    await setTimeout(1);
    const now = memoryStats().handles;
    if (now < handles) still = -1;
    handles = now;
  }
  return handles;
}
