import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inferMaps } from "../infer.js";
import { fakeMetadata } from "../testing/fake-model.js";
import { diskGrid, diskImage, tinyModel } from "../testing/tiny-model.js";
import { openOnnxModel } from "./onnx-lanes.js";
import type { LoadedModel } from "./onnx-session.js";

const { image } = diskImage(420, 300, diskGrid(420, 300));

let folder: string;
let path: string;
let one: LoadedModel;
let two: LoadedModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-lanes-"));
  path = join(folder, "tiny.onnx");
  await writeFile(path, tinyModel());
  one = await openOnnxModel(path, { threads: 1 });
  two = await openOnnxModel(path, { threads: 2 });
});
afterAll(async () => {
  await Promise.all([one.session.close(), two.session.close()]);
  await rm(folder, { recursive: true });
});

const same = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;

describe("openOnnxModel with lanes", () => {
  it("has two lanes where there are two threads, and says the same of the model", () => {
    expect([one.session.parallel ?? 1, two.session.parallel]).toEqual([1, 2]);
    expect(two.metadata).toEqual(one.metadata);
    expect([two.session.engine, two.session.batch]).toEqual([one.session.engine, one.session.batch]);
  });

  it("gives the same bytes as one lane, also with mirrored passes and in batches", async () => {
    const { maps, tasks } = await inferMaps(image, one.session, one.metadata);
    const again = await inferMaps(image, two.session, two.metadata);
    expect(same(again.maps.data, maps.data)).toBe(true);
    expect(same(again.tasks!.data, tasks!.data)).toBe(true);
    const batched = await openOnnxModel(path, { threads: 3, lanes: 2, batch: 2 });
    const crop = { width: 230, height: 120, data: image.data.slice(0, 230 * 120 * 3) };
    try {
      const flipped = await inferMaps(crop, batched.session, batched.metadata, { flipTTA: true });
      const plain = await inferMaps(crop, one.session, one.metadata, { flipTTA: true });
      expect(same(flipped.maps.data, plain.maps.data)).toBe(true);
    } finally {
      await batched.session.close();
    }
  });

  it("goes on after an input that the engine refuses", async () => {
    const wrong = two.session.run(new Float32Array(5), 1);
    await expect(wrong).rejects.toMatchObject({
      tag: "EngineError",
      message: expect.stringContaining("ONNX Runtime failed"),
    });
    const { maps } = await two.session.run(new Float32Array(3 * 262 * 262), 1);
    expect(maps).toHaveLength(7 * 256 * 256);
  });

  it("rejects what is not answered when it is closed, and all later runs", async () => {
    const model = await openOnnxModel(path, { threads: 2 });
    const runs = Array.from({ length: 6 }, () => model.session.run(new Float32Array(3 * 262 * 262), 1));
    const settled = Promise.allSettled(runs);
    await model.session.close();
    await model.session.close();
    const last = (await settled).at(-1)!;
    expect(last).toMatchObject({ status: "rejected", reason: { tag: "InterruptedError" } });
    await expect(model.session.run(new Float32Array(3 * 262 * 262), 1)).rejects.toMatchObject({
      tag: "InterruptedError",
    });
  });

  it("stops when it is aborted, and can be used again", async () => {
    const controller = new AbortController();
    const work = inferMaps(image, two.session, two.metadata, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(work).rejects.toMatchObject({ tag: "InterruptedError" });
    const { maps } = await two.session.run(new Float32Array(3 * 262 * 262), 1);
    expect(maps![0]).toBeGreaterThan(0);
  });

  it("reports a model that cannot be used as one lane does", async () => {
    const broken = join(folder, "broken.onnx");
    await writeFile(broken, tinyModel().subarray(0, 300));
    const errors = await Promise.all(
      [1, 2].map((threads) => openOnnxModel(broken, { threads }).catch((e: unknown) => e)),
    );
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[1]).toMatchObject({ path: broken });
    await expect(openOnnxModel(join(folder, "none.onnx"), { threads: 2 })).rejects.toMatchObject({
      tag: "FileAccessError",
    });
  });

  it("refuses a model that is replaced before the second lane has loaded it", async () => {
    const replaced = join(folder, "replaced.onnx");
    await writeFile(replaced, tinyModel());
    const model = await openOnnxModel(replaced, { threads: 2 });
    await writeFile(replaced, tinyModel(fakeMetadata({ name: "another" })));
    const work = inferMaps(image, model.session, model.metadata);
    await expect(work).rejects.toMatchObject({ tag: "ModelError", path: replaced });
    await model.session.close();
  });

  it("names impossible numbers of lanes", async () => {
    for (const lanes of [0, 3, 1.5]) {
      await expect(openOnnxModel(path, { threads: 2, lanes })).rejects.toMatchObject({ tag: "UsageError" });
    }
  });
});
