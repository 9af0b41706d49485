/**
 * Every program of examples/ runs and says what it should, on small inputs.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseModelMetadata, readOnnxMetadata } from "@renograde/formats";
import { readImage } from "@renograde/slides/node";
import { isTorchAvailable } from "@renograde/torch";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { root } from "./support/sources.js";
import { writeTinyModel } from "./support/tiny-model.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-examples-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const argv = process.argv;
afterEach(() => {
  process.argv = argv;
  vi.restoreAllMocks();
});

/** What an example prints when run with these arguments. */
async function example(name: string, ...args: string[]): Promise<string> {
  const printed: string[] = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => {
    printed.push(text);
  });
  process.argv = [...argv.slice(0, 1), name, ...args];
  await import(`../examples/${name}.ts`);
  return printed.join("\n");
}

describe("examples", () => {
  it("are all tested here, and short", async () => {
    const names = (await readdir(join(root, "examples"))).filter((name) => name.endsWith(".ts")).sort();
    expect(names).toEqual([
      "evaluate.ts",
      "grade-image.ts",
      "result-figure.ts",
      "segment-tile.ts",
      "synthesize-section.ts",
      "train-twenty-patches.ts",
    ]);
    for (const name of names) {
      const text = await readFile(join(root, "examples", name), "utf8");
      expect(text.split("\n").length, name).toBeLessThanOrEqual(name === "result-figure.ts" ? 90 : 60);
    }
  });

  it("segment-tile finds the nuclei it drew", async () => {
    expect(await example("segment-tile", "128", "7")).toMatch(/^(\d+) nuclei drawn, \1 found: .* PQ 1\.000$/);
  });

  it("evaluate measures the mistakes it made", async () => {
    const output = await example("evaluate", "256", "7");
    // 21 nuclei, 2 missing, no false one: DQ = 19 / (19 + 0.5 * 2).
    expect(output).toContain("PQ 0.950 = DQ 0.950 x SQ 1.000");
  });

  it("synthesize-section draws, grade-image grades", async () => {
    expect(await example("synthesize-section", join(folder, "section"), "128", "3")).toContain("synthetic");
    const model = await writeTinyModel(join(folder, "tiny.onnx"));
    const out = join(folder, "nuclei.geojson");
    const output = await example("grade-image", model, join(folder, "section", "synthetic.png"), out);
    expect(output).toContain("random-weights; trained on: nothing");
    expect(JSON.parse(await readFile(out, "utf8"))).toMatchObject({ type: "FeatureCollection" });
  });

  it("result-figure draws three panels", async () => {
    const model = await writeTinyModel(join(folder, "figure.onnx"));
    const out = join(folder, "figure", "result.png");
    expect(await example("result-figure", model, out, "128", "96")).toContain("result.png: ");
    const { image } = await readImage(out);
    expect([image.width, image.height]).toEqual([3 * 96 + 4 * 8, 96 + 26 + 44]);
  });

  it.skipIf(!isTorchAvailable())(
    "train-twenty-patches trains and exports (libtorch addon built)",
    async () => {
      const output = await example("train-twenty-patches", join(folder, "twenty"), "1");
      expect(output).toContain("5 steps; twenty-patches.onnx, synthetic: true");
      const path = join(folder, "twenty", "twenty-patches.onnx");
      const metadata = parseModelMetadata(readOnnxMetadata(await readFile(path), path), path);
      expect(metadata).toMatchObject({ window: 70, output: 64, training: { synthetic: true, steps: 5 } });
    },
  );
});
