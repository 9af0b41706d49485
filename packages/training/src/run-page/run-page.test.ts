import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@renograde/core";
import { parseTfEvents, type TfEvent } from "@renograde/formats";
import { writeLabelPng, writePng } from "@renograde/slides/node";
import { isTorchAvailable } from "@renograde/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import { runPaths } from "../loop/run-folder.js";
import { readLog } from "../loop/run-log.js";
import { type TrainOptions, train } from "../loop/train.js";
import { listEventFiles } from "./event-file.js";

/** A very narrow network on 22 px crops; two phases, PQ measured in the second epoch of each. */
const SMALL = [
  "net.network=shr",
  "net.width=0.01",
  "data.window=24",
  "data.step=16",
  "data.crop=22",
  "aug.preset=flip",
  "train.batch=2",
  "train.threads=1",
  "train.workers=0",
  "train.logEvery=1",
  "train.saveEvery=3",
  "train.evalPq=2",
  "post.h=0",
  "post.minArea=0",
  "train.phases=[{epochs: 1, lr: 0.003}, {epochs: 1, lr: 0.001}]",
];

let root = "";
let data = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-run-page-"));
  data = join(root, "kidney & co");
  const side = 32;
  for (const folder of ["images", "labels"]) await mkdir(join(data, folder), { recursive: true });
  for (let n = 0; n < 4; n++) {
    const random = createRandom("run-page-test", n);
    const rgb = new Uint8Array(side * side * 3);
    const labels = new Int32Array(side * side);
    for (let p = 0; p < labels.length; p++) {
      const [x, y] = [p % side, Math.floor(p / side)];
      labels[p] = Math.hypot(x - 9, y - 12) < 5 ? 1 : Math.hypot(x - 22, y - 20) < 4 ? 2 : 0;
      rgb.fill((labels[p] === 0 ? 220 : 90) + random.int(-10, 10), 3 * p, 3 * p + 3);
    }
    await writePng(join(data, "images", `n${n}.png`), { width: side, height: side, data: rgb });
    await writeLabelPng(join(data, "labels", `n${n}.png`), { width: side, height: side, data: labels });
  }
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

function run(name: string, set: readonly string[] = [], options: Partial<TrainOptions> = {}) {
  const config = parseConfig("", { set: [...SMALL, ...set] });
  return train({ config, dataDir: data, runDir: join(root, name), ...options });
}

const pageOf = (name: string) => readFile(runPaths(join(root, name)).page, "utf8");

async function eventsOf(name: string): Promise<TfEvent[][]> {
  const files = (await listEventFiles(join(root, name))).map((file) => join(root, name, file));
  return Promise.all(files.map(async (file) => parseTfEvents(new Uint8Array(await readFile(file)), file)));
}

/** The scalars a reader sees: what a later session took back is gone. */
function scalarsOf(sessions: readonly (readonly TfEvent[])[]): Map<string, [step: number, value: number][]> {
  const seen = new Map<string, [number, number][]>();
  for (const { step, content } of sessions.flat()) {
    if (content.kind === "start") {
      for (const [tag, points] of seen)
        seen.set(
          tag,
          points.filter(([at]) => at < step),
        );
    }
    if (content.kind !== "values") continue;
    for (const value of content.values) {
      if ("scalar" in value) seen.set(value.tag, [...(seen.get(value.tag) ?? []), [step, value.scalar]]);
    }
  }
  return seen;
}

/** Every tag that opens is closed, in order. */
function expectWellFormed(html: string): void {
  const open: string[] = [];
  for (const [, close, name, rest] of html
    .replace(/<!--[\s\S]*?-->/g, "")
    .matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/g)) {
    if (close === "/") expect(open.pop()).toBe(name);
    else if (!/^(meta|img)$/.test(name!) && !rest!.endsWith("/")) open.push(name!);
  }
  expect(open).toEqual([]);
}

describe.skipIf(!isTorchAvailable())("what a run shows (libtorch addon built)", () => {
  it("is one page from disk, and an event file", async () => {
    const states: string[] = [];
    await run("straight", [], {
      onProgress: ({ kind }) => {
        // The page as it stands when the second epoch begins and ends.
        if (kind === "epoch") states.push(kind);
      },
    });
    expect(states.length).toBe(2);
    const html = await pageOf("straight");
    expectWellFormed(html);
    // Nothing from elsewhere, nothing that runs, and finished pages stand still.
    expect(/https?:|<script|<link|@import|url\(|http-equiv/.exec(html)).toBeNull();
    const sources = [...html.matchAll(/(?:src|href)="([^"]{0,30})/g)].map(([, source]) => source);
    expect(sources.length).toBe(8);
    expect(sources.every((source) => source!.startsWith("data:image/jpeg;base64,"))).toBe(true);
    const expected = [
      "Finished: 2 epochs, 8 steps; best epoch 2, Dice, all nuclei",
      "Research use only",
      "kidney &amp; co",
      "best: epoch 2",
      "phase 2",
      "Validation patches, epoch 2",
      "The worst patches, by PQ",
      ".png (window at row ",
      "width: 0.01",
    ];
    expect(expected.filter((text) => !html.includes(text))).toEqual([]);
    expect(html.includes(root)).toBe(false);

    const [events] = await eventsOf("straight");
    expect(events![0]!.content).toEqual({ kind: "version", version: "brain.Event:2" });
    const scalars = scalarsOf([events!]);
    const log = await readLog(runPaths(join(root, "straight")).log);
    const totals = log
      .filter(({ kind }) => kind === "steps")
      .map(({ losses }) => (losses as { total: number }).total);
    expect(scalars.get("loss/total")).toEqual(totals.map((total, i) => [i + 1, Math.fround(total)]));
    expect([...scalars.keys()]).toEqual(
      expect.arrayContaining([
        "loss/mcf",
        "lr",
        "time/step_ms",
        "time/wait_share",
        "epoch/loss",
        "valid/dice",
        "valid/pq",
      ]),
    );
    expect(scalars.get("valid/dice")!.map(([step]) => step)).toEqual([4, 8]);
    expect(scalars.get("valid/pq")!.map(([step]) => step)).toEqual([8]);
    const images = events!.flatMap(({ content }) =>
      content.kind === "values" ? content.values.filter((value) => "image" in value) : [],
    );
    expect(images.map(({ tag }) => tag)).toEqual([1, 2, 3, 4, 1, 2, 3, 4].map((i) => `patch/${i}`));
  });

  it("tells nothing twice after a kill, and its curves go on", async () => {
    let running = "";
    const killed = run("killed", [], {
      onProgress: (event) => {
        if (event.kind === "step" && event.step === 8) throw new Error("killed");
      },
    });
    await expect(killed).rejects.toThrow("killed");
    const broken = await pageOf("killed");
    expect(broken).toContain("Ended by an error: epoch 2 of 2, step 8 of 8");
    // The last checkpoint is that of step 6; step 7 was already told.
    await run("killed", [], {
      resume: true,
      onProgress: (event) => {
        if (event.kind === "start") expect(event.step).toBe(6);
      },
    });
    running = await pageOf("killed");
    expect(running).toContain("Finished");
    const sessions = await eventsOf("killed");
    expect(sessions.length).toBe(2);
    expect(
      scalarsOf(sessions.slice(0, 1))
        .get("loss/total")!
        .map(([step]) => step),
    ).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(sessions[1]![1]).toMatchObject({ step: 7, content: { kind: "start" } });
    const [resumed, straight] = [scalarsOf(sessions), scalarsOf(await eventsOf("straight"))];
    for (const tag of ["loss/total", "loss/mcf", "lr", "epoch/loss", "valid/dice"]) {
      expect(resumed.get(tag)).toEqual(straight.get(tag));
    }
    const curve = (html: string) => /class="line" stroke="var\(--text\)" d="([^"]+)"/.exec(html)?.[1];
    expect(curve(running)).toBe(curve(await pageOf("straight")));
    expect(curve(running)).toMatch(/^M.*(L.*){7}$/);
  });

  it("reloads itself while the run goes on, keeps the pictures of an earlier session, and says how it stopped", async () => {
    const controller = new AbortController();
    const stopped = run("stopped", [`init.from=${join(root, "straight")}`], {
      signal: controller.signal,
      onProgress: (event) => {
        if (event.kind === "epoch" && event.epoch === 1) controller.abort();
      },
    });
    await expect(stopped).rejects.toThrow(/training stopped/);
    const page = await pageOf("stopped");
    expect(page).toContain("Stopped: epoch 1 of 2, step 4 of 8; goes on with --resume");
    expect(page).toContain("Validation patches, epoch 1");
    expect(page).toContain("The worst patches, by Dice of all nuclei");
    expect(page).toMatch(
      /init\.from best\.safetensors \(Renograde&#39;s own naming\); (\d+) of \1 tensors; SHA-256 [0-9a-f]{64}</,
    );
    expect(page).not.toContain("http-equiv");
    let during: Promise<string> | undefined;
    await run("stopped", [`init.from=${join(root, "straight")}`], {
      resume: true,
      onProgress: (event) => {
        if (event.kind === "step" && event.step === 5) during = pageOf("stopped");
      },
    });
    expect(await during).toContain('<meta http-equiv="refresh" content="30">');
    expect(await during).toContain("Running: epoch");
    expect(await during).toContain("Validation patches, epoch 1");
  });

  it("leaves out what is not wanted, and goes on when the page cannot be written", async () => {
    const short = "train.phases=[{epochs: 1, lr: 0.003}]";
    await run("quiet", [short, "train.page=false", "train.tensorboard=false"]);
    await expect(pageOf("quiet")).rejects.toThrow();
    expect(await listEventFiles(join(root, "quiet"))).toEqual([]);

    const warnings: string[] = [];
    // A folder with something in it stands where the page should be.
    await mkdir(join(root, "blocked", "run.html"), { recursive: true });
    await writeFile(join(root, "blocked", "run.html", "file"), "");
    const result = await run("blocked", [short], {
      onProgress: (event) => {
        if (event.kind === "warning") warnings.push(event.message);
      },
    });
    expect(result.epochs).toBe(1);
    expect(warnings.filter((w) => w.includes("goes on without"))).toHaveLength(1);
  });
});
