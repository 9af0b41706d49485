import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { RCC_CLASSES } from "@renograde/core";
import { readOnnxMetadata } from "@renograde/formats";
import { parameterHash } from "@renograde/nn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { initialWeights } from "../init/initialise.js";
import { exportWeights } from "./export-weights.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-weights-"));
  for (const end of ["index", "data-00000-of-00001"]) {
    const packed = new URL(`../../../../fixtures/weights/model-40800.${end}.gz`, import.meta.url);
    await writeFile(join(folder, `model-40800.${end}`), gunzipSync(readFileSync(packed)));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("exportWeights", () => {
  it("converts the authors' checkpoint to a model that says where it comes from", async () => {
    const set = ["preset=reference", "net.width=0.03", "model.licence=CC-BY-4.0", "model.name=published"];
    const weights = join(folder, "model-40800.index");
    const config = parseConfig("", { set: [...set, `init.weights=${weights}`] });
    const out = join(folder, "published.onnx");
    const metadata = await exportWeights(weights, out, config);
    expect(metadata.licence).toBe("CC-BY-4.0");
    expect(metadata.preset).toBe("reference");
    expect(metadata.training.data).toMatch(
      /^Not stated; weights of model-40800 \(TensorFlow checkpoint, SHA-256 [0-9a-f]{64}\)\.$/,
    );
    const { state } = (await initialWeights(config, RCC_CLASSES))!;
    expect(metadata.parameterHash).toBe(parameterHash(state));
    const stored = readOnnxMetadata(await readFile(out), out);
    expect(JSON.stringify(stored)).toContain(metadata.parameterHash);
  });

  it("refuses weights of another network", async () => {
    const config = parseConfig("", { set: ["preset=reference", "net.network=shr", "net.width=0.03"] });
    await expect(exportWeights(join(folder, "model-40800"), join(folder, "x.onnx"), config)).rejects.toThrow(
      /model-40800: holds nothing of shr \(its tensors are QueueInput\/queue_size\/EMA, .*\); expected its own parameter names or CHR-Net in its authors' naming/,
    );
  });
});
