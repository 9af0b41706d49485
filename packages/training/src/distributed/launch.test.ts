import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchProcesses } from "./launch.js";
import { shareOf } from "./share.js";

describe("shareOf", () => {
  test("cuts a batch into contiguous shares that make it up", () => {
    const cut = (count: number, size: number) =>
      Array.from({ length: size }, (_, rank) => Object.values(shareOf(count, { rank, size })));
    expect(cut(8, 2)).toEqual([
      [0, 4],
      [4, 8],
    ]);
    expect(cut(7, 3)).toEqual([
      [0, 2],
      [2, 4],
      [4, 7],
    ]);
  });
});

describe("launchProcesses", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "renograde-launch-"));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  const launch = (program: string, more: { signal?: AbortSignal } = {}) => {
    const failures: [number, string][] = [];
    const status = launchProcesses({
      processes: 2,
      command: process.execPath,
      args: ["-e", program],
      env: { ...process.env, OMP_NUM_THREADS: undefined, FOLDER: folder },
      onFailure: (rank, reason) => failures.push([rank, reason]),
      ...more,
    });
    return status.then((code) => ({ code, failures }));
  };

  test("tells the processes apart", async () => {
    const program = `
      const { RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, OMP_NUM_THREADS } = process.env;
      const text = [RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT > 0, OMP_NUM_THREADS > 0].join();
      require("node:fs").writeFileSync(process.env.FOLDER + "/" + RANK, text);`;
    expect(await launch(program)).toEqual({ code: 0, failures: [] });
    const texts = (await readdir(folder)).sort().map((name) => readFile(join(folder, name), "utf8"));
    expect(await Promise.all(texts)).toEqual(["0,2,0,127.0.0.1,true,true", "1,2,1,127.0.0.1,true,true"]);
  });

  test("ends with the status of the process that failed first, and says what it printed", async () => {
    const fails = `if (process.env.RANK === "1") { console.error("no disk"); process.exitCode = 2; }`;
    expect(await launch(fails)).toEqual({ code: 2, failures: [[1, "no disk"]] });
    const killed = `if (process.env.RANK === "1") process.kill(process.pid, "SIGKILL");`;
    expect(await launch(killed)).toEqual({ code: 1, failures: [[1, "it was ended by SIGKILL"]] });
  });

  test("passes an interruption on", async () => {
    const controller = new AbortController();
    const waits = `process.on("SIGTERM", () => process.exit(130)); setInterval(() => 0, 1000);
      require("node:fs").writeFileSync(process.env.FOLDER + "/ready" + process.env.RANK, "");`;
    const ended = launch(waits, { signal: controller.signal });
    while ((await readdir(folder)).filter((name) => name.startsWith("ready")).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    controller.abort();
    expect((await ended).code).toBe(130);
  });
});
