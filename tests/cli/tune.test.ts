/**
 * `renograde tune` and `compare` on disks: from a model with wrong constants to a better one, and the two side by side.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { DEFAULT_POST_OPTIONS } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { beforeAll, expect, it } from "vitest";
import { annotationWriters } from "../../packages/grading/src/testing/annotation-folders.js";
import { fakeMetadata } from "../../packages/grading/src/testing/fake-model.js";
import { diskGrid, diskImage, tinyModel } from "../../packages/grading/src/testing/tiny-model.js";
import { describeCommand } from "./run.js";

describeCommand("tune and compare", ({ run, runBuilt, path, files }) => {
  beforeAll(async () => {
    // These constants drop the smaller disks and grow the others; few others have to be tried.
    const post = { ...DEFAULT_POST_OPTIONS, method: "components" as const, minArea: 220, dilate: 1 };
    await writeFile(path("bad.onnx"), tinyModel(fakeMetadata({ post })));
    for (const [name, width] of [
      ["a", 120],
      ["b", 160],
    ] as const) {
      const disks = diskGrid(width, 100);
      const { image, labels } = diskImage(width, 100, disks);
      await annotationWriters["label PNG"]!(
        path("ds", name),
        labels,
        disks.map((disk) => disk.type),
      );
      await writePng(path(`ds/images/${name}.png`), image);
    }
  });

  it("stores better constants in a copy of the model, which says where they come from", async () => {
    const tuned = await runBuilt(
      ..."tune bad.onnx --data ds --set-name all --threads 1 --out tuned.onnx".split(" "),
    );
    expect(tuned.status).toBe(0);
    expect(tuned.stdout).toMatch(
      /^bad\.onnx: method components, pq on ds: 2 images \(all images\)\n\nconstant +now +best\npost\.minArea +220 +190\npost\.dilate +1 +0\npq +0\.\d+ +1\.0000\n\ngain \+0\.\d+, 95 % interval \+0\.\d+ to \+0\.\d+, on the images that chose\n/,
    );
    expect(tuned.stdout).toMatch(/\nwritten: tuned\.onnx\n$/);
    expect(tuned.stderr).toContain("warning: the set has only 2 images");
  });

  it("shows in the model's summary what it was tuned on", async () => {
    const summary = await run("model", "summary", "tuned.onnx");
    expect(summary.stdout).toMatch(
      /\ntuned +for pq on ds: 2 images \(all images\): .*; minArea was 220, dilate was 1\n/,
    );
  });

  it("sets two models side by side, then their folders", async () => {
    const models = await runBuilt(
      ..."compare bad.onnx tuned.onnx --truth ds --out out --threads 1 --mpp 0.25 --csv images.csv".split(
        " ",
      ),
    );
    expect(models.status).toBe(0);
    expect(models.stdout).toContain("\ntuned.onnx is better: PQ ");
    expect(models.stdout).toMatch(/\nas a page with pictures: out\/compare\.html\n$/);
    const visible = (await files("out")).filter((name) => !name.includes(".renograde/"));
    expect(visible).toEqual(["a/a.mat", "a/b.mat", "b/a.mat", "b/b.mat", "compare.html"]);
    expect((await readFile(path("out/compare.html"), "utf8")).match(/<img /g)).toHaveLength(6);
    expect((await readFile(path("images.csv"), "utf8")).split("\n")[0]).toMatch(/^image,true,dice_a,dice_b,/);
  });

  it("sets prediction folders side by side", async () => {
    const folders = await run(..."compare out/a out/b --truth ds/labels --json".split(" "));
    expect(folders.status).toBe(0);
    const { scores, confusion, found } = JSON.parse(folders.stdout);
    expect(scores.pq.b).toBeCloseTo(1, 5);
    expect(scores.pq.low).toBeGreaterThan(0);
    expect(found.onlyA).toBe(0);
    expect(found.both + found.onlyB).toBe(14);
    expect(confusion.truth_b[0]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("refuses what cannot be done and writes nothing", async () => {
    const before = await files(".", true);
    const results = await Promise.all(
      [
        "tune none.onnx --data ds --set-name all",
        "tune bad.onnx --data none",
        "tune bad.onnx --data ds --set-name all --classes none.json --out no.onnx",
        "compare bad.onnx tuned.onnx --truth out/a --out no",
        "compare out/a none --truth ds",
      ].map((line) => run(...line.split(" "))),
    );
    expect(results.map(({ status, stdout, stderr }) => [status, stdout, stderr.trimEnd()])).toEqual([
      [1, "", "error: none.onnx: no such file or folder; check the spelling"],
      [1, "", "error: none: cannot list the dataset folder; give an existing folder"],
      [1, "", "error: none.json: no such file or folder; check the spelling"],
      [
        2,
        "",
        "error: bad.onnx is a model, but out/a is no dataset folder with images to grade; name them with --images DIR",
      ],
      [1, "", "error: none: no such file or folder; check the spelling"],
    ]);
    expect(await files(".", true)).toEqual(before);
  });
});
