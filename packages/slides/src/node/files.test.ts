import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LabelMap, RenogradeError } from "@renograde/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  copyFileAtomic,
  makeFolder,
  readFileBytes,
  toFileAccessError,
  writeChunksAtomic,
  writeFileAtomic,
} from "./files.js";
import { readLabelPng, writeLabelPng } from "./label-png.js";
import { listInputs } from "./list-inputs.js";

const FIXTURES = fileURLToPath(new URL("../../../../fixtures/plain-images/", import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-files-"));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

async function failure(promise: Promise<unknown>): Promise<RenogradeError> {
  const error = await promise.then(
    () => expect.unreachable("expected a rejection"),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(RenogradeError);
  return error as RenogradeError;
}

describe("writeFileAtomic", () => {
  it("makes folders, replaces files and leaves nothing else", async () => {
    const path = join(folder, "a/b/file.txt");
    await writeFileAtomic(path, "one");
    await writeFileAtomic(path, "two");
    expect(await readFile(path, "utf8")).toBe("two");
    expect(await readdir(join(folder, "a/b"))).toEqual(["file.txt"]);
  });

  it("removes what killed processes left, and nothing of running ones", async () => {
    await writeFileAtomic(join(folder, "first/x"), "x");
    const written = (await failure(writeFileAtomic(join(folder, "first"), "x"))).cause;
    const name = /\.[0-9a-f]{8}-\d+-[0-9a-f]{16}\.tmp/.exec(String(written))?.[0] ?? "";
    const dead = spawnSync(process.execPath, ["--version"]).pid;
    const of = (pid: number): string => name.replace(`-${process.pid}-`, `-${pid}-`);
    await mkdir(join(folder, "second"));
    const others = [of(process.ppid), of(dead).replace(/^\.[0-9a-f]{8}/, ".00000000"), ".mine.tmp"];
    for (const file of [of(dead), ...others]) await writeFile(join(folder, "second", file), "");
    await writeFileAtomic(join(folder, "second/y"), "y");
    expect((await readdir(join(folder, "second"))).sort()).toEqual([...others, "y"].sort());
  });

  it("writes chunks and copies in the same way", async () => {
    const path = join(folder, "a/chunks.bin");
    await writeChunksAtomic(path, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    await copyFileAtomic(path, join(folder, "b/copy.bin"));
    expect([...(await readFileBytes(join(folder, "b/copy.bin")))]).toEqual([1, 2, 3]);
    function* failing(): Generator<Uint8Array> {
      yield Uint8Array.of(9);
      throw new Error("no more");
    }
    await failure(writeChunksAtomic(path, failing()));
    await failure(copyFileAtomic(join(folder, "nothing"), path));
    expect([...(await readFileBytes(path))]).toEqual([1, 2, 3]);
    expect(await readdir(join(folder, "a"))).toEqual(["chunks.bin"]);
  });

  it("removes its temporary file when the last step fails", async () => {
    await mkdir(join(folder, "taken/inside"), { recursive: true });
    expect((await failure(writeFileAtomic(join(folder, "taken"), "x"))).tag).toBe("FileAccessError");
    expect(await readdir(folder)).toEqual(["taken"]);
    await writeFile(join(folder, "plain"), "");
    const error = await failure(writeFileAtomic(join(folder, "plain/x"), "x"));
    expect(error.message).toContain("a file stands where a folder is needed");
  });

  it("writes the longest names a file system has, and refuses longer ones", async () => {
    await writeFileAtomic(join(folder, "n".repeat(255)), "x");
    const error = await failure(writeFileAtomic(join(folder, "n".repeat(256)), "x"));
    expect(error.message).toMatch(/: the name is too long; choose a shorter one$/);
    expect(await readdir(folder)).toEqual(["n".repeat(255)]);
  });

  it("says what a full disk and a missing file are", async () => {
    const full = toFileAccessError("out/x.mat", Object.assign(new Error("write"), { code: "ENOSPC" }));
    expect(full.message).toMatch(/^out\/x\.mat: the disk is full/);
    expect((await failure(readFileBytes(join(folder, "none")))).message).toContain("no such file");
  });
});

describe("makeFolder", () => {
  it("makes what is missing and takes what is there", async () => {
    await makeFolder(join(folder, "a/b/c"));
    await makeFolder(join(folder, "a/b/c"));
    expect(await readdir(join(folder, "a/b"))).toEqual(["c"]);
  });

  it("says what stands in the way", async () => {
    await writeFile(join(folder, "file"), "");
    for (const path of ["file", "file/x", "file/x/y"]) {
      const error = await failure(makeFolder(join(folder, path)));
      expect(error.message).toBe(
        `${join(folder, path)}: a file stands where a folder is needed; choose another folder`,
      );
    }
  });

  it.skipIf(process.platform !== "linux")(
    "ends where no folder can be made, unlike Node's mkdir",
    async () => {
      const error = await failure(makeFolder("/proc/renograde/results"));
      expect(error.message).toBe(
        "/proc/renograde/results: no folder can be made here; choose another folder",
      );
    },
  );
});

describe("label PNG", () => {
  it("keeps every 16-bit number exactly", async () => {
    const labels: LabelMap = {
      width: 256,
      height: 256,
      data: Int32Array.from({ length: 65536 }, (_, i) => i),
    };
    const path = join(folder, "labels.png");
    await writeLabelPng(path, labels);
    expect(await readLabelPng(path)).toEqual(labels);
  });

  it("reads 16-bit, 8-bit and 1-bit maps of other software", async () => {
    const wide = await readLabelPng(join(FIXTURES, "labels16.png"));
    expect([wide.width, wide.height]).toEqual([40, 30]);
    expect(wide.data.every((v, i) => v === i * 54)).toBe(true);
    const narrow = await readLabelPng(join(FIXTURES, "labels8.png"));
    expect(narrow.data.every((v, i) => v === (i % 40) % 7)).toBe(true);
    const bit = await readLabelPng(join(FIXTURES, "bit.png"));
    expect(bit.data.every((v, i) => v === (i % 40 < 20 ? 1 : 0))).toBe(true);
  });

  it("refuses colours, other kinds, and numbers that do not fit", async () => {
    expect((await failure(readLabelPng(join(FIXTURES, "rgb.png")))).message).toContain("colour");
    expect((await failure(readLabelPng(join(FIXTURES, "palette.png")))).message).toContain("palette");
    expect((await failure(readLabelPng(join(FIXTURES, "rgb.tif")))).message).toContain("not a PNG");
    for (const value of [-1, 65536]) {
      const labels: LabelMap = { width: 1, height: 1, data: Int32Array.of(value) };
      expect((await failure(writeLabelPng(join(folder, "x.png"), labels))).tag).toBe("DataError");
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("listInputs", () => {
  const touch = async (...paths: string[]): Promise<void> => {
    for (const path of paths) await writeFileAtomic(join(folder, path), "");
  };

  it("keeps the structure below a named folder, in a fixed order, without hidden files", async () => {
    await touch(
      "in/b.PNG",
      "in/a/x.tif",
      "in/a/note.txt",
      "in/.hidden.png",
      "in/.git/y.png",
      "single.v1.jpg",
    );
    await symlink(join(folder, "in"), join(folder, "in/a/loop"));
    const found = await listInputs([join(folder, "in"), join(folder, "single.v1.jpg")]);
    expect(found.map((f) => f.stem)).toEqual(["a/x", "b", "single.v1"]);
    expect(found[0]!.path).toBe(join(folder, "in/a/x.tif"));
  });

  it("tells of images of other formats in a folder, and of nothing else that is left out", async () => {
    await touch("in/b.png", "in/a/slide.SVS", "in/c.bmp", "in/note.txt", "in/.d.webp");
    const leftOut: (readonly string[])[] = [];
    const found = await listInputs([join(folder, "in")], { onLeftOut: (_, paths) => leftOut.push(paths) });
    expect(found.map((f) => f.stem)).toEqual(["b"]);
    expect(leftOut).toEqual([["in/a/slide.SVS", "in/c.bmp"].map((name) => join(folder, name))]);
  });

  it("refuses two inputs of one name before anything runs", async () => {
    await touch("p/x.png", "q/x.png", "r/y.png", "r/y.jpg");
    const both = await failure(listInputs([join(folder, "p"), join(folder, "q")]));
    expect(both.tag).toBe("UsageError");
    expect(both.message).toContain(join(folder, "p/x.png"));
    expect(both.message).toContain(join(folder, "q/x.png"));
    expect((await failure(listInputs([join(folder, "r")]))).tag).toBe("UsageError");
    const twice = await failure(listInputs([join(folder, "p/x.png"), join(folder, "p")]));
    expect(twice.message).toContain("named twice");
  });

  it("does not take outputs for inputs", async () => {
    await touch("in/x.png", "in/out/x.overlay.png");
    const found = await listInputs([join(folder, "in")], { outDir: join(folder, "in/out") });
    expect(found.map((f) => f.stem)).toEqual(["x"]);
    const same = await failure(listInputs([join(folder, "in")], { outDir: join(folder, "in") }));
    expect(same.message).toContain("input folder itself");
  });

  it("says what is missing or empty", async () => {
    expect((await failure(listInputs([]))).tag).toBe("UsageError");
    expect((await failure(listInputs([join(folder, "none")]))).tag).toBe("FileAccessError");
    await mkdir(join(folder, "empty"));
    expect((await failure(listInputs([join(folder, "empty")]))).message).toContain(".png");
  });

  it("refuses pipes and devices, which could be read without end", async () => {
    const error = await failure(listInputs(["/dev/zero"]));
    expect(error.message).toBe("/dev/zero: is a device or a pipe; name a file or a folder");
  });

  it.skipIf(process.platform !== "linux")("does not pass over names that are no UTF-8", async () => {
    await writeFile(
      Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9]), Buffer.from(".png")]),
      "",
    );
    const error = await failure(listInputs([folder]));
    expect(error.message).toMatch(/caf\ufffd\.png: the name of this file is not UTF-8; rename it$/);
  });
});
