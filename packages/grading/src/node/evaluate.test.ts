import { mkdir, mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RCC_CLASSES, type RenogradeError } from "@renograde/core";
import { encodeMat5, parseCsv } from "@renograde/formats";
import { writeLabelPng } from "@renograde/slides/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  annotationWriters,
  draw,
  EXAMPLE_A,
  EXAMPLE_B,
  numeric,
  save,
  writeExamples,
} from "../testing/annotation-folders.js";
import { evaluateFolders } from "./evaluate.js";
import { formatEvaluationCsv, formatEvaluationJson, formatEvaluationTable } from "./evaluate-output.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-evaluate-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});
const folders = () => ({ truthDir: join(root, "truth"), predictionDir: join(root, "prediction") });
const examples = (truth: string, prediction: string): Promise<void> =>
  writeExamples(folders().truthDir, truth, folders().predictionDir, prediction);

async function failure(promise: Promise<unknown>): Promise<RenogradeError> {
  return await promise.then(
    () => expect.fail("expected an error"),
    (error: unknown) => error as RenogradeError,
  );
}

const formats = Object.keys(annotationWriters);

describe("evaluateFolders", () => {
  it.each(formats.flatMap((truth) => formats.map((prediction) => ({ truth, prediction }))))(
    "gives the worked data set from $truth and $prediction",
    async ({ truth, prediction }) => {
      await examples(truth, prediction);
      const { summary, missing, extra, scheme, images } = await evaluateFolders(folders());
      expect(scheme).toBe(RCC_CLASSES);
      expect([missing, extra]).toEqual([[], []]);
      expect(images.map((image) => image.name)).toEqual(["a", "b"]);
      expect(summary.classPq[0]).toBeCloseTo(0.826388475695, 12);
      expect(summary.classPq.slice(1)).toEqual([0, Number.NaN, 0]);
      expect(summary.apq).toBeCloseTo(0.275462825232, 12);
      expect(summary.mpqImage).toBeCloseTo(0.567129346065, 12);
      expect(summary.apqPooled).toBeCloseTo(0.2065971189, 10);
      expect(summary.aji).toBeCloseTo((14 / 27 + 0.7) / 2, 12);
    },
  );

  it("reads the label PNGs that grading writes, where nothing better is there, and leaves classes out", async () => {
    await examples("label PNG", "label PNG");
    const { truthDir, predictionDir } = folders();
    for (const name of ["a", "b"]) {
      await rename(join(predictionDir, "labels", `${name}.png`), join(predictionDir, `${name}.labels.png`));
    }
    const evaluation = await evaluateFolders({ truthDir: join(truthDir, "labels"), predictionDir });
    expect(evaluation.summary.aji).toBeCloseTo((14 / 27 + 0.7) / 2, 12);
    expect(evaluation.images.map(({ predictionPath }) => predictionPath)).toEqual(
      ["a", "b"].map((name) => join(predictionDir, `${name}.labels.png`)),
    );
    await rm(join(truthDir, "classes"), { recursive: true });
    const outlines = await evaluateFolders(folders());
    const unclassed = outlines.warnings.filter((warning) => warning.includes("in no truth of the set"));
    expect(unclassed).toEqual(["classes occur in no truth of the set: there is no PQ per class and no aPQ"]);
    expect(formatEvaluationTable(evaluation)).toContain("F_c");
    expect(formatEvaluationTable(outlines)).not.toContain("F_c");
    await annotationWriters["HoVer-Net JSON"]!(join(predictionDir, "a"), EXAMPLE_A.prediction, [1, 1, 1, 1]);
    const { images } = await evaluateFolders(folders());
    expect(images[0]!.predictionPath).toBe(join(predictionDir, "a.json"));
  });

  it("takes .mat first where a folder holds every format", async () => {
    const { truthDir, predictionDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_A.truth, EXAMPLE_A.truthTypes);
    await annotationWriters["HoVer-Net .mat"]!(
      join(predictionDir, "a"),
      EXAMPLE_A.prediction,
      EXAMPLE_A.predictionTypes,
    );
    await annotationWriters["HoVer-Net JSON"]!(
      join(predictionDir, "a"),
      EXAMPLE_B.prediction,
      EXAMPLE_B.predictionTypes,
    );
    await save(join(predictionDir, "a.geojson"), "not read");
    await save(join(predictionDir, "a.csv"), "id");
    await save(join(predictionDir, "a.overlay.png"), "no image");
    await save(join(predictionDir, "summary.json"), "{}");
    const { images, extra } = await evaluateFolders(folders());
    expect(images[0]!.predictionPath).toBe(join(predictionDir, "a.mat"));
    expect(images[0]!.metrics.pq).toBeCloseTo(0.388888694444, 11);
    expect(extra).toEqual([]);
  });

  it("counts a missing prediction as empty, lists extra ones, and says so first", async () => {
    const { truthDir, predictionDir } = folders();
    for (const name of ["x", "y", "z"]) {
      await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, name), EXAMPLE_B.truth, EXAMPLE_B.truthTypes);
    }
    for (const name of ["x", "w"]) {
      await annotationWriters["HoVer-Net .mat"]!(
        join(predictionDir, name),
        EXAMPLE_B.truth,
        EXAMPLE_B.truthTypes,
      );
    }
    const result = await evaluateFolders(folders());
    expect(result.missing).toEqual(["y", "z"]);
    expect(result.extra).toEqual(["w"]);
    expect(result.summary.dice).toBeCloseTo(1 / 3, 12);
    expect(result.summary.classPq[0]).toBeCloseTo(1 / 3, 5);
    expect(result.warnings[0]).toMatch(/2 of 3 .* COUNT AS EMPTY .*: y, z/);
    expect(result.warnings[1]).toMatch(/1 predictions have no true annotation .*: w/);
    expect(formatEvaluationTable(result)).toMatch(/^warning: 2 of 3/);
  });

  it("pairs by folder where base names repeat, images and labels folders aside", async () => {
    const { truthDir, predictionDir } = folders();
    for (const [folder, example] of [
      ["one", EXAMPLE_A],
      ["two", EXAMPLE_B],
    ] as const) {
      await annotationWriters["label PNG"]!(join(truthDir, folder, "p"), example.truth, example.truthTypes);
      const stem = join(predictionDir, folder, "images", "p");
      await annotationWriters["HoVer-Net .mat"]!(stem, example.truth, example.truthTypes);
    }
    const { images, summary } = await evaluateFolders(folders());
    expect(images.map((image) => image.name)).toEqual(["one/p", "two/p"]);
    expect(summary.dice).toBe(1);
    await annotationWriters["HoVer-Net .mat"]!(
      join(predictionDir, "three", "p"),
      EXAMPLE_A.truth,
      EXAMPLE_A.truthTypes,
    );
    expect((await evaluateFolders(folders())).extra).toEqual(["three/p"]);
    await rm(join(predictionDir, "two"), { recursive: true });
    const error = await failure(evaluateFolders(folders()));
    expect(error.message).toMatch(/two.labels.p\.png and .*three.p\.mat: "p" occurs more than once/);
  });

  it("takes the classes that the truth names", async () => {
    const { truthDir, predictionDir } = folders();
    await writeLabelPng(join(truthDir, "labels", "a.png"), EXAMPLE_B.truth);
    const file = { class_names: { 1: "other", 2: "tumour, invasive" }, instance_class: { 1: 1, 2: 2 } };
    await save(join(truthDir, "classes", "a.json"), JSON.stringify(file));
    await annotationWriters["HoVer-Net .mat"]!(join(predictionDir, "a"), EXAMPLE_B.truth, [1, 2]);
    const result = await evaluateFolders({ truthDir: join(truthDir, "labels"), predictionDir });
    expect(result.scheme.classes.map((c) => c.name)).toEqual(["other", "tumour, invasive"]);
    expect(result.summary.apq).toBeCloseTo(1, 5);
    const json = JSON.parse(formatEvaluationJson(result)) as Record<string, unknown>;
    expect(json["pq_tumour, invasive"]).toBeCloseTo(1, 5);
    const [header] = parseCsv(new TextEncoder().encode(formatEvaluationCsv(result)));
    expect(header).toContain("pq_tumour, invasive");
  });

  it("leaves classes out where the truth has none, and says so", async () => {
    const { truthDir, predictionDir } = folders();
    await writeLabelPng(join(truthDir, "labels", "a.png"), EXAMPLE_A.truth);
    await annotationWriters["HoVer-Net .mat"]!(
      join(predictionDir, "a"),
      EXAMPLE_A.prediction,
      EXAMPLE_A.predictionTypes,
    );
    const { summary, warnings } = await evaluateFolders(folders());
    expect(summary.pq).toBeCloseTo(0.388888694444, 11);
    for (const value of [summary.apq, summary.apqPooled, summary.detection.accuracy]) expect(value).toBeNaN();
    expect(summary.detection.classF1.every(Number.isNaN)).toBe(true);
    expect(warnings.join("\n")).toMatch(/1 of 1 true annotations have no classes/);
  });

  it("warns of mixed instances, unknown names and numbers without names", async () => {
    const { truthDir, predictionDir } = folders();
    const classMap = Uint8Array.from(EXAMPLE_B.truth.data, (id, i) => (id === 0 ? 0 : i === 0 ? 3 : 1));
    const bytes = encodeMat5([
      ["inst_map", numeric("int32", [3, 6], EXAMPLE_B.truth.data)],
      ["type_map", numeric("uint8", [3, 6], classMap)],
    ]);
    await save(join(truthDir, "a.mat"), bytes);
    await annotationWriters.GeoJSON!(join(predictionDir, "a"), EXAMPLE_B.truth, [1, 1]);
    const scheme = {
      ...RCC_CLASSES,
      classes: RCC_CLASSES.classes.map((c) => ({ ...c, name: `x ${c.name}` })),
    };
    const numbers = await evaluateFolders(folders());
    expect(numbers.summary.classPq[0]).toBeCloseTo(1, 5);
    expect(numbers.warnings.join("\n")).toMatch(/number their classes .* 1 Grade 1, 2 Grade 2/);
    expect(numbers.warnings.join("\n")).toMatch(/a\.mat: 1 instances carry more than one class/);
    const named = await evaluateFolders({ ...folders(), scheme });
    expect(named.summary.classPq[0]).toBe(0);
    expect(named.warnings.join("\n")).toMatch(
      /2 nuclei have the class "Grade 1", which is none of x Grade 1/,
    );
  });

  it("reads lists of classes with ids of their own, and with one entry per number", async () => {
    const { truthDir, predictionDir } = folders();
    const holes = { ...EXAMPLE_B.truth, data: EXAMPLE_B.truth.data.map((id) => (id === 2 ? 7 : id)) };
    const map = numeric("int32", [3, 6], holes.data);
    const list = (...values: number[]) => numeric("int32", [values.length, 1], Int32Array.from(values));
    await save(
      join(truthDir, "lizard.mat"),
      encodeMat5([
        ["inst_map", map],
        ["id", list(7, 1)],
        ["class", list(4, 1)],
      ]),
    );
    await save(
      join(truthDir, "holes.mat"),
      encodeMat5([
        ["inst_map", map],
        ["inst_type", list(1, 4)],
      ]),
    );
    const full = encodeMat5([
      ["inst_map", map],
      ["inst_type", list(1, 0, 0, 0, 0, 0, 4)],
    ]);
    await save(join(predictionDir, "lizard.mat"), full);
    await save(join(predictionDir, "holes.mat"), full);
    const { summary } = await evaluateFolders(folders());
    expect(summary.detection.accuracy).toBe(1);
    expect(summary.imagesPerClass).toEqual([2, 0, 0, 2]);
    await save(
      join(predictionDir, "holes.mat"),
      encodeMat5([
        ["inst_map", map],
        ["inst_type", list(1, 2, 3)],
      ]),
    );
    expect((await failure(evaluateFolders(folders()))).message).toMatch(
      /holes\.mat: 3 classes for 2 instances/,
    );
  });

  it("erases predictions in regions to ignore, whole and in part", async () => {
    await examples("RCCNucSeg .mat", "GeoJSON");
    const ignoreDir = join(root, "Ambiguous");
    const pq = async () => (await evaluateFolders({ ...folders(), ignoreDir })).images[1]!.metrics.pq;
    const regions = (text: string) => writeLabelPng(join(ignoreDir, "b.png"), draw(text));
    // Matches of IoU 1 and 3/4, and instance 3, which has no partner.
    await regions(`0 0 0 0 0 0
                   0 0 0 0 0 0
                   0 0 0 0 0 0`);
    expect(await pq()).toBeCloseTo(1.75 / 2.5, 5);
    await regions(`0 0 0 0 0 0
                   0 0 0 0 0 0
                   0 0 1 1 0 0`);
    expect(await pq()).toBeCloseTo(1.75 / 2, 5);
    // Half of instance 1: its IoU is no longer above 0.5.
    await regions(`0 0 0 0 0 0
                   7 7 0 0 0 0
                   0 0 1 1 0 0`);
    expect(await pq()).toBeCloseTo(0.75 / 2, 5);
    await writeLabelPng(join(ignoreDir, "c.png"), draw("0"));
    const { warnings } = await evaluateFolders({ ...folders(), ignoreDir });
    expect(warnings).toContain(`${ignoreDir}: 1 of its files belong to no true annotation`);
  });

  it("reports progress and stops when told", async () => {
    await examples("RCCNucSeg .mat", "GeoJSON");
    const seen: string[] = [];
    const abort = new AbortController();
    const error = await failure(
      evaluateFolders({
        ...folders(),
        signal: abort.signal,
        onProgress: ({ done, total, name }) => {
          seen.push(`${done}/${total} ${name}`);
          abort.abort();
        },
      }),
    );
    expect(seen).toEqual(["1/2 a"]);
    expect(error.tag).toBe("InterruptedError");
  });
});

const data = process.env.RENOGRADE_DATA;
describe.skipIf(data === undefined)("truth against itself (needs RENOGRADE_DATA)", () => {
  it.each(["consep", "monuseg", "tnbc", "dsb2018_he"])("%s gives 1", async (name) => {
    // Three images of each source: all of them take seconds and show no more.
    const stems = (await readdir(join(data!, name, "images"))).sort().map((file) => file.replace(".png", ""));
    for (const kind of name === "consep" ? ["images", "labels", "classes"] : ["images", "labels"]) {
      await mkdir(join(root, kind));
      for (const file of stems.slice(0, 3).map((stem) => stem + (kind === "classes" ? ".json" : ".png"))) {
        await symlink(join(data!, name, kind, file), join(root, kind, file));
      }
    }
    const { summary, images } = await evaluateFolders({
      truthDir: root,
      predictionDir: join(root, "labels"),
      options: { eps: 0, f1Assignment: "gated" },
    });
    expect(images.length).toBe(3);
    for (const value of [summary.dice, summary.aji, summary.ajiPlus, summary.pq, summary.detection.f1]) {
      expect(value).toBe(1);
    }
    if (name === "consep") {
      expect(summary.classPq).toEqual([1, 1, 1, 1]);
      expect([summary.apq, summary.apqPooled, summary.detection.accuracy]).toEqual([1, 1, 1]);
    } else {
      expect(summary.apq).toBeNaN();
    }
  });
});
