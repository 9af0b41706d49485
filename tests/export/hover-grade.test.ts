/**
 * HoVer-Net through the path of grading: a narrow network with random weights as ONNX, its offsets under mirroring, and
 * its kept maps post-processed again.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RgbImage } from "@renograde/core";
import { encodeMapsNpy, gradeImage, gradeMaps, inferMaps, parseMapsNpy } from "@renograde/grading";
import { openOnnxModel } from "@renograde/grading/node";
import { createNetwork, declareParameters, describeModel, exportOnnx } from "@renograde/nn";
import { afterAll, beforeAll, expect, it } from "vitest";
import { randomImage, randomState } from "../../packages/nn/src/testing/random-state.js";

const network = createNetwork("hover-net", { width: 1 / 32, hoverWindow: 256 });
const SIDE = network.geometry.kept;
/** Bytes of a picture that is not symmetric. */
const image: RgbImage = {
  width: SIDE,
  height: SIDE,
  data: Uint8Array.from(randomImage([SIDE, SIDE, 3], 4), (v, i) => v * 120 + (i % 97)),
};

type Model = Awaited<ReturnType<typeof openOnnxModel>>;
let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-hover-"));
  const state = randomState(declareParameters(network), 1);
  const metadata = describeModel(network, state, {
    name: "random",
    mpp: 0.25,
    training: { data: "none", synthetic: true, seed: 1, epochs: 0, steps: 0, scores: {}, scoresOn: "" },
    licence: "CC0-1.0",
    intendedUse: "research use only",
    renogradeVersion: "0.1.0",
  });
  const path = join(folder, "hover.onnx");
  await writeFile(path, exportOnnx(network, {}, state, metadata));
  model = await openOnnxModel(path, { threads: 1 });
});
afterAll(async () => {
  await model.session.close();
  await rm(folder, { recursive: true });
});

it("says what its channels mean and how nuclei are found", () => {
  const { metadata } = model;
  expect([metadata.window, metadata.output, metadata.kept]).toEqual([256, 164, 164]);
  expect(metadata.post.method).toBe("hover-net");
  expect(metadata.outputs[0]!.channels.slice(5)).toEqual([
    { kind: "nucleus" },
    { kind: "offset", axis: "x" },
    { kind: "offset", axis: "y" },
  ]);
});

it("turns offsets round where the mean over mirrored passes mirrors them", async () => {
  const mirrored: RgbImage = { ...image, data: new Uint8Array(image.data.length) };
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const from = (y * SIDE + SIDE - 1 - x) * 3;
      mirrored.data.set(image.data.subarray(from, from + 3), (y * SIDE + x) * 3);
    }
  }
  const maps = async (of: RgbImage) => {
    return (await inferMaps(of, model.session, model.metadata, { flipTTA: true })).maps.data;
  };
  const plain = await maps(image);
  const other = await maps(mirrored);
  const plane = SIDE * SIDE;
  let largest = 0;
  for (let c = 0; c < 8; c++) {
    const sign = c === 6 ? -1 : 1;
    for (let p = 0; p < plane; p++) {
      const x = p % SIDE;
      const expected = sign * plain[c * plane + p - x + SIDE - 1 - x]!;
      largest = Math.max(largest, Math.abs(other[c * plane + p]! - expected));
    }
  }
  // Four float32 passes, added in another order.
  expect(largest).toBeLessThan(1e-5);
  expect(plain.subarray(6 * plane, 7 * plane).some((v) => Math.abs(v) > 1e-3)).toBe(true);
});

it("gives kept maps that make the same nuclei again", async () => {
  const graded = await gradeImage(image, model.session, model.metadata);
  expect(graded.maps.channels).toBe(8);
  expect(graded.nuclei.length).toBeGreaterThan(0);
  const maps = parseMapsNpy(encodeMapsNpy(graded.maps), 4, "kept.npy", "hover-net");
  const pixelSize = { mpp: 0.25, source: "known", assumed: false };
  const again = gradeMaps(maps, { post: graded.post, pixelSize, image });
  expect(again.labels.data).toEqual(graded.labels.data);
  expect(again.nuclei).toEqual(graded.nuclei);
});
