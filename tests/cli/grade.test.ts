/**
 * `renograde grade`, `postprocess` and `evaluate` on files.
 *
 * @module
 */
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { parseHoverNetJson } from "@renograde/formats";
import { writePng } from "@renograde/slides/node";
import { beforeAll, expect, it } from "vitest";
import { tinyModel } from "../../packages/grading/src/testing/tiny-model.js";
import { describeCommand, disks, type Finished, writeDisks } from "./run.js";

/** Kinds of image files, made by other software. */
const KINDS = ["rgb.jpg", "grey.png", "palette.png", "alpha.png", "grey16.png", "lzw.tif"];
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/plain-images/${name}`, import.meta.url));

const json = (result: Finished): Record<string, unknown> => JSON.parse(result.stdout);
const errors = (result: Finished): string[] =>
  result.stderr.split("\n").filter((line) => line.startsWith("error: "));

describeCommand("grade", ({ run, runBuilt, path, files }) => {
  const grade = (...args: string[]) => run("grade", ...args, "--model", "tiny.onnx", "--threads", "1");
  let first: Finished;

  beforeAll(async () => {
    await writeDisks([path("in/a.png"), path("in/case 1/b'\"c.png")], 300, 100);
    first = await runBuilt(
      ..."grade in --out out --maps --mpp 0.25 --model tiny.onnx --threads 1".split(" "),
    );
  });

  it("writes every format, keeps the folder structure and says where results are", async () => {
    expect(first.status).toBe(0);
    expect(await files("out")).toEqual([
      ...["a", "case 1/b'\"c"].flatMap((stem) =>
        [".csv", ".geojson", ".json", ".maps.npy", ".mat", ".overlay.png"].map((ending) => stem + ending),
      ),
      "report.html",
    ]);
    const { nuclei } = parseHoverNetJson(await readFile(path("out/a.json")));
    expect(nuclei).toHaveLength(14);
    expect(first.stdout).toBe(
      `image        G1  G2  G3  Endo  nuclei
a             4   4   3     3      14
case 1/b'"c   4   4   3     3      14
all           8   8   6     6      28

results in out; look at out/report.html
next, where the truth is known: renograde evaluate --truth TRUTH --pred out
Research use only. Not for diagnostic use.
`,
    );
    expect(first.stderr).toMatch(
      /^fake: G1, G2, G3, Endo at 0\.25 µm\/px; ONNX Runtime [\d.]+, CPU\nwarning: this model was trained on synthetic sections only;.*\ngrading: 2 of 2 images \([\d.]+ s\)\n$/,
    );
  });

  it("skips what is finished, and prints exactly one JSON document with --json", async () => {
    const again = await grade("in", "--out", "out", "--maps", "--mpp", "0.25", "--json");
    expect(again.status).toBe(0);
    expect(json(again)).toMatchObject({
      outDir: "out",
      nuclei: 28,
      failures: [],
      images: [
        { stem: "a", resumed: true, counts: [0, 4, 4, 3, 3] },
        { stem: "case 1/b'\"c", resumed: true },
      ],
    });
    expect(again.stderr).toMatch(/grading: 2 of 2 images, 2 finished before/);
  });

  it("reads every kind of plain image, a single pixel and an image without nuclei", async () => {
    await mkdir(path("kinds"));
    for (const kind of KINDS)
      await copyFile(fixture(kind), path("kinds", `${kind.replace(".", "-")}.${kind.split(".")[1]}`));
    await writePng(path("kinds/one.png"), { width: 1, height: 1, data: new Uint8Array(3).fill(255) });
    await writePng(path("kinds/white.png"), {
      width: 90,
      height: 40,
      data: new Uint8Array(10_800).fill(255),
    });
    await writeFile(path("kinds/slide.svs"), "");
    const result = await grade(
      "kinds",
      "--out",
      "kinds-out",
      "--formats",
      "json,csv,geojson,mat",
      "--json",
      "kinds.json",
    );
    expect([result.status, errors(result)]).toEqual([0, []]);
    expect(result.stderr).toContain("warning: kinds: images of other formats are left out (slide.svs)");
    expect(result.stderr).toMatch(/\nno nucleus in .*one.*; tissue in them may be stained unlike/);
    const { images, counts } = JSON.parse(await readFile(path("kinds.json"), "utf8"));
    expect(images.map((image: { stem: string }) => image.stem)).toEqual([
      "alpha-png",
      "grey-png",
      "grey16-png",
      "lzw-tif",
      "one",
      "palette-png",
      "rgb-jpg",
      "white",
    ]);
    expect(counts).toHaveLength(5);
    for (const stem of ["one", "white"]) {
      expect(parseHoverNetJson(await readFile(path(`kinds-out/${stem}.json`))).nuclei).toEqual([]);
    }
    expect(result.stderr).toContain("grey16-png.png: 16-bit samples are divided by 256");
  });

  it("names each damaged file and grades the others", async () => {
    const whole = await readFile(path("in/a.png"));
    await mkdir(path("bad/folder.png"), { recursive: true });
    await writeFile(path("bad/cut.png"), whole.subarray(0, whole.length >> 1));
    await writeFile(path("bad/empty.png"), "");
    await writeFile(path("bad/text.jpg"), "this is no picture");
    await writeFile(path("bad/good.png"), whole);
    await symlink("nowhere.png", path("bad/dangling.png"));
    // A header that promises 100,000 x 100,000 pixels.
    const bomb = Buffer.from(whole);
    bomb.writeUInt32BE(100_000, 16);
    bomb.writeUInt32BE(100_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    await writeFile(path("bad/huge.png"), bomb);
    const result = await grade("bad", "--out", "bad-out", "--formats", "json");
    expect(result.status).toBe(1);
    expect(errors(result)).toEqual([
      `error: bad/cut.png: the PNG file is truncated after ${whole.length >> 1} bytes; copy it again`,
      "error: bad/empty.png: the file is empty; copy it again",
      "error: bad/huge.png: the image has 100000 x 100000 px, more than the limit of 268435456 pixels; read it as a slide or cut it into pieces",
      "error: bad/text.jpg: is not an image that can be read; supported are PNG, JPEG and TIFF",
    ]);
    expect(await files("bad-out")).toEqual(["good.json"]);
  });

  it("refuses what cannot work before anything is written", async () => {
    await mkdir(path("none"));
    await mkdir(path("both"));
    await writeFile(path("both/a.png"), "");
    await writeFile(path("both/a.tif"), "");
    await writeFile(path("plain.onnx"), tinyModel(null));
    await writeFile(path("cut.onnx"), tinyModel().subarray(0, 5000));
    await writeFile(path("text.onnx"), "this is no model");
    const withModel = (model: string) => run("grade", "in", "--out", "no", "--model", model);
    const results = await Promise.all([
      grade("missing.png", "--out", "no"),
      grade("none", "--out", "no"),
      grade("in", "in/a.png", "--out", "no"),
      grade("both", "--out", "no"),
      grade("in", "--out", "in"),
      grade("in", "--out", "in/a.png"),
      grade("in", "--out", "no", "--set", "infer.step=1000"),
      withModel("plain.onnx"),
      withModel("cut.onnx"),
      withModel("text.onnx"),
      withModel("nothing-of-this-name"),
    ]);
    expect(results.map(({ status, stdout, stderr }) => [status, stdout, stderr.trimEnd()])).toEqual([
      [1, "", "error: missing.png: no such file or folder; check the spelling"],
      [2, "", "error: none: the folder holds no input file (.png, .jpg, .jpeg, .tif, .tiff)"],
      [2, "", "error: in/a.png: named twice; name every input once"],
      [
        2,
        "",
        'error: both/a.png and both/a.tif would both write "a"; rename one or grade them into separate folders',
      ],
      [2, "", "error: in: outputs cannot go into the input folder itself; choose another folder"],
      [1, "", "error: in/a.png: a file stands where a folder is needed; choose another folder"],
      [2, "", "error: infer.step: expected a multiple of 4 from 4 to 256, received 1000"],
      [
        1,
        "",
        expect.stringMatching(/^error: plain\.onnx: has no Renograde metadata; export it with [^\n]*$/),
      ],
      [
        1,
        "",
        expect.stringMatching(
          /^error: cut\.onnx: the file ends inside a protobuf field [^\n]*; it is truncated or corrupt[^\n]*$/,
        ),
      ],
      [1, "", expect.stringMatching(/^error: text\.onnx: [^\n]*; copy or export it again$/)],
      [2, "", expect.stringMatching(/^error: --model nothing-of-this-name: no shipped model [^\n]*$/)],
    ]);
    await expect(files("no", true)).rejects.toThrow("ENOENT");
  });

  it("adds the stack only with --verbose", async () => {
    const [plain, verbose] = await Promise.all([
      grade("missing.png", "--out", "no"),
      run("--verbose", "grade", "missing.png", "--out", "no", "--model", "tiny.onnx"),
    ]);
    expect(plain.stderr).not.toContain("    at ");
    expect(verbose.stderr).toContain("    at ");
    expect(verbose.stderr).toContain("cause: Error: ENOENT");
  });

  it("makes of kept maps what grading made, and evaluates the two as equal", async () => {
    const again = await runBuilt(
      "postprocess",
      "out",
      "--out",
      "again",
      "--mpp",
      "0.25",
      "--formats",
      "json,labels,mat",
    );
    expect(again.status).toBe(0);
    const nuclei = async (file: string) => parseHoverNetJson(await readFile(path(file))).nuclei;
    expect(await nuclei("again/a.json")).toEqual(await nuclei("out/a.json"));
    // The model says the pixel size, and constants that --set changes.
    const own = await run("postprocess", "out", "--out", "own", "--model", "tiny.onnx", "--formats", "json");
    expect([own.status, own.stderr]).toEqual([0, expect.not.stringContaining("no pixel size")]);
    expect(await nuclei("own/a.json")).toEqual(await nuclei("out/a.json"));
    const evaluated = await runBuilt(
      "evaluate",
      "--truth",
      "out",
      "--pred",
      "again",
      "--csv",
      "m.csv",
      "--json",
    );
    expect(evaluated.status).toBe(0);
    expect(json(evaluated)).toMatchObject({ images: 2 });
    expect(JSON.stringify(json(evaluated))).not.toContain("null");
    expect((await readFile(path("m.csv"), "utf8")).trimEnd().split("\n").length).toBeGreaterThanOrEqual(3);
  });

  it("refuses maps of other types, shapes and values by name", async () => {
    const maps = await readFile(path("out/a.maps.npy"));
    const nan = Buffer.from(maps);
    nan.writeFloatLE(Number.NaN, 128);
    await mkdir(path("maps"));
    await writeFile(path("maps/cut.npy"), maps.subarray(0, 5000));
    await writeFile(path("maps/nan.npy"), nan);
    await writeFile(path("maps/good.npy"), maps);
    await writeFile(path("maps/text.npy"), "this is no array");
    const result = await run("postprocess", "maps", "--out", "maps-out", "--mpp", "0.25", "--formats", "csv");
    expect(result.status).toBe(1);
    expect(errors(result)).toEqual([
      expect.stringMatching(
        /^error: maps\/cut\.npy: the file ends inside the array of shape \(100, 300, 7\)/,
      ),
      "error: maps/nan.npy: channel 0 holds NaN at pixel (0, 0); maps must lie between 0 and 1",
      "error: maps/text.npy: not a .npy file (it does not begin with \\x93NUMPY)",
    ]);
    expect(result.stderr).toContain(
      "maps of a model with other classes or outputs need that model: pass --model",
    );
    expect(await files("maps-out")).toEqual(["good.csv"]);
  });

  it("names truth and prediction of different size, and folders without annotations", async () => {
    await writePng(path("other/a.png"), disks(200, 100));
    await grade("other", "--out", "other-out", "--formats", "mat");
    const [sizes, nothing, missing, unwritable] = await Promise.all([
      run("evaluate", "--truth", "out", "--pred", "other-out"),
      run("evaluate", "--truth", "out", "--pred", "other"),
      run("evaluate", "--truth", "missing", "--pred", "out"),
      run("evaluate", "--truth", "out", "--pred", "out", "--json", "out"),
    ]);
    expect([sizes.status, errors(sizes)]).toEqual([1, [expect.stringMatching(/a\.mat.*200.*/)]]);
    expect([nothing.status, errors(nothing)]).toEqual([
      1,
      [
        "error: other: no annotation found; expected .mat, labels/*.png, .geojson, HoVer-Net .json or .labels.png files",
      ],
    ]);
    expect([missing.status, errors(missing)]).toEqual([
      1,
      ["error: missing: no such file or folder; check the spelling"],
    ]);
    // The table is printed all the same: the work is not lost.
    expect([unwritable.status, errors(unwritable)]).toEqual([1, ["error: out: is a folder; name a file"]]);
    expect(unwritable.stdout).toContain("mPQ");
  });
});
