import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { addonFile } from "./native.js";
import { c10dBackends, ProcessGroup } from "./process-group.js";
import { readProcessPlace } from "./process-place.js";
import { exchange } from "./testing/ranks.js";

const hasC10d = existsSync(addonFile) && c10dBackends().includes("gloo");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const placeOf = (rank: number, port: number) => ({
  rank,
  size: 2,
  localRank: rank,
  address: "127.0.0.1",
  port,
});

function startRankOne(port: number, env: Record<string, string> = {}): ChildProcess {
  const program = fileURLToPath(new URL("./testing/ranks.ts", import.meta.url));
  return spawn(process.execPath, ["--conditions=source", "--import", import.meta.resolve("tsx"), program], {
    env: {
      ...process.env,
      ...{ RANK: "1", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port) },
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("readProcessPlace", () => {
  test("reads torchrun's variables", () => {
    const env = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", MASTER_ADDR: "node7", MASTER_PORT: "29500" };
    expect(readProcessPlace(env)).toEqual({ rank: 3, size: 4, localRank: 1, address: "node7", port: 29500 });
    expect(readProcessPlace({ ...env, LOCAL_RANK: undefined })?.localRank).toBe(3);
  });
  test("is null in one process", () => {
    expect(readProcessPlace({})).toBeNull();
    expect(readProcessPlace({ WORLD_SIZE: "1" })).toBeNull();
  });
  test("names everything that is wrong at once", () => {
    expect(() => readProcessPlace({ WORLD_SIZE: "2", RANK: "2", MASTER_PORT: "x" })).toThrow(
      'several processes: RANK should be a whole number from 0 to 1, it is "2"; MASTER_PORT',
    );
    expect(() => readProcessPlace({ WORLD_SIZE: "2", RANK: "0", MASTER_PORT: "x" })).toThrow(
      /MASTER_PORT should be .*, it is "x"; MASTER_ADDR should name .* --processes N/,
    );
  });
});

describe.skipIf(!hasC10d)(
  hasC10d ? "process group" : "process group (skipped: the addon is not built, or its libtorch lacks c10d)",
  () => {
    test("two ranks compute together, and a lost one is an error of the other", async () => {
      const port = await freePort();
      const other = startRankOne(port, { THEN_WAIT: "1" });
      const group = await ProcessGroup.connect({ place: placeOf(0, port), timeoutMs: 20_000 });
      const printed = new Promise<string>((resolve) => other.stdout!.once("data", (d) => resolve(String(d))));
      const seen = await exchange(group);
      expect(seen).toEqual({
        allreduce: [2, 10],
        sum: [3, 0.2],
        broadcast: [0, 0],
        gathered: [0, 1],
        note: "go on",
        steps: [
          // d/dw1 = w2 = 3 + 4, d/dw2 = w1 = 2 + 2; w3 is not reduced, its gradient is rank 1's alone.
          { buckets: 2, overlapped: 2, gradients: [7, 4, null, null] },
          // w3 has a gradient on rank 1 only, w4 nowhere, so the last two buckets wait for the end of backward.
          { buckets: 4, overlapped: 2, gradients: [7, 4, 1, null] },
        ],
      });
      const theirs = JSON.parse(await printed);
      expect(theirs.steps[0].gradients).toEqual([7, 4, 1, null]);
      expect({ ...theirs, steps: theirs.steps[1] }).toEqual({
        ...seen,
        steps: { buckets: 4, overlapped: 3, gradients: [7, 4, 1, null] },
      });

      other.kill("SIGKILL");
      expect(() => group.barrier()).toThrow(
        /^rank 0 of 2: another process was lost or did not answer within 20 s \(.+\); see what it printed, then start all 2 again$/s,
      );
      group.destroy();
    });

    test("missing ranks and ports in use are one sentence", async () => {
      const port = await freePort();
      const connect = (rank: number, at: number) =>
        ProcessGroup.connect({ place: placeOf(rank, at), timeoutMs: 200 });
      await expect(connect(0, port)).rejects.toThrow(
        "rank 0 of 2: rank 1 did not come within 0.2 s; start all 2 processes",
      );
      await expect(connect(1, await freePort())).rejects.toThrow(
        /^rank 1 of 2: rank 0 cannot be reached at 127.0.0.1:\d+ within 0.2 s \(connect ECONNREFUSED .*\); start rank 0, or correct/,
      );
      const server = createServer().listen(0);
      await once(server, "listening");
      const { port: taken } = server.address() as AddressInfo;
      await expect(connect(0, taken)).rejects.toThrow(
        /^rank 0 of 2: cannot listen at port \d+ \(listen EADDRINUSE.*\); choose a free port with MASTER_PORT$/,
      );
      server.close();
    });

    test("waiting for the others can be stopped", async () => {
      const controller = new AbortController();
      const waiting = ProcessGroup.connect({
        place: placeOf(0, await freePort()),
        timeoutMs: 20_000,
        signal: controller.signal,
      });
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ tag: "InterruptedError" });
    });
  },
);
