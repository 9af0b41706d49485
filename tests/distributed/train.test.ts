import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { c10dBackends, isTorchAvailable, readProcessPlace } from "@renograde/torch";
import {
  parseConfig,
  readCheckpoint,
  readLog,
  readRunInfo,
  runPaths,
  type TrainOptions,
  train,
} from "@renograde/training";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeTinyDataset } from "./dataset.js";

const MAIN = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

/** 8 steps of four patches of 22 px; a very narrow network with a single branch. */
const SET = [
  "net.network=shr",
  "net.width=0.01",
  "data.window=24",
  "data.step=16",
  "data.crop=22",
  "train.batch=4",
  "train.threads=1",
  "train.workers=0",
  "train.logEvery=1",
  "train.saveEvery=1",
  "train.page=false",
  "train.tensorboard=false",
  "train.processTimeoutS=20",
  "train.phases=[{epochs: 2, lr: 0.003, lrDropAfter: 1, lrDrop: 0.001}]",
];

const possible = existsSync(MAIN) && isTorchAvailable() && c10dBackends().includes("gloo");

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-processes-"));
  await writeTinyDataset(join(root, "data"), 6);
});
afterAll(async () => await rm(root, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly status: number | null; readonly stderr: string }>;
}

function start(env: Record<string, string>, name: string, ...more: string[]): Started {
  const args = ["train", "--data", join(root, "data"), "--run", join(root, name), ...more];
  const child = spawn(
    process.execPath,
    [MAIN, ...args, ...SET.flatMap((assignment) => ["--set", assignment])],
    { env: { ...process.env, OMP_NUM_THREADS: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, "close").then(([status]) => ({ status: status as number | null, stderr }));
  return { child, ended };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The variables of one of two processes, as torchrun sets them. */
const variables = (rank: number, port: number) => ({
  ...{ RANK: `${rank}`, WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` },
});

/** Trains in this process. */
function trainHere(name: string, set: readonly string[], more: Partial<TrainOptions> = {}) {
  const config = parseConfig("", { set: [...SET, ...set] });
  return train({ config, dataDir: join(root, "data"), runDir: join(root, name), ...more });
}

/** Loss of every step of a run. */
async function losses(name: string): Promise<number[]> {
  const steps = (await readLog(runPaths(join(root, name)).log)).filter((record) => record.kind === "steps");
  return steps.map((record) => (record.losses as { total: number }).total);
}

async function weights(name: string): Promise<Map<string, ArrayLike<number>>> {
  const { network } = await readCheckpoint(runPaths(join(root, name)).last);
  return new Map([...network].map(([key, { data }]) => [key, data]));
}

describe.skipIf(!possible)(
  possible
    ? "training in two processes"
    : "training in two processes (skipped: the command or the libtorch addon is not built, or lacks c10d)",
  () => {
    test("takes the steps of one process with batch-norm groups", async () => {
      const two = start({}, "two", "--processes", "2");
      await trainHere("one", ["train.bnGroup=2"]);
      expect(await two.ended).toMatchObject({ status: 0 });
      const expected = await losses("one");
      const found = await losses("two");
      expect(expected).toHaveLength(8);
      // Both add two parts in float32, in which order does not matter; the allowance is for kernels chosen otherwise.
      expect(found).toHaveLength(8);
      for (const [i, loss] of found.entries()) expect(loss / expected[i]!).toBeCloseTo(1, 6);
      expect((await readRunInfo(join(root, "two"))).processes).toBe(2);
    }, 180_000);

    test("a lost process ends the other with one sentence, and --resume goes on from the checkpoint", async () => {
      const port = await freePort();
      const first = start(variables(0, port), "lost");
      const second = start(variables(1, port), "lost");
      const log = runPaths(join(root, "lost")).log;
      while ((await readLog(log)).filter((record) => record.kind === "steps").length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      second.child.kill("SIGKILL");
      const { status, stderr } = await first.ended;
      expect(status).toBe(1);
      const errors = stderr.split("\n").filter((line) => line.includes("rank 0 of 2"));
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatch(/another process was lost .* start all 2 again with --resume; the last/);

      await expect(trainHere("lost", [], { resume: true })).rejects.toThrow(
        "was started with 2 processes, now there is one; resume with as many (--processes 2)",
      );
      const again = await freePort();
      const other = start(variables(1, again), "lost", "--resume");
      const place = readProcessPlace(variables(0, again));
      expect(await trainHere("lost", [], { resume: true, place })).toMatchObject({ steps: 8, epochs: 2 });
      expect(await other.ended).toMatchObject({ status: 0 });
      expect(await losses("lost")).toEqual(await losses("two"));
      expect(await weights("lost")).toEqual(await weights("two"));
    }, 180_000);
  },
);
