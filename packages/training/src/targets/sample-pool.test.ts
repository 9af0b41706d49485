import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@renograde/core";
import { writeLabelPng, writePng } from "@renograde/slides/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { openDataset } from "../datasets/open-dataset.js";
import { type Batch, createBatch, type SamplePlan } from "./batch.js";
import { feedBatches } from "./batch-feed.js";
import { openPatchSource } from "./patch-source.js";
import { openSamplePool, type SamplePool, sampleWorkers } from "./sample-pool.js";

const SIDE = 40;
let root = "";

async function writeImage(n: number): Promise<void> {
  const random = createRandom("sample-pool", n);
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, () => random.int(0, 255));
  const labels = new Int32Array(SIDE * SIDE);
  for (let i = 0; i < labels.length; i++)
    if (i % SIDE > 9 && i % SIDE < 25) labels[i] = 1 + (i > 800 ? 1 : 0);
  await writePng(join(root, "images", `n${n}.png`), { width: SIDE, height: SIDE, data });
  await writeLabelPng(join(root, "labels", `n${n}.png`), { width: SIDE, height: SIDE, data: labels });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-pool-"));
  await mkdir(join(root, "images"));
  await mkdir(join(root, "labels"));
  for (const n of [0, 1, 2]) await writeImage(n);
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const configOf = (...set: string[]) =>
  parseConfig("data: {window: 30, crop: 22, step: 16}\naug: {stainScale: 0.1}", { set });
const VARIATION = { seed: 3, epoch: 2 };

/** Runs `work` with the patches of the three images, made by a number of workers. */
async function withSource<Result>(
  workers: number,
  set: string[],
  work: (source: Awaited<ReturnType<typeof openPatchSource>>, plan: SamplePlan, pool: SamplePool) => Result,
): Promise<Awaited<Result>> {
  const config = configOf(...set);
  const dataset = await openDataset(root);
  const pool = openSamplePool(dataset, config, workers);
  const targets = ["classes", "distance"] as const;
  const plan = { crop: 22, output: 16, targets, classes: dataset.classes, erodeBoundary: 1 };
  try {
    return await work(await openPatchSource(dataset, [0, 1, 2], config, pool), plan, pool);
  } finally {
    await pool.close();
  }
}

/** Hashes of two epochs of batches of 5. */
async function allBatches(workers: number, set: string[]): Promise<string[]> {
  return await withSource(workers, set, async (source, plan) => {
    expect(source.ahead > 0).toBe(workers > 0);
    const requests = [1, 2].flatMap((epoch) =>
      [0, 1, 2, 3].map((step) => ({
        samples: Int32Array.from({ length: 5 }, (_, i) => (7 * (5 * step + i) + epoch) % source.length),
        variation: { seed: 3, epoch },
      })),
    );
    const feed = feedBatches(source, requests, 5, plan);
    const copies: string[] = [];
    for (const request of requests) {
      const { batch, samples, waitMs } = await feed.next();
      expect(samples).toEqual(request.samples);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      const arrays = [batch.images, batch.instances, ...batch.targets.values()];
      copies.push(arrays.map((array) => createHash("sha256").update(array).digest("hex")).join(" "));
    }
    await expect(feed.next()).rejects.toThrow(RangeError);
    return copies;
  });
}

describe("openSamplePool", () => {
  it("makes the same batches with 0, 1 and 3 workers, in memory or read again", async () => {
    const alone = await allBatches(0, []);
    expect(new Set(alone).size).toBe(8);
    expect(await allBatches(1, ["data.cacheMiB=0"])).toEqual(alone);
    expect(await allBatches(3, [])).toEqual(alone);
  }, 30_000);

  it("hands on an unreadable image as the error that names it, and works on", async () => {
    await withSource(1, ["data.cacheMiB=0"], async (source, plan) => {
      const path = join(root, "images", "n1.png");
      await rename(path, join(root, "n1.kept"));
      await writeFile(path, "not an image");
      const batch: Batch = createBatch(4, plan);
      const own = Int32Array.from({ length: source.length }, (_, i) => i).filter((i) =>
        source.describe(i).startsWith(path),
      );
      await expect(source.fill(batch, own.slice(0, 2), VARIATION)).rejects.toMatchObject({
        tag: "FileFormatError",
        path,
        message: expect.stringContaining("n1.png"),
      });
      await rename(join(root, "n1.kept"), path);
      await source.fill(batch, own.slice(0, 2), VARIATION);
    });
  }, 30_000);

  it("ends its threads when it is closed", async () => {
    await withSource(1, [], async (source, plan, pool) => {
      const filling = source.fill(createBatch(4, plan), [0, 1, 2, 3], VARIATION);
      const failed = expect(filling).rejects.toMatchObject({ tag: "InterruptedError" });
      await pool.close();
      await failed;
      await expect(pool.prepare(0)).rejects.toMatchObject({ tag: "InterruptedError" });
    });
  }, 30_000);

  it("says when the folder is no longer the one that was opened", async () => {
    const dataset = await openDataset(root);
    await writeImage(9);
    const pool = openSamplePool(dataset, configOf(), 1);
    await expect(pool.prepare(0)).rejects.toThrow(/images were added or removed while training started/);
    await pool.close();
  }, 30_000);
});

describe("sampleWorkers", () => {
  it("is at least one unless none is asked for", () => {
    expect(sampleWorkers(null)).toBeGreaterThanOrEqual(1);
    expect([sampleWorkers(0), sampleWorkers(5)]).toEqual([0, 5]);
  });
});
