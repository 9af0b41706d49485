import { EngineError, isRenogradeError } from "@renograde/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SumCalls } from "../testing/sum-worker.js";
import { serveCalls, startWorker, type WorkerHandle } from "./start-worker.js";

const MODULE = new URL("../testing/sum-worker.js", import.meta.url);

/** One worker for all tests that leave it usable. */
let worker: WorkerHandle<SumCalls>;
beforeAll(() => {
  worker = startWorker<SumCalls>(MODULE, "sum");
});
afterAll(() => worker.terminate());

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => expect.fail("expected an error"),
    (error: unknown) => error,
  );
}

describe("startWorker", () => {
  it("answers every call with its own result, whatever the order of answers", async () => {
    const slow = worker.call("later", 50);
    const sums = await Promise.all([1, 2, 3].map((n) => worker.call("sum", Float64Array.of(n, 10))));
    expect(sums).toEqual([11, 12, 13]);
    expect(await slow).toBe("done");
  });

  it("moves buffers there and back", async () => {
    const values = Float64Array.of(1, 2, 3);
    const doubled = await worker.call("double", values, [values.buffer]);
    expect(doubled).toEqual(Float64Array.of(2, 4, 6));
    expect(values.byteLength).toBe(0);
  });

  it("copies what is not transferred, and shares shared memory", async () => {
    const values = new Float64Array(new SharedArrayBuffer(16));
    values.set([4, 5]);
    expect(await worker.call("sum", values)).toBe(9);
    const own = Float64Array.of(7);
    expect(await worker.call("sum", own)).toBe(7);
    expect(own[0]).toBe(7);
  });

  it("throws Renograde's errors as the same class, with message, fields and cause", async () => {
    const error = await failure(worker.call("fail", "format"));
    if (!isRenogradeError(error, "FileFormatError")) throw error;
    expect(error).toMatchObject({
      message: "a.png: is truncated",
      name: "FileFormatError",
      path: "a.png",
      format: "PNG",
      exitCode: 1,
    });
    expect(error.cause).toBeInstanceOf(TypeError);
    expect((error.cause as Error).message).toBe("no bytes");
    expect(error.stack).toContain("sum-worker");
    const config = await failure(worker.call("fail", "config"));
    if (!isRenogradeError(config, "ConfigError")) throw config;
    expect(config.issues).toEqual([{ path: "a.b", message: "is wrong", line: 3 }]);
    expect(config.exitCode).toBe(2);
    expect(await worker.call("sum", Float64Array.of(1))).toBe(1);
  });

  it("throws other errors as what they were", async () => {
    const error = await failure(worker.call("fail", "range"));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe("Array buffer allocation failed");
  });

  it("rejects every call when the worker crashes or ends, and all later ones", async () => {
    const crashing = startWorker<SumCalls>(MODULE, "crashing");
    const waiting = failure(crashing.call("later", 10_000));
    // The answer and the crash come through different channels, in any order.
    await crashing.call("fail", "crash").catch(() => undefined);
    for (const next of [() => waiting, () => failure(crashing.call("sum", Float64Array.of(1)))]) {
      const error = await next();
      expect(error).toBeInstanceOf(EngineError);
      expect((error as Error).message).toBe("the crashing worker failed: crashed on purpose");
    }
    const other = startWorker<SumCalls>(MODULE, "other");
    expect(await failure(other.call("fail", "exit"))).toMatchObject({
      tag: "EngineError",
      message: "the other worker ended with status 3 before it had answered",
    });
  });

  it("says which module cannot be loaded", async () => {
    const missing = startWorker<SumCalls>(new URL("./no-such-worker.js", import.meta.url), "missing");
    const error = await failure(missing.call("sum", Float64Array.of(1)));
    expect(error).toMatchObject({ tag: "EngineError" });
    expect((error as Error).message).toMatch(/^the missing worker failed: .*no-such-worker/);
  });

  it("terminates a worker that hangs, and more than once", async () => {
    const hanging = startWorker<SumCalls>(MODULE, "hanging");
    expect(await hanging.call("sum", Float64Array.of(1))).toBe(1);
    const rejected = failure(hanging.call("fail", "hang"));
    await hanging.terminate();
    await hanging.terminate();
    expect(await rejected).toMatchObject({ tag: "InterruptedError", exitCode: 130 });
    expect(await failure(hanging.call("sum", Float64Array.of(1)))).toMatchObject({ tag: "InterruptedError" });
  });

  it("ends an uninterruptible worker after the call at work, before those behind it", async () => {
    const blocked = startWorker<SumCalls>(MODULE, "block", { uninterruptible: true });
    expect(await blocked.call("sum", Float64Array.of(1, 2))).toBe(3);
    const counts = new Int32Array(new SharedArrayBuffer(8));
    const calls = [1, 2, 3].map(() => failure(blocked.call("block", counts)));
    Atomics.wait(counts, 0, 0, 10_000);
    await Promise.all([blocked.terminate(), blocked.terminate()]);
    expect([...counts]).toEqual([1, 1]);
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ tag: "InterruptedError" });
  });

  it("leaves the worker usable when an argument cannot be posted", async () => {
    const wrong = (() => 0) as unknown as Float64Array;
    expect((await failure(worker.call("sum", wrong))) as Error).toMatchObject({ name: "DataCloneError" });
    expect(await worker.call("sum", Float64Array.of(2))).toBe(2);
  });
});

describe("serveCalls", () => {
  it("refuses to run outside a worker", () => {
    expect(() => serveCalls<SumCalls>({} as SumCalls)).toThrow(EngineError);
  });
});
