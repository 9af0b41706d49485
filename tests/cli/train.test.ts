/**
 * `renograde train` and `export`: from a dataset to a model that grades; refusals; interruption.
 *
 * @module
 */
import { readFile, stat, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { isTorchAvailable } from "@renograde/torch";
import { beforeAll, describe, expect, it } from "vitest";
import { describeCommand, writeDisks } from "./run.js";

/** A very narrow network on 22 px crops: a step takes some ten milliseconds. */
const TRAIN = [
  ...["train", "--data", "ds", "--set", "net.width=0.01", "--set", "data.window=40", "--set", "data.step=40"],
  ...[
    "--set",
    "data.crop=22",
    "--set",
    "aug.preset=flip",
    "--set",
    "train.batch=2",
    "--set",
    "train.threads=1",
  ],
];

describeCommand("train and export", ({ run, runBuilt, start, path, files }) => {
  beforeAll(async () => {
    await run(..."dataset synthesize --out ds --train 2 --valid 1 --test 0 --size 64 --seed 5".split(" "));
  });

  it.concurrent("lists every option", async () => {
    const { status, stdout } = await run("train", "--options");
    expect([status, stdout]).toEqual([0, expect.stringContaining("| `net.width` |")]);
  });

  it.concurrent("refuses wrong configurations, missing data and folders that are no run", async () => {
    await writeFile(path("wrong.yaml"), "train:\n  batch: none\n  colour: red\n");
    const [config, data, runFolder, noRun] = await Promise.all([
      run("train", "--data", "ds", "--run", "no", "--config", "wrong.yaml"),
      run("train", "--data", "missing", "--run", "no"),
      run("train", "--data", "ds", "--run", "wrong.yaml"),
      run("export", "ds", "--out", "no.onnx"),
    ]);
    expect([config.status, config.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^error: wrong\.yaml:2:\d+ {2}train\.batch: .*\nwrong\.yaml:3:\d+ {2}train\.colour: .*\n$/,
      ),
    ]);
    expect(data.status).toBe(1);
    expect(runFolder.status).toBe(1);
    expect([noRun.status, noRun.stderr]).toEqual([
      1,
      "error: ds: is no folder that renograde train wrote (it has no config.yaml)\n",
    ]);
    for (const { stderr } of [config, data, runFolder]) expect(stderr).not.toContain("    at ");
    await expect(stat(path("no"))).rejects.toThrow("ENOENT");
  });

  const torch = isTorchAvailable();
  describe.skipIf(!torch)(torch ? "with libtorch" : "with libtorch (skipped: the addon is not built)", () => {
    it.concurrent("trains, exports and grades with the model", async () => {
      const trained = await runBuilt(
        ...TRAIN,
        "--run",
        "run",
        "--set",
        "train.phases=[{epochs: 1}]",
        "--json",
      );
      expect([trained.status, trained.stderr]).toEqual([0, expect.stringContaining("epoch 1/1")]);
      expect(JSON.parse(trained.stdout)).toMatchObject({ runDir: "run", epochs: 1 });
      const exported = await runBuilt("export", "run", "--out", "own.onnx", "--json");
      expect(JSON.parse(exported.stdout)).toMatchObject({ path: "own.onnx", metadata: { window: 22 } });
      const weights = await run("export", "run", "--half", "--out", "own.safetensors");
      expect(weights.stdout).toContain("--set init.from=own.safetensors --set net.network=");
      const again = await run("export", "own.safetensors", "--out", "twice.safetensors");
      expect([again.status, again.stderr]).toEqual([
        2,
        expect.stringContaining("is a file of weights already"),
      ]);
      const missing = await run("export", "run", "--out", "no.onnx", "--checkpoint", "7");
      expect([missing.status, missing.stderr]).toEqual([
        1,
        expect.stringMatching(
          /^error: run: the run has no checkpoint "7"; choose another with --checkpoint \((best, )?last\)\n$/,
        ),
      ]);
      await writeDisks([path("in/a.png")], 40, 30);
      const graded = await run(
        "grade",
        "in/a.png",
        "--model",
        "own.onnx",
        "--out",
        "out",
        "--formats",
        "json",
      );
      expect(graded.status).toBe(0);
      expect(await files("out")).toEqual(["a.json"]);
    });

    it.concurrent("stops at SIGINT with status 130 and resumes", async () => {
      const set = ["--set", "net.network=shr", "--set", "train.phases=[{epochs: 4000}]"];
      const args = [...TRAIN, "--run", "long", ...set];
      const running = start(...args);
      const log = async () => await readFile(path("long/log.jsonl"), "utf8").catch(() => "");
      while (running.child.exitCode === null && !/"epoch":2/.test(await log())) await setTimeout(20);
      running.child.kill("SIGINT");
      const { status, stderr } = await running.finished;
      expect([status, stderr]).toEqual([
        130,
        expect.stringMatching(
          /\nerror: training stopped after step \d+ of 16000; the checkpoint is in long, resume with --resume\n$/,
        ),
      ]);
      expect((await files("long", true)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      const resumed = start("train", "--data", "ds", "--run", "long", "--resume");
      const lines: string[] = [];
      resumed.child.stderr?.on("data", (text: string) => {
        lines.push(text);
        if (text.includes("resuming at step")) resumed.child.kill("SIGINT");
      });
      expect((await resumed.finished).status).toBe(130);
      expect(lines.join("")).toMatch(/resuming at step [1-9]/);
    });
  });
});
