/**
 * A worker for the tests of `startWorker`.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { ConfigError, FileFormatError } from "@renograde/core";
import { serveCalls, type Transferred, transferred } from "../node/start-worker.js";

/** What this worker can be asked. */
export interface SumCalls {
  /** Sum of the values. */
  sum(values: Float64Array): number;
  /** All values doubled, in the memory they came in. */
  double(values: Float64Array): Transferred<Float64Array>;
  /** Answers after some milliseconds. */
  later(milliseconds: number): Promise<string>;
  /** Blocks the thread for a while, counting in shared memory: `[begun, done]`. */
  block(counts: Int32Array): void;
  /** Fails on purpose, in the way that is named. */
  fail(how: "format" | "config" | "range" | "crash" | "exit" | "hang"): void;
}

serveCalls<SumCalls>({
  sum: (values) => values.reduce((a, v) => a + v, 0),
  double: (values) => {
    for (const [i, value] of values.entries()) values[i] = 2 * value;
    return transferred(values, [values.buffer as ArrayBuffer]);
  },
  later: async (milliseconds) => await setTimeout(milliseconds, "done"),
  block: (counts) => {
    Atomics.add(counts, 0, 1);
    Atomics.notify(counts, 0);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    Atomics.add(counts, 1, 1);
  },
  fail: (how) => {
    if (how === "format") {
      throw new FileFormatError("a.png", "PNG", "is truncated", { cause: new TypeError("no bytes") });
    }
    if (how === "config") throw new ConfigError("c.yaml", [{ path: "a.b", message: "is wrong", line: 3 }]);
    if (how === "range") throw new RangeError("Array buffer allocation failed");
    if (how === "exit") process.exit(3);
    if (how === "hang") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    setImmediate(() => {
      throw new Error("crashed on purpose");
    });
  },
});
