/**
 * `renograde reproduce`: both runs of two rows on synthetic patches, resumed, refused.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { parseCsv } from "@renograde/formats";
import { isTorchAvailable } from "@renograde/torch";
import { beforeAll, describe, expect, it } from "vitest";
import { lockRun } from "../../packages/training/src/loop/run-lock.js";
import { describeCommand } from "./run.js";

/** Very narrow networks on 22 px crops. */
const SETTINGS = [
  ...["--width", "0.01", "--epochs", "1", "--set", "data.window=40", "--set", "data.step=40"],
  ...[
    "--set",
    "data.crop=22",
    "--set",
    "aug.preset=none",
    "--set",
    "train.batch=2",
    "--set",
    "train.threads=1",
  ],
  ...["--set", "train.phases=[{}]", "--set", "train.workers=0"],
];
const TABLE = ["reproduce", "table2", "--data", "ds", "--out", "tables", ...SETTINGS];

describeCommand("reproduce", ({ run, path, files }) => {
  beforeAll(async () => {
    await run(..."dataset synthesize --out ds --train 1 --valid 1 --test 1 --size 64 --seed 5".split(" "));
  });

  it("says what it needs", async () => {
    const [table, data, rows] = await Promise.all([
      run("reproduce", "table3", "--out", "t"),
      run("reproduce", "table1", "--out", "t"),
      run("reproduce", "table2", "--data", "ds", "--out", "t", "--rows", "u-net"),
    ]);
    expect([table.status, data.status, rows.status]).toEqual([2, 2, 2]);
    expect(data.stderr).toContain("reproduce needs --data DIR");
    expect(rows.stderr).toContain(
      "expected networks of table2 (shr, mhr, mhr-udist, chr-net), received u-net",
    );
  });

  const torch = isTorchAvailable();
  describe.skipIf(!torch)(torch ? "with libtorch" : "with libtorch (skipped: the addon is not built)", () => {
    const readRows = async () =>
      parseCsv(new Uint8Array(await readFile(path("tables", "table2.csv")))).slice(1);
    const readPage = () => readFile(path("tables", "table2.html"), "utf8");

    it("trains and measures every seed, and writes the table three times", async () => {
      const { status, stdout, stderr } = await run(...TABLE, "--rows", "chr-net", "--seeds", "2");
      expect([status, stderr]).toEqual([0, expect.stringContaining("run 2 of 2: MHR+WDist, seed 2")]);
      expect(stdout).toContain("Synthetic sections: not comparable with the published figures.");
      const made = await files("tables");
      expect(made).toEqual(
        expect.arrayContaining(["table2.csv", "table2.html", "table2.md", "runs/chr-net/seed-2/result.json"]),
      );
      const rows = await readRows();
      const apq = rows.filter((row) => row[2] === "pq_2");
      expect(apq.map((row) => [row[1], row[3], row[4], row[8]])).toEqual([
        ["chr-net", "0.4027", "0.3927", "2"],
      ]);
      for (const [, , , , , ours, low, high] of rows) {
        expect(Number(low)).toBeLessThanOrEqual(Number(ours));
        expect(Number(high)).toBeGreaterThanOrEqual(Number(ours));
      }
      const html = await readPage();
      expect(html).toContain("Research use only");
      expect(html).not.toMatch(/(src|href)="(?!data:)/);
      // One test image: the annotation and one row.
      expect(html.match(/<img /g)).toHaveLength(2);
    });

    it("repeats nothing that is finished, and trains what is missing", async () => {
      const { status, stderr } = await run(...TABLE, "--rows", "shr,chr-net", "--seeds", "1");
      expect(status).toBe(0);
      expect(stderr).toMatch(/run 1 of 2: SHR, seed 1\n/);
      expect(stderr).toContain("run 2 of 2: MHR+WDist, seed 1, finished before");
      const apq = (await readRows()).filter((row) => row[2] === "pq_2");
      expect(apq.map((row) => [row[1], row[3], row[4], row[8]])).toEqual([
        ["shr", "0.3827", "", "1"],
        ["chr-net", "0.4027", "0.3927", "1"],
      ]);
      expect((await readPage()).match(/<img /g)).toHaveLength(3);
    });

    it("leaves a run that another process is at, and has it once that has ended", async () => {
      const release = await lockRun(path("tables", "runs", "mhr", "seed-1", "run"));
      const command = [...TABLE, "--rows", "mhr,chr-net"];
      const first = await run(...command);
      expect([first.status, first.stderr]).toEqual([
        0,
        expect.stringContaining(`MHR, seed 1: process ${process.pid} is at it, left for later`),
      ]);
      expect(first.stdout).toContain("not finished, another process is at it: MHR, seed 1");
      expect((await readRows()).filter((row) => row[2] === "pq").map((row) => row[8])).toEqual(["0", "1"]);
      await release();
      const second = await run(...command);
      expect([second.status, second.stdout]).toEqual([0, expect.not.stringContaining("another process")]);
      expect((await readRows()).filter((row) => row[2] === "pq").map((row) => row[8])).toEqual(["1", "1"]);
    });

    it("does not mix two protocols in one folder", async () => {
      const { status, stderr } = await run(...TABLE, "--set", "loss.dice=true");
      expect([status, stderr]).toEqual([
        2,
        expect.stringContaining("is of another configuration or other data; choose another --out"),
      ]);
    });
  });
});
