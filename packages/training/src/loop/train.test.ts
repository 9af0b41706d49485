import { readdirSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@renograde/core";
import { parseSafetensors, readOnnxMetadata } from "@renograde/formats";
import { writeLabelPng, writePng } from "@renograde/slides/node";
import { isTorchAvailable, memoryStats } from "@renograde/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../torch/src/testing/collect-garbage.js";
import { parseConfig } from "../config/load-config.js";
import { exportRun } from "../export/export-run.js";
import { readCheckpoint } from "./checkpoint.js";
import type { TrainEvent } from "./events.js";
import { runPaths } from "./run-folder.js";
import { lockRun } from "./run-lock.js";
import { readLog } from "./run-log.js";
import { type TrainOptions, train } from "./train.js";

/**
 * A very narrow network with few layers on 22 px crops: a step takes some ten milliseconds. One thread: tests share the
 * machine.
 */
const SMALL = [
  "net.network=shr",
  "net.width=0.01",
  "data.window=24",
  "data.step=16",
  "data.crop=22",
  "aug.preset=flip",
  "train.batch=2",
  "train.threads=1",
  "train.workers=0",
  "train.logEvery=2",
  "train.page=false",
  "train.tensorboard=false",
  "train.phases=[{epochs: 2, lr: 0.003, lrDropAfter: 1, lrDrop: 0.001}]",
];

function configOf(...set: string[]) {
  return parseConfig("", { set: [...SMALL, ...set] });
}

let root = "";

/** Round dark nuclei on a light ground, 32 x 32 px. */
async function makeDataset(folder: string, images: number): Promise<void> {
  await mkdir(join(folder, "images"), { recursive: true });
  await mkdir(join(folder, "labels"), { recursive: true });
  for (let n = 0; n < images; n++) {
    const random = createRandom("train-test", n);
    const side = 32;
    const pixels = new Uint8Array(side * side * 3);
    const labels = new Int32Array(side * side);
    for (let k = 1; k <= 4; k++) {
      const [cx, cy, r] = [random.uniform(4, 28), random.uniform(4, 28), random.uniform(3, 5)];
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) if (Math.hypot(x - cx, y - cy) < r) labels[y * side + x] = k;
      }
    }
    for (let i = 0; i < pixels.length; i++) {
      pixels[i] = (labels[Math.floor(i / 3)] === 0 ? 220 : 90) + random.int(-10, 10);
    }
    await writePng(join(folder, "images", `n${n}.png`), { width: side, height: side, data: pixels });
    await writeLabelPng(join(folder, "labels", `n${n}.png`), { width: side, height: side, data: labels });
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-train-"));
  await makeDataset(join(root, "data"), 4);
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const bytesOf = (path: string) => readFile(`${path}.safetensors`);

function run(name: string, options: Partial<TrainOptions> = {}) {
  return train({ config: configOf(), dataDir: join(root, "data"), runDir: join(root, name), ...options });
}

describe.skipIf(!isTorchAvailable())("train (libtorch addon built)", () => {
  it("trains, logs, keeps best and last, and holds its native memory", async () => {
    const events: TrainEvent[] = [];
    const memory: { handles: number; allocated: number }[] = [];
    await collectGarbage();
    const result = await run("straight", {
      onProgress: (event) => {
        events.push(event);
        if (event.kind === "step") memory.push(memoryStats());
      },
    });
    // 4 images of 32 px: 2 to train on, 1 to validate, 1 to test; 4 patches each.
    expect(result).toMatchObject({ steps: 8, epochs: 2 });
    expect(result.best?.name).toBe("valid_dice");

    expect(events.find((e) => e.kind === "start")).toMatchObject({
      trainPatches: 8,
      validPatches: 4,
      steps: 8,
    });
    const steps = events.filter((e) => e.kind === "step");
    expect(steps.map((e) => e.lr)).toEqual([0.003, 0.003, 0.003, 0.003, 0.001, 0.001, 0.001, 0.001]);
    expect(Object.keys(steps[0]!.losses.terms)).toEqual(["mcf"]);
    expect(steps.every((e) => e.stepMs > 0 && e.remainingMs >= 0)).toBe(true);
    expect(steps.at(-1)!.losses.total).toBeLessThan(steps[0]!.losses.total);

    // Moments come into being with the first gradients (network.md §13: by step 3); from then on nothing grows.
    const settled = memory.slice(3);
    expect(new Set(settled.map((m) => m.handles)).size).toBe(1);
    expect(new Set(settled.map((m) => m.allocated)).size).toBe(1);

    const paths = runPaths(join(root, "straight"));
    const log = await readLog(paths.log);
    expect(log.map((r) => r.kind)).toEqual([
      "start",
      "steps",
      "steps",
      "epoch",
      "steps",
      "steps",
      "epoch",
      "end",
    ]);
    expect(log[6]).toMatchObject({ step: 8, epoch: 2, scores: { valid_dice: expect.any(Number) } });
    const { run: state } = await readCheckpoint(paths.last);
    expect(state).toMatchObject({ step: 8, epoch: 2, stepInEpoch: 0, best: result.best });
    expect((await readCheckpoint(paths.best)).run.epoch).toBe(result.best!.epoch);
  });

  it("continues bit for bit after being stopped in the middle of an epoch, after one and during validation", async () => {
    const stops: ((event: TrainEvent) => boolean)[] = [
      (e) => e.kind === "step" && e.step === 2,
      (e) => e.kind === "epoch" && e.epoch === 1,
      (e) => e.kind === "validation" && e.epoch === 2,
    ];
    const config = configOf("train.validBatch=2");
    const stoppedAfter: string[] = [];
    for (const stopAt of stops) {
      const controller = new AbortController();
      const stopped = run("stopped", {
        config,
        resume: stoppedAfter.length > 0,
        signal: controller.signal,
        onProgress: (event) => {
          if (stopAt(event)) controller.abort();
        },
      });
      const { message } = (await stopped.catch((error: Error) => error)) as Error;
      stoppedAfter.push(/training stopped after step (\d) of 8/.exec(message)?.[1] ?? message);
    }
    expect(stoppedAfter).toEqual(["2", "4", "8"]);
    await run("stopped", { config, resume: true });
    const [resumed, straight] = [runPaths(join(root, "stopped")), runPaths(join(root, "straight"))];
    expect((await bytesOf(resumed.last)).equals(await bytesOf(straight.last))).toBe(true);
    expect((await bytesOf(resumed.best)).equals(await bytesOf(straight.best))).toBe(true);
    const epochs = (await readLog(resumed.log)).filter((r) => r.kind === "epoch");
    expect(epochs.map((r) => r.losses)).toEqual(
      (await readLog(straight.log)).filter((r) => r.kind === "epoch").map((r) => r.losses),
    );
  });

  it("continues from a checkpoint within an epoch after a kill", async () => {
    // An error thrown by the listener stands for a kill: no checkpoint is written on the way out.
    const killed = run("killed", {
      config: configOf("train.saveEvery=3"),
      onProgress: (event) => {
        if (event.kind === "step" && event.step === 7) throw new Error("killed");
      },
    });
    await expect(killed).rejects.toThrow("killed");
    await run("killed", { resume: true });
    const last = await bytesOf(runPaths(join(root, "killed")).last);
    expect(last.equals(await bytesOf(runPaths(join(root, "straight")).last))).toBe(true);
    const log = await readLog(runPaths(join(root, "killed")).log);
    expect(log.filter((r) => r.kind === "epoch").map((r) => r.epoch)).toEqual([1, 2]);
  });

  it("gives the same weights when a thread makes the samples, and says how long the device waited", async () => {
    const waits: number[] = [];
    await run("threaded", {
      config: configOf("train.workers=1"),
      onProgress: (event) => {
        if (event.kind === "step") waits.push(event.waitMs / event.stepMs);
      },
    });
    const paths = runPaths(join(root, "threaded"));
    expect((await bytesOf(paths.last)).equals(await bytesOf(runPaths(join(root, "straight")).last))).toBe(
      true,
    );
    expect(waits.length).toBe(8);
    expect(waits.every((share) => share >= 0 && share <= 1)).toBe(true);
    const steps = (await readLog(paths.log)).filter((r) => r.kind === "steps");
    for (const { waitShare } of steps) expect(waitShare).toEqual(expect.any(Number));
  }, 30_000);

  it("keeps a checkpoint when an image can no longer be read, and goes on when it can", async () => {
    const folder = join(root, "fragile");
    await makeDataset(folder, 4);
    const broken: string[] = [];
    const fragile = {
      dataDir: folder,
      config: configOf("data.cacheMiB=0", "train.saveEvery=0", "train.workers=1"),
    };
    const failing = run("unreadable", {
      ...fragile,
      onProgress: (event) => {
        // Batches are made ahead, so the step that fails is a later one.
        if (event.kind !== "step" || event.step !== 1) return;
        for (const name of readdirSync(join(folder, "images"))) {
          broken.push(join(folder, "images", name));
          renameSync(broken.at(-1)!, `${broken.at(-1)}.away`);
        }
      },
    });
    await expect(failing).rejects.toMatchObject({ tag: "FileAccessError" });
    const { run: state } = await readCheckpoint(runPaths(join(root, "unreadable")).last);
    expect(state.step).toBeGreaterThanOrEqual(1);
    expect(state.step).toBeLessThan(8);
    for (const path of broken) renameSync(`${path}.away`, path);
    expect(await run("unreadable", { ...fragile, resume: true })).toMatchObject({ steps: 8 });
    const last = await bytesOf(runPaths(join(root, "unreadable")).last);
    expect(last.equals(await bytesOf(runPaths(join(root, "straight")).last))).toBe(true);
  }, 30_000);

  it("says before the first step which batch fits into memory, and trains it in parts", async () => {
    const limited = (...set: string[]) =>
      configOf("net.network=chr-net", "train.batch=8", "train.memoryLimitGiB=0.006", ...set);
    const refused = await run("short of memory", { config: limited() }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ tag: "EngineError" });
    const { message } = refused as Error;
    expect(message).toMatch(
      /^main memory is not enough: 8 patches at once need about [\d.]+ MiB, 6\.1 MiB are there; \d patches at once fit/,
    );
    const parts = /set train\.accumulate (\d)/.exec(message)?.[1];
    const result = await run("short of memory", { config: limited(`train.accumulate=${parts}`) });
    expect(result.steps).toBe(2);
    expect(memoryStats().bound).toBe(Number.POSITIVE_INFINITY);
  }, 30_000);

  it("says when a validation does not fit, and repeats it alone in smaller parts", async () => {
    const folder = join(root, "many");
    await makeDataset(folder, 12);
    const many = (validBatch: number, ...set: string[]) => ({
      dataDir: folder,
      config: configOf(
        ...["split.fractions=[0.1, 0.8, 0.1]", "train.batch=1", "train.phases=[{epochs: 1}]"],
        ...[`train.validBatch=${validBatch}`, ...set],
      ),
    });
    const limit = "train.memoryLimitGiB=0.004";
    await expect(run("large validation", many(40, limit))).rejects.toThrow(
      /^memory is not enough to validate 40 patches at once \(.*\); go on with --resume --set train\.validBatch=20$/,
    );
    const steps: number[] = [];
    const result = await run("large validation", {
      ...many(8, limit),
      resume: true,
      onProgress: (event) => {
        if (event.kind === "step") steps.push(event.step);
      },
    });
    expect([steps, result.best?.epoch]).toEqual([[], 1]);
  }, 30_000);

  it("exports the best weights with everything grading needs", async () => {
    const out = join(root, "model.onnx");
    const metadata = await exportRun(join(root, "straight"), out);
    expect(metadata).toMatchObject({ network: "shr", window: 22, output: 16, kept: 8, mpp: 0.25 });
    expect(metadata.classes.classes.map((c) => c.name)).toEqual(["Nucleus"]);
    expect(metadata.training).toMatchObject({ seed: 10, synthetic: false, steps: expect.any(Number) });
    expect(metadata.training.data).toContain("data: 2 training and 1 validation images");
    const bytes = new Uint8Array(await readFile(out));
    expect(JSON.parse(readOnnxMetadata(bytes, out).renograde!)).toEqual(metadata);
  });

  it("does not touch an existing run, and resumes only with what decides its result unchanged", async () => {
    await expect(run("straight")).rejects.toThrow(/already holds a run; resume it with --resume/);
    await expect(run("straight", { resume: true, config: configOf("train.seed=3") })).rejects.toThrow(
      /started with other values of train\.seed/,
    );
    const described = async () =>
      await Promise.all(["config.yaml", "run.json"].map((name) => readFile(join(root, "straight", name))));
    const before = await described();
    await makeDataset(join(root, "other"), 5);
    await expect(run("straight", { resume: true, dataDir: join(root, "other") })).rejects.toThrow(
      /its files are not those the run/,
    );
    const fewer = configOf("train.phases=[{epochs: 1, lr: 0.003}]");
    await expect(run("straight", { resume: true, config: fewer })).rejects.toThrow(/has finished 2 epochs/);
    expect(await described()).toEqual(before);
  });

  it("does not train where another process does, and writes nothing there", async () => {
    const folder = join(root, "shared");
    const release = await lockRun(folder);
    await expect(run("shared")).rejects.toThrow(`${folder}: process ${process.pid} is training there`);
    expect(readdirSync(folder)).toEqual(["run.lock"]);
    await release();
  });

  it("can be lengthened", async () => {
    const config = configOf("train.phases=[{epochs: 3, lr: 0.003, lrDropAfter: 1, lrDrop: 0.001}]");
    expect(await run("straight", { resume: true, config })).toMatchObject({ steps: 12, epochs: 3 });
  });

  it("stops at a loss that is not finite and keeps its batch", async () => {
    // ε = 0 in float32 makes Adam divide 0 by 0 where a gradient is zero.
    const bad = run("bad", { config: configOf("optim.eps=1e-300") });
    await expect(bad).rejects.toThrow(
      /the loss is NaN at step 2 \(epoch 1\); its batch is kept in .*bad-batch/,
    );
    const path = runPaths(join(root, "bad")).badBatch;
    const { tensors, metadata } = parseSafetensors(new Uint8Array(await readFile(path)), path);
    expect(tensors.get("images")?.shape).toEqual([2, 3, 22, 22]);
    expect(JSON.parse(metadata.get("samples")!)).toHaveLength(2);
  });

  it("computes a batch in parts, and trains without validation images", async () => {
    const warnings: string[] = [];
    const result = await run("parts", {
      config: configOf("train.accumulate=2", "split.fractions=[1, 0, 0]", "train.phases=[{epochs: 1}]"),
      onProgress: (event) => {
        if (event.kind === "warning") warnings.push(event.message);
      },
    });
    expect(result).toMatchObject({ steps: 8, best: null });
    expect(warnings.join()).toContain("no validation images");
  });

  it("groups batch statistics like parts of a batch, and tells phases apart", async () => {
    const phases = "train.phases=[{epochs: 1, lr: 0.003, batch: 4, freeze: true}, {epochs: 1, lr: 0.001}]";
    const lrs: number[] = [];
    const runs = [];
    for (const [name, set] of [
      ["groups", "train.bnGroup=2"],
      ["accumulated", "train.accumulate=2"],
    ] as const) {
      const config = configOf(
        phases,
        set,
        "train.batch=4",
        "split.fractions=[1, 0, 0]",
        "optim.carryOver=false",
      );
      const onProgress = (event: TrainEvent) => {
        if (event.kind === "step") lrs.push(event.lr);
      };
      await run(name, { config, onProgress });
      runs.push(await readCheckpoint(runPaths(join(root, name)).last));
    }
    expect(lrs.slice(0, 8)).toEqual([0.003, 0.003, 0.003, 0.003, 0.001, 0.001, 0.001, 0.001]);
    expect(runs[0]!.network).toEqual(runs[1]!.network);
    // Adam started afresh with the second phase: 4 steps.
    expect(Math.max(...runs[0]!.adam.steps.values())).toBe(4);
  });

  it("measures PQ, selects by it and keeps epochs", async () => {
    const config = configOf(
      "net.network=chr-net",
      "train.evalPq=1",
      "train.select=aPQ",
      "train.keepEvery=1",
      "post.h=0",
      "post.minArea=0",
    );
    const terms = new Set<string>();
    const result = await run("quality", {
      config,
      onProgress: (event) => {
        if (event.kind === "step") for (const name of Object.keys(event.losses.terms)) terms.add(name);
      },
    });
    expect([...terms]).toEqual(["bc", "dist", "mc1", "mc2", "mcf"]);
    expect(Object.keys(result.scores)).toContain("valid_mae");
    expect(result.best?.name).toBe("valid_apq");
    expect(result.scores.valid_apq).toBe(result.scores.valid_pq);
    const paths = runPaths(join(root, "quality"));
    expect((await readCheckpoint(paths.epoch(1))).run.step).toBe(4);
    expect((await bytesOf(paths.epoch(2))).equals(await bytesOf(paths.last))).toBe(true);
    const metadata = await exportRun(join(root, "quality"), join(root, "first.onnx"), { checkpoint: 1 });
    expect(metadata.training.epochs).toBe(1);
  });

  it("names a device that is not there", async () => {
    await expect(run("device", { config: configOf("train.device=cuda:99") })).rejects.toThrow(
      /train\.device: "cuda:99" is not available/,
    );
    await expect(run("device", { config: configOf("train.device=gpu") })).rejects.toThrow(
      /expected cpu, cuda/,
    );
  });
});
