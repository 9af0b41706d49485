import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { WorkerGate } from "./worker-gate.js";

describe("WorkerGate", () => {
  it("lets nobody in once closed, on either side", () => {
    const ours = new WorkerGate();
    const theirs = new WorkerGate(ours.memory);
    expect(theirs.enter()).toBe(true);
    theirs.leave();
    ours.close();
    expect(theirs.enter()).toBe(false);
    theirs.leave();
    expect([...new Int32Array(ours.memory)]).toEqual([1, 0]);
  });

  it("waits until the other thread has left, and closes every gate before it waits", async () => {
    const gates = [new WorkerGate(), new WorkerGate()];
    expect(gates[0]!.enter()).toBe(true);
    // Another thread leaves the first gate later, and says how it finds the second.
    const worker = new Worker(
      `const { workerData: [first, second], parentPort } = require("node:worker_threads");
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
       parentPort.postMessage(second[0]);
       Atomics.sub(first, 1, 1);
       Atomics.notify(first, 1);`,
      { eval: true, workerData: gates.map((gate) => new Int32Array(gate.memory)) },
    );
    const secondClosed = new Promise((resolve) => worker.once("message", resolve));
    await new Promise((resolve) => worker.once("online", resolve));
    WorkerGate.closeAll(gates);
    expect(new Int32Array(gates[0]!.memory)[1]).toBe(0);
    expect(await secondClosed).toBe(1);
    await worker.terminate();
  });
});
