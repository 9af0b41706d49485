import { setTimeout } from "node:timers/promises";
import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { inferMaps } from "./infer.js";
import type { InferenceSession, SessionOutput } from "./session.js";
import { fakeMetadata, fakeSession, positionImage } from "./testing/fake-model.js";

const BASE = fakeMetadata();
const METADATA = { ...BASE, window: 46, output: 40, kept: 20, outputs: BASE.outputs.slice(0, 1) };
const IMAGE = positionImage(90, 70);
const WINDOWS = 20;
const POSITION = {
  channels: 7,
  // Thirds, so that sums of mirrored passes depend on their order.
  rule: (r: number, g: number, b: number, out: number[]) => {
    for (let c = 0; c < 7; c++) out[c] = (r + 2 * g + 3 * b + c) / 3;
  },
};

/** A session of several lanes whose answers come in random order, and what it saw. */
function lanes(parallel: number, batch = 1, fail?: (call: number) => boolean) {
  const inner = fakeSession(METADATA, batch, { maps: POSITION });
  const random = createRandom(parallel, "lanes");
  const seen = { calls: 0, inFlight: 0, most: 0 };
  const session: InferenceSession = {
    batch,
    engine: "fake",
    parallel,
    async run(input, n): Promise<SessionOutput> {
      const call = seen.calls++;
      seen.most = Math.max(seen.most, ++seen.inFlight);
      try {
        const output = await inner.run(input, n);
        structuredClone(input, { transfer: [input.buffer as ArrayBuffer] });
        await setTimeout(Math.floor(random.next() * 8));
        if (fail?.(call)) throw new Error(`call ${call} failed on purpose`);
        return output;
      } finally {
        seen.inFlight--;
      }
    },
    close: async () => {},
  };
  return { session, seen };
}

describe("inferMaps with several lanes", () => {
  it.each([
    [2, 1, false],
    [3, 2, false],
    [2, 1, true],
  ])(
    "gives the bytes of one lane: %i lanes, batches of %i, mirrored %s",
    async (parallel, batch, flipTTA) => {
      const one = await inferMaps(IMAGE, lanes(1).session, METADATA, { flipTTA });
      const { session, seen } = lanes(parallel, batch);
      const many = await inferMaps(IMAGE, session, METADATA, { flipTTA });
      expect(Buffer.compare(Buffer.from(many.maps.data.buffer), Buffer.from(one.maps.data.buffer))).toBe(0);
      expect(seen.most).toBe(2 * parallel);
      expect(seen.calls).toBe(((flipTTA ? 4 : 1) * WINDOWS) / batch);
    },
  );

  it("runs one batch at a time on a session that does not say otherwise", async () => {
    const { session, seen } = lanes(1);
    const { parallel: _, ...plain } = session;
    await inferMaps(IMAGE, plain, METADATA);
    expect(seen.most).toBe(1);
  });

  it("tells progress in order, and when the session has all windows", async () => {
    const events: string[] = [];
    await inferMaps(IMAGE, lanes(2).session, METADATA, {
      onProgress: (done, total) => events.push(`${done}/${total}`),
      onSubmitted: () => events.push("submitted"),
    });
    expect(events.filter((e) => e !== "submitted")).toEqual(
      Array.from({ length: WINDOWS }, (_, i) => `${i + 1}/${WINDOWS}`),
    );
    expect(events.indexOf("submitted")).toBe(WINDOWS - 4);
    expect(events.filter((e) => e === "submitted")).toHaveLength(1);
  });

  it("throws the first failure in the order of windows and leaves none unhandled", async () => {
    const { session, seen } = lanes(2, 1, (call) => call >= 5);
    await expect(inferMaps(IMAGE, session, METADATA)).rejects.toThrow("call 5 failed on purpose");
    expect(seen.calls).toBeLessThan(WINDOWS);
    await setTimeout(20);
    expect(seen.inFlight).toBe(0);
  });

  it("stops at the next answer when it is aborted", async () => {
    const { session, seen } = lanes(2);
    const controller = new AbortController();
    const work = inferMaps(IMAGE, session, METADATA, {
      signal: controller.signal,
      onProgress: (done) => {
        if (done === 3) controller.abort();
      },
    });
    await expect(work).rejects.toMatchObject({ tag: "InterruptedError" });
    expect(seen.calls).toBeLessThan(8);
  });
});
