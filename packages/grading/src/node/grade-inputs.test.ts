import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RenogradeError, type RgbImage } from "@renograde/core";
import { encodeNpy, parseHoverNetJson } from "@renograde/formats";
import { readLabelPng, writePng } from "@renograde/slides/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fakeMetadata } from "../testing/fake-model.js";
import { diskImage, tinyModel } from "../testing/tiny-model.js";
import { type GradeInputsOptions, gradeInputs } from "./grade-inputs.js";
import { openOnnxModel } from "./onnx-lanes.js";
import { type LoadedModel, onnxRuntimeVersion } from "./onnx-session.js";
import { postprocessInputs } from "./postprocess-inputs.js";
import type { ExportFormat } from "./write-outputs.js";

let root: string;
let folder: string;
let modelPath: string;
let model: LoadedModel;
/** Windows the model has run since {@link beforeEach}. */
let windows = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-run-"));
  modelPath = join(root, "tiny.onnx");
  await writeFile(modelPath, tinyModel());
  const opened = await openOnnxModel(modelPath, { threads: 1 });
  const { session } = opened;
  model = {
    ...opened,
    session: {
      batch: session.batch,
      engine: session.engine,
      run: (batch, n) => {
        windows += n;
        return session.run(batch, n);
      },
      close: () => session.close(),
    },
  };
});
afterAll(async () => {
  await model.session.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  windows = 0;
  folder = await mkdtemp(join(root, "case-"));
});
afterEach(async () => await rm(folder, { recursive: true }));

const scene = (count: number): RgbImage =>
  diskImage(
    140,
    60,
    Array.from({ length: count }, (_, i) => ({ x: 20 + 40 * i, y: 30, radius: 9, type: 1 + (i % 4) })),
  ).image;

const FORMATS: readonly ExportFormat[] = ["json", "geojson", "csv", "mat", "overlay", "labels"];

function grade(changes: Partial<GradeInputsOptions> = {}) {
  return gradeInputs({
    inputs: [join(folder, "in")],
    outDir: join(folder, "out"),
    model,
    mpp: 0.25,
    formats: FORMATS,
    ...changes,
  });
}

async function failure(promise: Promise<unknown>): Promise<RenogradeError> {
  const error = await promise.then(
    () => expect.unreachable("expected a rejection"),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(RenogradeError);
  return error as RenogradeError;
}

/** Names of all visible files below a folder. */
async function names(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .filter((name) => !name.startsWith("."))
    .sort();
}

describe("gradeInputs", () => {
  it("writes every format and keeps the folder structure", async () => {
    await mkdir(join(folder, "in/case1"), { recursive: true });
    await writePng(join(folder, "in/a.png"), scene(3));
    await writePng(join(folder, "in/case1/b.png"), scene(1));
    const summary = await grade({ maps: true });
    expect(summary.nuclei).toBe(4);
    expect(summary.counts).toEqual([0, 2, 1, 1, 0]);
    expect(summary.failures).toEqual([]);
    expect(await names(join(folder, "out"))).toEqual(
      ["a", "case1/b"].flatMap((stem) =>
        [".csv", ".geojson", ".json", ".labels.png", ".maps.npy", ".mat", ".overlay.png"].map(
          (ending) => stem + ending,
        ),
      ),
    );
    const { nuclei } = parseHoverNetJson(await readFile(join(folder, "out/a.json")));
    expect(nuclei.map((n) => n.type)).toEqual([1, 2, 3]);
    expect(Math.max(...(await readLabelPng(join(folder, "out/a.labels.png"))).data)).toBe(3);
  });

  it("gives the same bytes whatever the batch size and the number of images", async () => {
    await writePng(join(folder, "in/a.png"), scene(3));
    await writePng(join(folder, "in/b.png"), scene(2));
    await grade({ maps: true });
    await grade({
      inputs: [join(folder, "in/b.png")],
      outDir: join(folder, "alone"),
      model: modelPath,
      batch: 2,
      threads: 1,
      maps: true,
    });
    for (const name of await names(join(folder, "alone"))) {
      const both = await readFile(join(folder, "out", name));
      expect(both.equals(await readFile(join(folder, "alone", name))), name).toBe(true);
    }
  });

  it("keeps two lanes busy with images of one window, and gives the same bytes", async () => {
    for (const [i, name] of ["a", "b", "c", "d"].entries()) {
      await writePng(join(folder, `in/${name}.png`), scene(1 + (i % 3)));
    }
    await grade({ maps: true, formats: ["json", "labels"] });
    const two = await openOnnxModel(modelPath, { threads: 2 });
    let inFlight = 0;
    let most = 0;
    const seen: string[] = [];
    const session: LoadedModel["session"] = {
      ...two.session,
      run: async (batch, n) => {
        most = Math.max(most, ++inFlight);
        return await two.session.run(batch, n).finally(() => inFlight--);
      },
    };
    const summary = await grade({
      model: { ...two, session },
      outDir: join(folder, "two"),
      maps: true,
      formats: ["json", "labels"],
      onProgress: ({ stem, windows, totalWindows }) => seen.push(`${stem} ${windows}/${totalWindows}`),
    });
    await two.session.close();
    expect(most).toBe(2);
    expect(summary.images.map((image) => image.stem)).toEqual(["a", "b", "c", "d"]);
    expect(seen.sort()).toEqual(["a 1/1", "b 1/1", "c 1/1", "d 1/1"]);
    expect(await names(join(folder, "two"))).toEqual(await names(join(folder, "out")));
    for (const name of await names(join(folder, "two"))) {
      const one = await readFile(join(folder, "out", name));
      expect(one.equals(await readFile(join(folder, "two", name))), name).toBe(true);
    }
  });

  it("goes on where an interrupted run stopped", async () => {
    for (const name of ["a", "b", "c"]) await writePng(join(folder, `in/${name}.png`), scene(2));
    const controller = new AbortController();
    const stopped = await failure(
      grade({
        signal: controller.signal,
        onProgress: ({ image }) => {
          if (image === 2) controller.abort();
        },
      }),
    );
    expect(stopped.exitCode).toBe(130);
    const done = await names(join(folder, "out"));
    expect(done).toContain("a.json");
    expect(done).not.toContain("c.json");

    windows = 0;
    const summary = await grade();
    expect(summary.images.map((image) => image.resumed)).toEqual([true, expect.any(Boolean), false]);
    expect(windows).toBeLessThan(3);
    expect(summary.nuclei).toBe(6);
    windows = 0;
    expect((await grade()).images.every((image) => image.resumed)).toBe(true);
    expect(windows).toBe(0);
  });

  it("grades again when input, model, options or outputs have changed, or resuming is off", async () => {
    await writePng(join(folder, "in/a.png"), scene(2));
    const ran = async (changes: Partial<GradeInputsOptions> = {}): Promise<boolean> => {
      windows = 0;
      await grade(changes);
      return windows > 0;
    };
    expect(await ran()).toBe(true);
    expect(await ran()).toBe(false);
    expect(await ran({ formats: ["json"] })).toBe(false);
    expect(await ran({ resume: false })).toBe(true);
    expect(await ran({ post: { minArea: 12 } })).toBe(true);
    expect(await ran({ mpp: 0.5 })).toBe(true);
    expect(await ran()).toBe(true);
    const other = { ...model, metadata: fakeMetadata({ parameterHash: "1".repeat(64) }) };
    expect(await ran({ model: other })).toBe(true);
    expect(await ran()).toBe(true);
    const input = join(folder, "in/a.png");
    await utimes(input, new Date(), new Date((await stat(input)).mtimeMs + 5000));
    expect(await ran()).toBe(true);
    await rm(join(folder, "out/a.csv"));
    expect(await ran()).toBe(true);
    // A journal whose only line was cut by a crash.
    const journal = join(folder, "out/.renograde/journal.jsonl");
    const lines = (await readFile(journal, "utf8")).trim().split("\n");
    await writeFile(journal, lines.at(-1)!.slice(0, -20));
    expect(await ran()).toBe(true);
    expect(await ran()).toBe(false);
  });

  it("does the other images when one is bad, and names it", async () => {
    await writePng(join(folder, "in/good.png"), scene(1));
    const bytes = await readFile(join(folder, "in/good.png"));
    await writeFile(join(folder, "in/bad.png"), bytes.subarray(0, 60));
    await writeFile(join(folder, "in/text.png"), "not a picture");
    const summary = await grade();
    expect(summary.images.map((image) => image.stem)).toEqual(["good"]);
    expect(summary.failures.map((f) => f.name)).toEqual(["bad", "text"]);
    for (const { path, message } of summary.failures) expect(message).toContain(path);
  });

  it("notes an image on which the network fails, in order, and keeps the others", async () => {
    for (const name of ["a", "b", "c"]) await writePng(join(folder, `in/${name}.png`), scene(1));
    let calls = 0;
    const broken: LoadedModel = {
      ...model,
      session: {
        ...model.session,
        run: async (batch, n) => {
          const output = await model.session.run(batch, n);
          if (++calls === 2) output.maps?.fill(Number.NaN);
          return output;
        },
      },
    };
    const summary = await grade({ model: broken });
    expect(summary.images.map((image) => image.stem)).toEqual(["a", "c"]);
    expect(summary.failures[0]!.message).toMatch(/b\.png.*NaN/);
  });

  it("refuses colliding inputs and wrong options before anything runs", async () => {
    await writePng(join(folder, "in/a.png"), scene(1));
    await writePng(join(folder, "more/a.png"), scene(1));
    const both = [join(folder, "in"), join(folder, "more")];
    for (const changes of [{ inputs: both }, { mpp: -1 }, { step: 7 }, { inputs: [] }]) {
      await failure(grade(changes));
    }
    expect(windows).toBe(0);
    await expect(names(join(folder, "out"))).rejects.toThrow();
  });

  it("ends with a clear error when outputs cannot be written", async () => {
    await writePng(join(folder, "in/a.png"), scene(1));
    await mkdir(join(folder, "out/a.json/in-the-way"), { recursive: true });
    const error = await failure(grade());
    expect(error.tag).toBe("FileAccessError");
    expect(error.message).toContain("a.json");
  });

  it("warns once of missing pixel sizes and of ones that are overruled", async () => {
    await writePng(join(folder, "in/a.png"), scene(1));
    await writePng(join(folder, "in/b.png"), scene(1));
    const warnings: string[] = [];
    const { mpp: _, ...options } = {
      inputs: [join(folder, "in")],
      outDir: join(folder, "out"),
      model,
      mpp: 0,
    };
    const summary = await gradeInputs({ ...options, formats: ["json"], onWarning: (w) => warnings.push(w) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("0.25 µm per pixel");
    expect(summary.images[0]!.pixelSize.assumed).toBe(true);
    expect(await readFile(join(folder, "out/a.json"), "utf8")).toContain("assumed");
  });
});

describe("openOnnxModel", () => {
  const open = async (bytes: Uint8Array): Promise<LoadedModel> => {
    const path = join(folder, "model.onnx");
    await writeFile(path, bytes);
    return await openOnnxModel(path, { threads: 1 });
  };

  it("refuses what is no model, a truncated one, one without metadata, and another network's metadata", async () => {
    const whole = tinyModel();
    expect((await failure(open(new TextEncoder().encode("hello")))).message).toContain("model.onnx");
    for (const part of [0, 0.1, 0.5, 0.9, 0.999]) {
      const error = await failure(open(whole.subarray(0, Math.floor(whole.length * part))));
      expect(["FileFormatError", "ModelError"]).toContain(error.tag);
    }
    expect((await failure(open(tinyModel(null)))).tag).toBe("ModelError");
    const renamed = await failure(open(tinyModel(fakeMetadata({ inputName: "x" }))));
    expect(renamed.message).toMatch(/"x".*"image"/);
    const sized = await failure(open(tinyModel(fakeMetadata({ window: 270, output: 264, kept: 200 }))));
    expect(sized.message).toContain("270");
    expect((await failure(openOnnxModel(join(folder, "none.onnx")))).tag).toBe("FileAccessError");
    expect((await failure(openOnnxModel(modelPath, { threads: 0 }))).tag).toBe("UsageError");
  });

  it("names engine and version", async () => {
    const version = await onnxRuntimeVersion();
    expect(model.session.engine).toBe(`ONNX Runtime ${version}, CPU`);
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe("postprocessInputs", () => {
  it("makes the same nuclei from kept maps as grading did", async () => {
    await writePng(join(folder, "in/a.png"), scene(3));
    await grade({ maps: true, formats: ["json", "labels"] });
    const summary = await postprocessInputs({
      inputs: [join(folder, "out")],
      outDir: join(folder, "again"),
      mpp: 0.25,
      formats: ["json", "labels"],
    });
    expect(summary.counts).toEqual([0, 1, 1, 1, 0]);
    const nuclei = async (path: string) => parseHoverNetJson(await readFile(path)).nuclei;
    expect(await nuclei(join(folder, "again/a.json"))).toEqual(await nuclei(join(folder, "out/a.json")));
    expect(await readLabelPng(join(folder, "again/a.labels.png"))).toEqual(
      await readLabelPng(join(folder, "out/a.labels.png")),
    );
  });

  it("lists files that are no maps, and needs no image", async () => {
    await mkdir(join(folder, "maps"));
    await writeFile(
      join(folder, "maps/int.npy"),
      encodeNpy({ dtype: "i4", shape: [2, 2, 7], data: new Int32Array(28) }),
    );
    await writeFile(join(folder, "maps/junk.npy"), "junk");
    await writeFile(
      join(folder, "maps/ok.npy"),
      encodeNpy({ dtype: "f8", shape: [3, 2, 7], data: new Float64Array(42) }),
    );
    const warnings: string[] = [];
    const options = { inputs: [join(folder, "maps")], outDir: join(folder, "out") };
    const summary = await postprocessInputs({ ...options, onWarning: (w) => warnings.push(w) });
    expect(summary.images.map((image) => image.stem)).toEqual(["ok"]);
    expect(summary.failures.map((f) => f.name)).toEqual(["int", "junk"]);
    expect(summary.failures[0]!.message).toContain("i4");
    expect(warnings[0]).toContain("--mpp");
    expect((await failure(postprocessInputs({ ...options, formats: ["overlay"] }))).tag).toBe("UsageError");
  });
});
