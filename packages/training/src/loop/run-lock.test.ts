import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockRun } from "./run-lock.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-lock-"));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});
const lockOf = (folder: string) => join(folder, "run.lock");

describe("lockRun", () => {
  it("lets one at a time into a folder, which it makes, and the next one after it", async () => {
    const folder = join(root, "runs", "a");
    const release = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toMatchObject({
      tag: "UsageError",
      message: `${folder}: process ${process.pid} is training there; wait until it has ended, or name another run folder`,
    });
    await (await lockRun(join(root, "runs", "b")))();
    await release();
    expect(existsSync(lockOf(folder))).toBe(false);
    await (await lockRun(folder))();
  });

  it("takes over from a process that has ended, from another one of its number, and from a cut-off file", async () => {
    const { pid: ended } = spawnSync(process.execPath, ["-e", ""]);
    const release = await lockRun(root);
    const self = JSON.parse(await readFile(lockOf(root), "utf8")) as object;
    await release();
    const others = [
      { ...self, pid: ended },
      { ...self, started: "1" },
      { ...self, host: "elsewhere" },
    ];
    for (const text of [...others.map((other) => JSON.stringify(other)), '{"ho']) {
      await writeFile(lockOf(root), text);
      await (await lockRun(root))();
    }
  });
});
