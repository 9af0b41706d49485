import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { RenogradeError } from "@renograde/core";
import { encodeMat5 } from "@renograde/formats";
import { writeLabelPng } from "@renograde/slides/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { annotationWriters, EXAMPLE_A, EXAMPLE_B, numeric, save } from "../testing/annotation-folders.js";
import { evaluateFolders } from "./evaluate.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-evaluate-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});
const folders = () => ({ truthDir: join(root, "truth"), predictionDir: join(root, "prediction") });
async function failure(promise: Promise<unknown>): Promise<RenogradeError> {
  return await promise.then(
    () => expect.fail("expected an error"),
    (error: unknown) => error as RenogradeError,
  );
}

describe("errors of evaluateFolders", () => {
  it("name both files when sizes differ", async () => {
    const { truthDir, predictionDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_A.truth, EXAMPLE_A.truthTypes);
    await annotationWriters["HoVer-Net .mat"]!(
      join(predictionDir, "a"),
      EXAMPLE_B.prediction,
      EXAMPLE_B.predictionTypes,
    );
    const error = await failure(evaluateFolders(folders()));
    expect(error.tag).toBe("ShapeError");
    expect(error.message).toContain(join(truthDir, "a.mat"));
    expect(error.message).toMatch(/prediction.a\.mat is 6 x 3 px, but .* is 8 x 6 px/);
  });
  it("name a map of ignored regions of another size, and a folder without any", async () => {
    const { truthDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_A.truth, EXAMPLE_A.truthTypes);
    const ignoreDir = join(root, "ignore");
    await mkdir(ignoreDir);
    const evaluate = () => evaluateFolders({ truthDir, predictionDir: truthDir, ignoreDir });
    expect((await failure(evaluate())).message).toBe(
      `${ignoreDir}: holds no label PNG with regions to ignore`,
    );
    await writeLabelPng(join(ignoreDir, "a.png"), EXAMPLE_B.truth);
    const error = await failure(evaluate());
    expect(error.tag).toBe("ShapeError");
    expect(error.message).toMatch(/ignore.a\.png is 6 x 3 px, but the annotations are 8 x 6 px/);
  });
  it("name files as the folders were given", async () => {
    const truthDir = relative(process.cwd(), folders().truthDir);
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_A.truth, EXAMPLE_A.truthTypes);
    await save(join(truthDir, "b.mat"), Uint8Array.of(1, 2, 3));
    await save(join(truthDir, "b.geojson"), Uint8Array.of(1, 2, 3));
    const error = await failure(evaluateFolders({ truthDir, predictionDir: truthDir }));
    expect(error.message.startsWith(join(truthDir, "b.mat"))).toBe(true);
  });
  it("name both files when a nucleus lies outside the partner's image", async () => {
    const { truthDir, predictionDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_B.truth, EXAMPLE_B.truthTypes);
    await annotationWriters.GeoJSON!(
      join(predictionDir, "a"),
      EXAMPLE_A.prediction,
      EXAMPLE_A.predictionTypes,
    );
    const error = await failure(evaluateFolders(folders()));
    expect(error.tag).toBe("DataError");
    expect(error.message).toMatch(
      /a\.geojson: a nucleus at .* lies outside .*truth.a\.mat, which is 6 x 3 px/,
    );
  });
  it("name folders without annotations, without a common name, or missing", async () => {
    const { truthDir, predictionDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_B.truth, EXAMPLE_B.truthTypes);
    expect((await failure(evaluateFolders(folders()))).tag).toBe("FileAccessError");
    await mkdir(predictionDir);
    expect((await failure(evaluateFolders(folders()))).message).toMatch(/prediction: no annotation found/);
    await annotationWriters["HoVer-Net .mat"]!(
      join(predictionDir, "b"),
      EXAMPLE_B.truth,
      EXAMPLE_B.truthTypes,
    );
    expect((await failure(evaluateFolders(folders()))).message).toMatch(/no prediction has the name/);
  });
  it("name a class that the scheme does not have, a map without instances, and impossible numbers", async () => {
    const { truthDir, predictionDir } = folders();
    await annotationWriters["RCCNucSeg .mat"]!(join(truthDir, "a"), EXAMPLE_B.truth, EXAMPLE_B.truthTypes);
    await annotationWriters["HoVer-Net .mat"]!(join(predictionDir, "a"), EXAMPLE_B.truth, [1, 5]);
    expect((await failure(evaluateFolders(folders()))).message).toMatch(/a\.mat: instance 2 has class 5/);
    const negative = numeric("int32", [1, 2], Int32Array.of(1, -1));
    await save(join(predictionDir, "a.mat"), encodeMat5([["inst_map", negative]]));
    expect((await failure(evaluateFolders(folders()))).message).toMatch(/'inst_map' holds -1/);
    const share = numeric("double", [1, 2], Float64Array.of(1, 0.5));
    await save(join(predictionDir, "a.mat"), encodeMat5([["inst_map", share]]));
    expect((await failure(evaluateFolders(folders()))).message).toMatch(
      /'inst_map' holds 0\.5, expected whole numbers/,
    );
    await save(join(predictionDir, "a.mat"), encodeMat5([["image", negative]]));
    expect((await failure(evaluateFolders(folders()))).message).toMatch(
      /no numeric 'instance_map' .* only image/,
    );
  });
});
