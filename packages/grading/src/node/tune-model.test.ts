import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_POST_OPTIONS, RCC_CLASSES } from "@renograde/core";
import { decodeOnnxModel, parseModelMetadata, readOnnxMetadata } from "@renograde/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeMetadata } from "../testing/fake-model.js";
import { diskGrid, diskImage, tinyModel } from "../testing/tiny-model.js";
import { type TuneImage, tuneModel } from "./tune-model.js";

/** Constants of few candidates, that drop the smaller disks and grow the others. */
const POST = { ...DEFAULT_POST_OPTIONS, method: "components" as const, minArea: 220, dilate: 1 };
const BYTES = tinyModel(fakeMetadata({ post: POST }));

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-tune-test-"));
  model = join(root, "model.onnx");
  await writeFile(model, BYTES);
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const IMAGES = [120, 160].map((width): TuneImage => {
  const disks = diskGrid(width, 100);
  const { image, labels } = diskImage(width, 100, disks);
  const types = new Map(disks.map((disk, i) => [i + 1, disk.type]));
  return { name: `disks ${width}`, load: async () => ({ image, truth: { labels, types } }) };
});
const request = () => ({
  modelPath: model,
  images: IMAGES,
  data: "Disks.",
  classes: RCC_CLASSES,
  threads: 1,
});

describe("tuneModel", () => {
  it("finds constants that keep every disk, and stores them beside an untouched graph", async () => {
    const outPath = join(root, "out", "tuned.onnx");
    const summary = await tuneModel({ ...request(), outPath });
    expect(summary.before).toEqual(POST);
    expect(summary.after).toEqual({ ...POST, minArea: 190, dilate: 0 });
    expect(summary.scoreAfter).toBeGreaterThan(summary.scoreBefore + 0.2);
    expect(summary.gain.value).toBeCloseTo(summary.scoreAfter - summary.scoreBefore, 12);
    expect(summary.images.map((image) => image.name)).toEqual(["disks 120", "disks 160"]);
    expect(summary.warnings[0]).toMatch(/^the set has only 2 images/);

    const written = await readFile(outPath);
    const metadata = parseModelMetadata(readOnnxMetadata(written), outPath);
    expect(metadata).toEqual(summary.metadata);
    expect(metadata.post).toEqual(summary.after);
    expect(metadata.tuning).toMatchObject({
      data: "Disks.",
      images: 2,
      score: "pq",
      before: summary.scoreBefore,
    });
    expect(metadata.tuning?.replaced).toEqual({ minArea: 220, dilate: 1 });
    expect(decodeOnnxModel(written).graph).toEqual(decodeOnnxModel(BYTES).graph);
    // The file begins with the same bytes: only the metadata at its end differ.
    const graphEnd =
      BYTES.length - new TextEncoder().encode(JSON.stringify(fakeMetadata({ post: POST }))).length - 32;
    expect(new Uint8Array(written.subarray(0, graphEnd))).toEqual(BYTES.subarray(0, graphEnd));
  });

  it("finds the same with maps in a temporary folder and two threads, and tunes the watershed by class", async () => {
    const { after, images } = await tuneModel({ ...request(), memoryMiB: 0, threads: 2 });
    expect(after).toEqual({ ...POST, minArea: 190, dilate: 0 });
    expect(images.map((image) => image.after)).toEqual([1, 1].map((one) => expect.closeTo(one, 5)));
    expect((await readdir(tmpdir())).filter((name) => /^renograde-tune-(?!test)/.test(name))).toEqual([]);
    await writeFile(model, tinyModel(fakeMetadata({ post: { ...DEFAULT_POST_OPTIONS, minArea: 220 } })));
    const watershed = await tuneModel({ ...request(), images: IMAGES.slice(0, 1), score: "aPQ" });
    expect(watershed.scoreAfter).toBeGreaterThan(watershed.scoreBefore + 0.2);
    expect(watershed.metadata.tuning?.replaced.minArea).toBe(220);
    await writeFile(model, BYTES);
  });

  it("writes nothing when it is interrupted, and ends its threads", async () => {
    for (const at of ["network", "search"]) {
      const controller = new AbortController();
      const outPath = join(root, `${at}.onnx`);
      const run = tuneModel({
        ...request(),
        outPath,
        memoryMiB: 0,
        threads: at === "search" ? 2 : 1,
        signal: controller.signal,
        onProgress: ({ stage }) => {
          if (stage === at) controller.abort();
        },
      });
      await expect(run).rejects.toMatchObject({ name: "InterruptedError" });
    }
    expect((await readdir(root)).sort()).toEqual(["model.onnx", "out"]);
  });

  it("refuses what it cannot tune on", async () => {
    await expect(tuneModel({ ...request(), images: [] })).rejects.toThrow("at least one image");
    const classes = { ...RCC_CLASSES, classes: RCC_CLASSES.classes.slice(0, 1) };
    await expect(tuneModel({ ...request(), score: "aPQ", classes })).rejects.toThrow(
      /--score aPQ needs the model's classes.*model\.onnx has Grade 1.*the data have Grade 1;/,
    );
    const empty: TuneImage = {
      name: "white",
      load: async () => ({
        image: { width: 100, height: 60, data: new Uint8Array(18_000).fill(255) },
        truth: { labels: { width: 100, height: 60, data: new Int32Array(6000) }, types: new Map() },
      }),
    };
    await expect(tuneModel({ ...request(), images: [empty] })).rejects.toThrow(
      /none of the 1 images has a true nucleus, so pq says nothing/,
    );
    await expect(tuneModel({ ...request(), modelPath: join(root, "no.onnx") })).rejects.toThrow(
      /no\.onnx: no such file/,
    );
  });
});
