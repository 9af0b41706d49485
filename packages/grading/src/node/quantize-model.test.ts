import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RgbImage } from "@renograde/core";
import { decodeOnnxModel, parseModelMetadata, readOnnxMetadata } from "@renograde/formats";
import { writePng } from "@renograde/slides/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inferMaps } from "../infer.js";
import { positionImage } from "../testing/fake-model.js";
import { smallModel } from "../testing/small-network.js";
import { tinyModel } from "../testing/tiny-model.js";
import { openOnnxModel } from "./onnx-lanes.js";
import { quantizeModel } from "./quantize-model.js";

const folder = mkdtempSync(join(tmpdir(), "renograde-quantize-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

/** Soft blobs on a coloured ground. */
function blobs(width: number, height: number, phase: number): RgbImage {
  const { data } = positionImage(width, height);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = 128 + 60 * Math.sin(x / 6 + phase) * Math.cos(y / 5) + 50 * Math.sin(i % 3);
  }
  return { width, height, data };
}

const calibration = [blobs(70, 60, 0), blobs(40, 50, 1)];
const request = { modelPath: path("small.onnx"), outPath: path("small-int8.onnx"), calibration, threads: 1 };

beforeAll(() => {
  const training = {
    data: "Test data.",
    synthetic: true,
    seed: 1,
    epochs: 1,
    steps: 1,
    scores: { pq: 0.5 },
    scoresOn: "10 images",
  };
  writeFileSync(request.modelPath, smallModel({ training }));
});

async function maps(modelPath: string, image: RgbImage): Promise<Float32Array> {
  const { session, metadata } = await openOnnxModel(modelPath, { threads: 1 });
  try {
    return (await inferMaps(image, session, metadata)).maps.data;
  } finally {
    await session.close();
  }
}

describe("quantizeModel", () => {
  it("writes a model whose maps are close to the float model's on another image", async () => {
    const summary = await quantizeModel({ ...request, windows: 4 });
    expect(summary).toMatchObject({
      convolutions: 3,
      kept: [
        { name: "stem", reason: "reads fewer than 8 channels" },
        { name: "out", reason: "makes fewer than 8 channels" },
      ],
      windows: 4,
      images: 2,
    });
    expect(summary.bytes).toEqual({
      before: statSync(request.modelPath).size,
      after: statSync(request.outPath).size,
    });
    expect(summary.int8Share).toBeGreaterThan(0.2);
    const image = blobs(90, 80, 2);
    const [exact, rounded] = [await maps(request.modelPath, image), await maps(request.outPath, image)];
    const differences = rounded.map((v, i) => Math.abs(v - exact[i]!));
    expect(Math.max(...differences)).toBeGreaterThan(0);
    expect(Math.max(...differences)).toBeLessThan(0.02);
    expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThan(0.003);
  });

  it("says in the metadata what it is, and keeps the rest", async () => {
    await quantizeModel({ ...request, windows: 3 });
    const read = (file: string) => parseModelMetadata(readOnnxMetadata(readFileSync(file)), file);
    const [before, after] = [read(request.modelPath), read(request.outPath)];
    expect(after.parameterHash).not.toBe(before.parameterHash);
    expect(after).toEqual({
      ...before,
      name: "small-int8",
      precision: "int8",
      parameterHash: after.parameterHash,
      training: {
        ...before.training,
        data: "Test data. Quantised to int8 with ranges from 3 windows of 2 images.",
        scoresOn: "10 images; measured before quantisation to int8",
      },
    });
  });

  it("writes the same bytes again, from files as from images in memory", async () => {
    await quantizeModel(request);
    const first = readFileSync(request.outPath);
    await writePng(path("calibration/a.png"), calibration[0]!);
    await writePng(path("calibration/b.png"), calibration[1]!);
    await quantizeModel({ ...request, calibration: [path("calibration")] });
    expect(readFileSync(request.outPath).equals(first)).toBe(true);
  });

  it("reports errors and progress when asked", async () => {
    const progress: string[] = [];
    const onProgress = (done: number, total: number): void => void progress.push(`${done}/${total}`);
    const summary = await quantizeModel({ ...request, windows: 2, report: true, onProgress });
    expect(progress).toEqual(["1/2", "2/2"]);
    expect(summary.errors!.map((e) => e.value)).toEqual([
      "stem.relu",
      "a.relu",
      "b.relu",
      "up",
      "joined",
      "c",
    ]);
    expect(Math.min(...summary.errors!.map((e) => e.signalToNoiseDb))).toBeGreaterThan(20);
  });

  it("refuses models without anything to quantise and those quantised already, in one sentence", async () => {
    writeFileSync(path("tiny.onnx"), tinyModel());
    await expect(quantizeModel({ ...request, modelPath: path("tiny.onnx") })).rejects.toThrow(
      `${path("tiny.onnx")}: graph 'tiny' holds no convolution that can be quantised: conv1 reads fewer than 8 channels`,
    );
    await quantizeModel({ ...request, windows: 1 });
    const again = { ...request, modelPath: request.outPath, outPath: path("twice.onnx") };
    await expect(quantizeModel(again)).rejects.toThrow("is quantised already; start from the float32 model");
    writeFileSync(path("bare.onnx"), tinyModel(null));
    await expect(quantizeModel({ ...request, modelPath: path("bare.onnx") })).rejects.toThrow(
      "has no Renograde metadata",
    );
  });

  it("refuses impossible requests", async () => {
    await expect(quantizeModel({ ...request, outPath: request.modelPath })).rejects.toThrow(
      "the int8 model would replace the float32 one",
    );
    await expect(quantizeModel({ ...request, calibration: [] })).rejects.toThrow("no image was named");
    await expect(quantizeModel({ ...request, windows: 0 })).rejects.toThrow(
      "windows: expected a whole number",
    );
  });

  it("stops when aborted and writes nothing", async () => {
    const outPath = path("aborted.onnx");
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await expect(
      quantizeModel({ ...request, outPath, windows: 3, signal: stop.signal, onProgress }),
    ).rejects.toMatchObject({ tag: "InterruptedError" });
    expect(existsSync(outPath)).toBe(false);
  });

  it("holds weights as bytes and biases as 32-bit integers", async () => {
    await quantizeModel({ ...request, windows: 1 });
    const { graph } = decodeOnnxModel(readFileSync(request.outPath));
    const dtypes = new Map(graph.initializers.map((tensor) => [tensor.name, tensor.dtype]));
    expect(dtypes.get("b/weight/bytes")).toBe("int8");
    expect(dtypes.get("b/bias/bytes")).toBe("int32");
    expect(dtypes.has("b.w")).toBe(false);
    expect(dtypes.get("stem.w")).toBe("float32");
  });
});
