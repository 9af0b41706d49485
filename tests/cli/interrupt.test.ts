/**
 * Interruption of `renograde grade`: what is finished is kept, what is not leaves no file, the next run goes on.
 *
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { describeCommand, type Running, writeDisks } from "./run.js";

const IMAGES = 9;

describeCommand("interrupted grade", ({ path, run, start, files }) => {
  const args = (out: string, threads = 1): string[] => [
    ...["grade", "in", "--out", out, "--model", "tiny.onnx", "--threads", `${threads}`, "--mpp", "0.25"],
    ...["--formats", "json,mat,report"],
  ];
  beforeAll(async () => {
    const names = Array.from({ length: IMAGES }, (_, i) => path(`in/${String(i).padStart(2, "0")}.png`));
    await writeDisks(names, 400, 200);
  });

  /** Waits until two images are finished. */
  async function twoFinished(out: string, { child }: Running): Promise<void> {
    while (child.exitCode === null) {
      const journal = await readFile(path(out, ".renograde/journal.jsonl"), "utf8").catch(() => "");
      if (journal.split("\n").length > 2) return;
      await setTimeout(5);
    }
    throw new Error("the command ended before it could be interrupted");
  }

  /** Checks that every file is whole, runs again, and checks that the finished images were left alone. */
  async function goesOn(out: string): Promise<void> {
    const left = await files(out);
    for (const name of left) {
      if (name.endsWith(".json")) JSON.parse(await readFile(path(out, name), "utf8"));
    }
    expect(left).not.toContain("report.html");
    const times = async (): Promise<Map<string, number>> =>
      new Map(
        await Promise.all(left.map(async (name) => [name, (await stat(path(out, name))).mtimeMs] as const)),
      );
    const before = await times();
    const again = await run(...args(out), "--json");
    expect(again.status).toBe(0);
    const { images } = JSON.parse(again.stdout) as { images: { stem: string; resumed: boolean }[] };
    const resumed = images.filter((image) => image.resumed).map((image) => image.stem);
    expect(images).toHaveLength(IMAGES);
    expect(resumed.length).toBeGreaterThanOrEqual(2);
    expect(resumed.length).toBeLessThan(IMAGES);
    const after = await times();
    for (const stem of resumed) {
      for (const name of [`${stem}.json`, `${stem}.mat`]) expect(after.get(name)).toBe(before.get(name));
    }
    expect(await files(out)).toContain("report.html");
    expect(again.stderr).toContain(`${IMAGES} of ${IMAGES} images, ${resumed.length} finished before`);
  }

  // Two threads are two workers.
  it.concurrent.each([1, 2])(
    "stops at SIGINT with status 130, keeps what is finished, and goes on: threads %i",
    async (threads) => {
      const out = `int-${threads}`;
      const running = start(...args(out, threads));
      await twoFinished(out, running);
      running.child.kill("SIGINT");
      const { status, stdout, stderr } = await running.finished;
      expect([status, stdout]).toEqual([130, ""]);
      expect(stderr).toMatch(
        /stopping; finished results are kept.*\nerror: interrupted; finished results are kept\n$/,
      );
      expect((await files(out, true)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      await goesOn(out);
    },
  );

  it.concurrent("goes on after kill -9", async () => {
    const running = start(...args("kill"));
    await twoFinished("kill", running);
    running.child.kill("SIGKILL");
    expect((await running.finished).status).toBe("SIGKILL");
    await goesOn("kill");
  });

  it.concurrent("ends at once at the second SIGINT", async () => {
    const running = start(...args("twice", 2));
    await twoFinished("twice", running);
    running.child.kill("SIGINT");
    await setTimeout(1);
    running.child.kill("SIGINT");
    expect((await running.finished).status).toBe(130);
  });
});
