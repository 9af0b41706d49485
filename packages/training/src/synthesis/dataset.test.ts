import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMat5 } from "@renograde/formats";
import { readImage } from "@renograde/slides/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SyntheticDatasetOptions, writeSyntheticDataset } from "./dataset.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-synthesis-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const options = (name: string, more: Partial<SyntheticDatasetOptions> = {}): SyntheticDatasetOptions => ({
  outDir: join(folder, name),
  train: 2,
  valid: 1,
  test: 1,
  size: 64,
  seed: 3,
  ...more,
});

/** Every file below a folder with its bytes. */
async function snapshot(name: string): Promise<Record<string, string>> {
  const root = join(folder, name);
  const items = await readdir(root, { recursive: true, withFileTypes: true });
  const files = items.filter((item) => item.isFile()).map((item) => join(item.parentPath, item.name));
  const entries = await Promise.all(
    files.sort().map(async (path) => [path.slice(root.length + 1), await readFile(path, "base64")] as const),
  );
  return Object.fromEntries(entries);
}

describe("writeSyntheticDataset", () => {
  it("writes RCCNucSeg's layout and says that it is synthetic", async () => {
    expect(await writeSyntheticDataset(options("a"))).toEqual({ written: 4, skipped: 0 });
    expect(Object.keys(await snapshot("a"))).toEqual([
      "SYNTHETIC.json",
      "Test/Images/synthetic_test_0001.png",
      "Test/Labels/synthetic_test_0001.mat",
      "Train/Images/synthetic_train_0001.png",
      "Train/Images/synthetic_train_0002.png",
      "Train/Labels/synthetic_train_0001.mat",
      "Train/Labels/synthetic_train_0002.mat",
      "Valid/Images/synthetic_valid_0001.png",
      "Valid/Labels/synthetic_valid_0001.mat",
    ]);
    const { image } = await readImage(join(folder, "a/Train/Images/synthetic_train_0002.png"));
    expect([image.width, image.height]).toEqual([64, 64]);
    const labelPath = join(folder, "a/Train/Labels/synthetic_train_0002.mat");
    const variables = parseMat5(await readFile(labelPath), labelPath);
    expect([...variables.keys()]).toEqual(["instance_map", "class_map", "TCGA_file_name"]);
    expect(variables.get("TCGA_file_name")).toEqual({ kind: "char", rows: ["SYNTHETIC-train-0002"] });
    const instances = variables.get("instance_map");
    const classes = variables.get("class_map");
    if (instances?.kind !== "numeric" || classes?.kind !== "numeric") throw new Error("maps are missing");
    expect(instances.shape).toEqual([64, 64]);
    instances.data.forEach((id, i) => {
      expect(Number(classes.data[i]) > 0).toBe(Number(id) > 0);
    });
  });

  it("gives the same bytes again, and continues where it stopped", async () => {
    await writeSyntheticDataset(options("whole"));
    const whole = await snapshot("whole");
    const stop = new AbortController();
    const interrupted = writeSyntheticDataset(
      options("parts", { signal: stop.signal, onProgress: ({ done }) => done === 2 && stop.abort() }),
    );
    await expect(interrupted).rejects.toThrow(/finished results are kept/);
    expect(await writeSyntheticDataset(options("parts"))).toEqual({ written: 2, skipped: 2 });
    expect(await snapshot("parts")).toEqual(whole);
    expect(await writeSyntheticDataset(options("parts"))).toEqual({ written: 0, skipped: 4 });
  });

  it("adds patches without changing those that are there", async () => {
    await writeSyntheticDataset(options("small"));
    const small = await snapshot("small");
    expect(await writeSyntheticDataset(options("small", { train: 3 }))).toEqual({ written: 1, skipped: 4 });
    expect(await snapshot("small")).toMatchObject(small);
  });

  it("refuses a folder made with other options, and impossible counts", async () => {
    await writeSyntheticDataset(options("a", { train: 0, valid: 0 }));
    await expect(writeSyntheticDataset(options("a", { seed: 4 }))).rejects.toThrow(/made with other options/);
    await expect(writeSyntheticDataset(options("b", { test: -1 }))).rejects.toThrow(/test .* received -1/);
    await expect(writeSyntheticDataset(options("b", { size: 32 }))).rejects.toThrow(/width .* received 32/);
    await writeFile(join(folder, "file"), "");
    await expect(writeSyntheticDataset(options("file"))).rejects.toThrow(
      /file stands where a folder is needed/,
    );
  });
});
