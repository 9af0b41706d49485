/**
 * Mask R-CNN in a few seconds: a very narrow one on a small synthetic section. Its losses fall, it is validated, exported
 * and graded. That its graph finds what libtorch finds is tested in tests/export/mask-rcnn.test.ts.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gradeImage } from "@renograde/grading";
import { openOnnxModel } from "@renograde/grading/node";
import { isTorchAvailable } from "@renograde/torch";
import { exportRun, openDataset, writeSyntheticSection } from "@renograde/training";
import { afterAll, beforeAll, expect, it } from "vitest";
import { configOf, trainOn } from "./learn.js";

const required = (process.env.RENOGRADE_REQUIRE ?? "").split(",").includes("libtorch");
const reason = isTorchAvailable() || required ? "" : " (skipped: the libtorch addon is not built)";

/** Images of the kept centre's side: one window each, 192 px with 64 px kept. */
const CONFIG = configOf(`
net: { network: mask-rcnn, width: 0.05 }
data: { window: 192, crop: 192, step: 64 }
aug: { preset: none }
split: { fractions: [0.5, 0.5, 0] }
train: { batch: 1, threads: 1, workers: 0, saveEvery: 0, evalPq: 3, phases: [{ epochs: 6, lr: 6.0e-3, lrDrop: 6.0e-3 }] }
`);

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-mask-rcnn-"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

it.skipIf(reason !== "")(
  `a very narrow Mask R-CNN learns, validates, is exported and graded${reason}`,
  async () => {
    const dataDir = join(root, "data");
    const runDir = join(root, "run");
    for (const [i, name] of ["one", "two"].entries()) {
      await writeSyntheticSection({ outDir: dataDir, name, size: 64, seed: 3 + i });
    }
    const log = await trainOn(CONFIG, dataDir, runDir);
    const losses = log
      .filter((record) => record.kind === "epoch")
      .map((record) => record.losses as { total: number; terms: Record<string, number> });
    expect(Object.keys(losses[0]!.terms)).toEqual(["rpn", "rpnBox", "class", "box", "mask"]);
    const mean = (part: typeof losses) => part.reduce((sum, { total }) => sum + total, 0) / part.length;
    console.log(
      "LL",
      losses.map(({ total }) => total),
    );
    expect(mean(losses.slice(-2))).toBeLessThan(0.75 * mean(losses.slice(0, 2)));

    const path = join(runDir, "model.onnx");
    const metadata = await exportRun(runDir, path, { checkpoint: "last" });
    expect(metadata).toMatchObject({ window: 192, kept: 64, post: { method: "detections", threshold: 127 } });
    const { session } = await openOnnxModel(path, { threads: 1 });
    const dataset = await openDataset(dataDir);
    const { image } = await dataset.load(0);
    // All detections, not only those of at least 0.5, which so young a network hardly has.
    const graded = await gradeImage(image, session, metadata, { post: { threshold: 0, minArea: 0 } });
    await session.close();
    expect(graded.maps.channels).toBe(metadata.classes.classes.length + 3);
    expect(graded.nuclei.length).toBeGreaterThan(0);
    for (const nucleus of graded.nuclei) {
      expect(nucleus.classProbabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
      expect(nucleus.areaPx).toBeGreaterThan(0);
    }
  },
  300_000,
);
