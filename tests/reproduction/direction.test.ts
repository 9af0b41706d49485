/**
 * The direction of the proof in RESULTS.md in a few seconds: a very narrow CHR-Net on one small crop. Its loss falls, and
 * after export, grading and evaluation it finds the nuclei that it did not find before.
 *
 * Distances of a network this young stay below the published depth of the h-minima (150 of 255), hence post.h 60.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTorchAvailable } from "@renograde/torch";
import { writeSyntheticSection } from "@renograde/training";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCrops } from "./crops.js";
import { configOf, gradeAndEvaluate, trainOn } from "./learn.js";

const dataRoot = process.env.RENOGRADE_DATA;
const required = (process.env.RENOGRADE_REQUIRE ?? "").split(",").includes("libtorch");
const reason = isTorchAvailable() || required ? "" : " (skipped: the libtorch addon is not built)";
const tissue = dataRoot
  ? "a kidney crop of MoNuSeg"
  : "a synthetic section (real tissue skipped: RENOGRADE_DATA is not set)";

/** Windows of 70 px every 64 px, in training and in grading: four of them. */
const SIDE = 128;
const STEP = 64;

/** One epoch that changes nothing to speak of, and then, resumed, 18 that do. */
const STILL = "{epochs: 1, lr: 1.0e-9}";
const LEARNING = "{epochs: 18, lr: 0.02, lrDropAfter: 13, lrDrop: 0.002}";
const configuration = (phases: string) => `
net: { width: 0.1 }
data: { window: 70, crop: 70, step: ${STEP} }
aug: { preset: none }
split: { fractions: [1, 0, 0] }
post: { h: 60 }
train: { batch: 2, threads: 1, page: false, tensorboard: false, workers: 0, saveEvery: 0, phases: ${phases} }
`;

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-direction-"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe.skipIf(reason !== "")(`a very narrow CHR-Net on ${tissue}${reason}`, () => {
  it("learns it, through training, resuming, export, grading and evaluation", async () => {
    const dataDir = join(root, "data");
    const runDir = join(root, "run");
    if (dataRoot) {
      const crop = { image: "TCGA-B0-5711-01Z-00-DX1", top: 300, left: 300, side: SIDE };
      await writeCrops(join(dataRoot, "monuseg"), [crop], dataDir);
    } else {
      await writeSyntheticSection({ outDir: dataDir, name: "section", size: SIDE, seed: 3 });
    }

    await trainOn(configOf(configuration(`[${STILL}]`)), dataDir, runDir);
    const before = await gradeAndEvaluate(runDir, dataDir, STEP);
    const log = await trainOn(configOf(configuration(`[${STILL}, ${LEARNING}]`)), dataDir, runDir);
    const after = await gradeAndEvaluate(runDir, dataDir, STEP);

    const losses = log
      .filter((record) => record.kind === "epoch")
      .map((record) => (record.losses as { total: number }).total);
    expect(losses).toHaveLength(19);
    expect(losses.at(-1)!).toBeLessThan(0.4 * losses[0]!);
    expect(after.dice).toBeGreaterThan(0.6);
    expect(after.dice).toBeGreaterThan(before.dice + 0.2);
    expect(after.pq).toBeGreaterThan(before.pq + 0.2);
  }, 300_000);
});
