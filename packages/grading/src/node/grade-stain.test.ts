import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, createStainNormalizer, type RgbImage } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyModel } from "../testing/tiny-model.js";
import { type GradeInputsOptions, gradeInputs } from "./grade-inputs.js";
import { openOnnxModel } from "./onnx-lanes.js";
import type { LoadedModel } from "./onnx-session.js";

const SIDE = 64;
let root: string;
let model: LoadedModel;
/** Sum of all bytes the network has seen. */
let seen = 0;

/** Two stains mixed at random. */
function tissue(): RgbImage {
  const random = createRandom("tissue");
  const data = new Uint8Array(3 * SIDE * SIDE);
  for (let p = 0; p < data.length; p += 3) {
    const [h, e] = [random.uniform(0, 1.2), random.uniform(0.2, 1)];
    data[p] = 240 * Math.exp(-0.6 * h - 0.1 * e);
    data[p + 1] = 240 * Math.exp(-0.7 * h - 0.9 * e);
    data[p + 2] = 240 * Math.exp(-0.3 * h - 0.4 * e);
  }
  return { width: SIDE, height: SIDE, data };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-stain-"));
  await writeFile(join(root, "tiny.onnx"), tinyModel());
  const opened = await openOnnxModel(join(root, "tiny.onnx"), { threads: 1 });
  const { session } = opened;
  model = {
    ...opened,
    session: {
      batch: session.batch,
      engine: session.engine,
      run: (batch, n) => {
        seen += batch.reduce((sum, value) => sum + value, 0);
        return session.run(batch, n);
      },
      close: () => session.close(),
    },
  };
  await mkdir(join(root, "in"));
  await writePng(join(root, "in/tissue.png"), tissue());
  const glass = new Uint8Array(3 * SIDE * SIDE).fill(245);
  await writePng(join(root, "in/glass.png"), { width: SIDE, height: SIDE, data: glass });
});
afterAll(async () => {
  await model.session.close();
  await rm(root, { recursive: true });
});

async function grade(changes: Partial<GradeInputsOptions>) {
  seen = 0;
  const warnings: string[] = [];
  const summary = await gradeInputs({
    inputs: [join(root, "in")],
    outDir: join(root, "out"),
    model,
    mpp: 0.25,
    formats: ["json", "geojson"],
    onWarning: (sentence) => warnings.push(sentence),
    ...changes,
  });
  return { summary, warnings, seen };
}

describe("grading with stain normalisation", () => {
  it("changes what the network sees, and says so in every output", async () => {
    const plain = await grade({});
    expect(plain.warnings).toEqual([]);
    expect(await readFile(join(root, "out/tissue.json"), "utf8")).not.toContain("stain_norm");

    const stainNorm = createStainNormalizer("macenko");
    const macenko = await grade({ stainNorm });
    expect(macenko.summary).toMatchObject({ stainNorm: "macenko (built-in reference)", failures: [] });
    expect(macenko.summary.images.every((image) => !image.resumed)).toBe(true);
    expect(Math.abs(macenko.seen / plain.seen - 1)).toBeGreaterThan(0.01);
    for (const name of ["tissue.json", "tissue.geojson"]) {
      expect(await readFile(join(root, "out", name), "utf8")).toContain("macenko (built-in reference)");
    }

    expect(macenko.warnings).toEqual([
      `${join(root, "in/glass.png")}: less than 5 % of it is stained tissue, or all of it has one colour; its colours are kept without stain normalisation`,
    ]);
    expect(await readFile(join(root, "out/glass.json"), "utf8")).not.toContain("macenko");
  });

  it("gives images the colours the model was trained on, or says what it lacks for that", async () => {
    const trained = (target: string | null): LoadedModel => ({
      ...model,
      metadata: { ...model.metadata, stainNorm: { method: "macenko", target } },
    });
    const asked = await grade({ stainNorm: createStainNormalizer("macenko"), resume: false });
    const own = await grade({ model: trained(null), resume: false });
    expect(own.summary.stainNorm).toBe("macenko (built-in reference)");
    expect(own.seen).toBe(asked.seen);
    const plain = await grade({ resume: false });
    expect((await grade({ model: trained(null), stainNorm: null, resume: false })).seen).toBe(plain.seen);
    const lacking = await grade({ model: trained("slide7.png"), resume: false });
    expect(lacking.seen).toBe(plain.seen);
    expect(lacking.warnings.join()).toMatch(
      /trained on images with the stains of slide7\.png .*--stain-norm macenko --stain-target slide7\.png/,
    );
  });

  it("grades again for another reference, and not for the same", async () => {
    const resumed = async (stainNorm: ReturnType<typeof createStainNormalizer>) =>
      (await grade({ stainNorm })).summary.images.every((image) => image.resumed);
    expect(await resumed(createStainNormalizer("reinhard"))).toBe(false);
    expect(await resumed(createStainNormalizer("reinhard"))).toBe(true);
    const target = { name: "in/tissue.png", image: tissue() };
    expect(await resumed(createStainNormalizer("reinhard", target))).toBe(false);
  });
});
