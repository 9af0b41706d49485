/**
 * `renograde dataset`, `model` and `doctor`.
 *
 * @module
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { readImage, readLabelPng } from "@renograde/slides/node";
import { beforeAll, expect, it } from "vitest";
import { describeCommand, type Finished } from "./run.js";

const json = (result: Finished): Record<string, unknown> => JSON.parse(result.stdout);

describeCommand("dataset", ({ run, runBuilt, path, files }) => {
  const draw = (command = run) =>
    command(
      ..."dataset synthesize --out ds --train 2 --valid 1 --test 1 --size 96 --seed 3 --json".split(" "),
    );
  let first: Finished;
  beforeAll(async () => {
    first = await draw(runBuilt);
  });

  it("draws a dataset once", async () => {
    expect([first.status, json(first)]).toEqual([
      0,
      expect.objectContaining({ synthetic: true, written: 4 }),
    ]);
    expect(json(await draw())).toMatchObject({ written: 0, skipped: 4 });
    expect((await files("ds")).filter((name) => name.endsWith(".mat"))).toHaveLength(4);
  });

  it("checks, counts and splits it", async () => {
    const [check, stats, split] = await Promise.all([
      runBuilt("dataset", "check", "ds", "--sheet", "sheet.png", "--json", "check.json"),
      run("dataset", "stats", "ds", "--json"),
      run("dataset", "split", "ds", "--json"),
    ]);
    expect(check.status).toBe(0);
    expect(check.stdout).toMatch(/^ds: rccnucseg layout, split: folders; SYNTHETIC data\n/);
    expect(check.stdout).toMatch(/\nsuspicious nuclei +count +of all +images\n/);
    expect(JSON.parse(await readFile(path("check.json"), "utf8"))).toMatchObject({
      errors: [],
      warnings: ['ds: no training nucleus has the class "Grade 1"', 'ds: no nucleus has the class "Grade 3"'],
      duplicates: [],
      sharedPatients: [],
    });
    expect(json(stats)).toMatchObject({ synthetic: true, total: { images: 4 }, warnings: [] });
    expect(json(split)).toMatchObject({
      origin: "folders",
      comparableWithTable1: true,
      out: null,
      test: ["synthetic_test_0001"],
    });
  });

  it("splits anew, as a file and as a copy, and shows the split of the copy", async () => {
    const file = await run(
      ..."dataset split ds --by image --fractions 0.5,0.25,0.25 --out s.json".split(" "),
    );
    expect([file.status, file.stdout]).toEqual([
      0,
      expect.stringMatching(/next: renograde train --data ds --set split\.file=s\.json --run RUN\n$/),
    ]);
    const { train, valid, test } = JSON.parse(await readFile(path("s.json"), "utf8"));
    expect([train.length, valid.length, test.length]).toEqual([2, 1, 1]);
    const args = "dataset split ds --by image --fractions 0.5,0.25,0.25 --out copy --json".split(" ");
    expect(json(await run(...args))).toMatchObject({ comparableWithTable1: false, out: "copy" });
    expect((await run(...args)).stderr).toContain("0 copied, 4 were there");
    const copied = json(await run("dataset", "split", "copy", "--json"));
    expect(copied).toMatchObject({ origin: "folders" });
    expect(copied.test).toEqual([expect.stringContaining(/(synthetic_\w+)\.png/.exec(test[0])![1]!)]);
  });

  it("converts to label PNGs, tells what is damaged, and goes on", async () => {
    const args = "dataset convert ds --from rccnucseg --to label-png --out png".split(" ");
    const mat = path("ds/Test/Labels/synthetic_test_0001.mat");
    const bytes = await readFile(mat);
    await writeFile(mat, "damaged");
    const first = await run(...args);
    expect([first.status, first.stderr]).toEqual([
      1,
      expect.stringMatching(
        /\nerror: ds\/Test\/Labels\/synthetic_test_0001\.mat: not a MATLAB v5 file .*\n$/,
      ),
    ]);
    await writeFile(mat, bytes);
    const second = await run(...args, "--json");
    expect([second.status, json(second)]).toEqual([0, expect.objectContaining({ written: 1, skipped: 3 })]);
    expect(json(await run("dataset", "stats", "png", "--json"))).toMatchObject({
      sets: { train: { images: 2 }, valid: { images: 1 }, test: { images: 1 } },
    });
    const other = await run(...args, "--to-mpp", "0.5");
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: .*give --mpp as well\n$/),
    ]);
  });

  it("draws one section with its truth", async () => {
    const result = await run(
      ..."dataset synthesize --out section --section 128 --seed 7 --name s".split(" "),
    );
    expect([result.status, result.stdout]).toEqual([
      0,
      "SYNTHETIC section section/images/s.png; truth section/labels/s.png and section/classes/s.json\n",
    ]);
    const { image } = await readImage(path("section/images/s.png"));
    const labels = await readLabelPng(path("section/labels/s.png"));
    expect([image.width, labels.width]).toEqual([128, 128]);
  });

  it("says what is missing from a folder", async () => {
    await mkdir(path("none"));
    await writeFile(path("file"), "");
    await draw();
    const results = await Promise.all([
      run("dataset", "check", "missing"),
      run("dataset", "stats", "none"),
      run("dataset", "synthesize", "--out", "file", "--train", "1"),
      run("dataset", "split", "ds", "--by", "patient"),
      run("dataset", "convert", "none", "--from", "monusac", "--out", "o"),
      run("dataset", "convert", "none", "--from", "pannuke", "--out", "o"),
    ]);
    expect(results.map(({ status, stderr }) => [status, stderr.trimEnd()])).toEqual([
      [1, "error: missing: cannot list the dataset folder; give an existing folder"],
      [
        1,
        "error: none: found 0 images and 0 annotations; expected images/*.png with labels/*.png, or Images/*.png with Labels/*.mat",
      ],
      [1, "error: file: a file stands where a folder is needed; choose another folder"],
      [
        1,
        expect.stringMatching(
          /names no patient, so split\.by patient is impossible; .*\(--patient-pattern\); or use split\.by image$/,
        ),
      ],
      [
        1,
        "error: none: found 0 images (.tif, .tiff, .png, .svs) and 0 annotations (.xml); expected pairs of the same base name",
      ],
      [1, "error: none: no images.npy found; give a fold of PanNuke, or a folder of folds"],
    ]);
    // Every image is a patient of its own now.
    const byName = await run("dataset", "split", "ds", "--by", "patient", "--patient-pattern", "\\d{4}$");
    expect([byName.status, byName.stdout]).toEqual([0, expect.stringContaining("random by patient, ")]);
    await rm(path("ds/Train/Images/synthetic_train_0001.png"));
    const broken = await run("dataset", "check", "ds");
    expect([broken.status, broken.stderr]).toEqual([
      1,
      "error: ds: 1 annotations have no image of the same name in their set: ds/Train/Labels/synthetic_train_0001.mat\n",
    ]);
  });
});

describeCommand("model and doctor", ({ run, runBuilt, path }) => {
  it("summarises networks and model files", async () => {
    await writeFile(path("text.onnx"), "this is no model");
    const [network, file, text, unknown, options] = await Promise.all([
      run("model", "summary", "chr-net", "--set", "net.width=0.125", "--json"),
      runBuilt("model", "summary", "tiny.onnx"),
      run("model", "summary", "text.onnx"),
      run("model", "summary", "chr-nte"),
      run("model", "summary", "chr-net", "--set", "net.widht=1", "--set", "net.width=20"),
    ]);
    expect(json(network)).toMatchObject({ network: "chr-net", inputSide: 262, outputSide: 256 });
    expect([file.status, file.stdout]).toEqual([
      0,
      expect.stringContaining("262 px in, 256 out, 200 kept, at 0.25 µm/px"),
    ]);
    expect([text.status, text.stderr]).toEqual([1, expect.stringMatching(/^error: text\.onnx: [^\n]*\n$/)]);
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: unknown network "chr-nte"; known are chr-net, [^\n]*\n$/),
    ]);
    expect([options.status, options.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^error: --set net\.widht: unknown option, .*\n--set net\.width: .* received 20\n$/,
      ),
    ]);
  });

  it("examines the machine", async () => {
    const machine = await runBuilt("doctor", "--json", "doctor.json");
    for (const part of ["Node", "Images (sharp)", "ONNX Runtime", "Temporary folder"]) {
      expect(machine.stdout).toContain(`ok       ${part}: `);
    }
    expect(machine.stdout).toMatch(/libtorch \(training only\): /);
    expect(JSON.parse(await readFile(path("doctor.json"), "utf8"))).toMatchObject({
      findings: expect.any(Array),
    });
  });
});
