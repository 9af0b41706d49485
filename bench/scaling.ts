/**
 * Training with one and with two processes of one thread each, in turns: the same batch of two patches, computed one
 * after the other with batch statistics of each, or shared by two processes that sum their gradients. With two
 * processes once with sums that start during backward, and once with sums that start after it.
 *
 *     node --import tsx/esm --conditions=source bench/scaling.ts [width] [rounds]
 *
 * Needs the addon, built with c10d. Writes bench/results/scaling.md.
 *
 * @module
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { RCC_CLASSES } from "@renograde/core";
import { NOT_FROZEN } from "@renograde/nn";
import { loadTorch, ProcessGroup, readProcessPlace } from "@renograde/torch";
import { parseConfig } from "@renograde/training";
import { shareOf } from "../packages/training/src/distributed/share.js";
import { Team } from "../packages/training/src/distributed/team.js";
import { createEngine, type TrainingEngine } from "../packages/training/src/loop/engine.js";
import { batchClasses, createBatch, samplePlan } from "../packages/training/src/targets/batch.js";
import { describeMachine, median, settle, spread, writeResult } from "./lib/machine.js";

const width = Number(process.argv[2] ?? 0.5);
const rounds = Number(process.argv[3] ?? 8);
const BATCH = 2;

interface Answer {
  readonly seconds: number;
  readonly loss: number;
  readonly parameters: number;
  readonly version: string;
}

/** A team whose sums start when backward has ended. */
class LateTeam extends Team {
  override expectGradients(): void {}
}

/** One process: takes a step for every message, which says whether sums may start during backward. */
async function serve(): Promise<void> {
  const set = ["train.bnGroup=1", "train.threads=1", `net.width=${width}`];
  const config = parseConfig("", { set });
  const place = readProcessPlace(process.env);
  const group = place === null ? null : await ProcessGroup.connect({ place, timeoutMs: 60_000 });
  const { from, to } = shareOf(BATCH, place ?? { rank: 0, size: 1 });
  const create = (team: Team | null): TrainingEngine => createEngine(config, RCC_CLASSES, team);
  const engines = {
    overlapped: create(group && new Team(group)),
    late: group && create(new LateTeam(group)),
  };
  const batch = createBatch(to - from, samplePlan(engines.overlapped.network, config.data));
  const pixels = batch.images.length / (to - from);
  const classes = batchClasses(batch);
  const side = Math.sqrt(classes.length / (to - from));
  for (let i = 0; i < batch.images.length; i++) {
    batch.images[i] = ((i + from * pixels) * 2_654_435_761) >>> 24;
  }
  for (let i = 0; i < classes.length; i++) classes[i] = Math.floor((i % side) / 32) % 5;
  const state = engines.overlapped.state().network;
  const parameters = [...state.values()].reduce((sum, { data }) => sum + data.length, 0);
  let step = 0;
  process.on("message", (how: "overlapped" | "late") => {
    const engine = engines[how] ?? engines.overlapped;
    const start = performance.now();
    const losses = engine.step(batch, to - from, {
      lr: 1e-4,
      epoch: 1,
      step: step++,
      freeze: NOT_FROZEN,
      within: { first: from, count: BATCH },
    });
    process.send?.({
      seconds: (performance.now() - start) / 1000,
      loss: losses.total,
      parameters,
      version: loadTorch().version,
    });
  });
  process.send?.("ready");
}

function startServer(env: Readonly<Record<string, string>>): ChildProcess {
  return fork(fileURLToPath(import.meta.url), [`${width}`, `${rounds}`, "serve"], {
    env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
    execArgv: process.execArgv,
  });
}

/** A step of all given processes; the slowest counts. */
async function step(processes: readonly ChildProcess[], how: "overlapped" | "late"): Promise<Answer> {
  const answers = processes.map(async (child) => (await once(child, "message"))[0] as Answer);
  for (const child of processes) child.send(how);
  const all = await Promise.all(answers);
  return all.reduce((slowest, answer) => (answer.seconds > slowest.seconds ? answer : slowest));
}

async function compare(): Promise<void> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const one = [startServer({})];
  const two = [0, 1].map((rank) =>
    startServer({
      ...{ RANK: `${rank}`, WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: `${port}` },
    }),
  );
  await Promise.all([...one, ...two].map((child) => once(child, "message")));
  const results: Record<"one" | "overlapped" | "late", Answer[]> = { one: [], overlapped: [], late: [] };
  for (let round = -1; round < rounds; round++) {
    results.one.push(await step(one, "overlapped"));
    await settle();
    results.overlapped.push(await step(two, "overlapped"));
    await settle();
    results.late.push(await step(two, "late"));
    await settle();
  }
  for (const child of [...one, ...two]) child.kill();
  const first = results.one[0]!;
  const losses = [results.one, results.overlapped, results.late].map((answers) => answers.at(-1)!.loss);
  const warm = (answers: readonly Answer[]): number[] => answers.slice(1).map((answer) => answer.seconds);
  const rate = (answers: readonly Answer[]): string => (BATCH / median(warm(answers))).toFixed(3);
  const ratios = (answers: readonly Answer[]): string =>
    spread(
      warm(answers).map((seconds, i) => warm(results.one)[i]! / seconds),
      2,
    );
  const row = (name: string, answers: readonly Answer[]): string =>
    `| ${name} | ${spread(warm(answers), 2)} | ${rate(answers)} | ${ratios(answers)} |`;
  writeResult(
    "scaling",
    `# From one process to two, CHR-Net of width ${width}, batch ${BATCH}, 262 x 262 patches

${describeMachine()}; libtorch ${first.version}; ${new Date().toISOString().slice(0, 10)}.
One thread per process, Gloo on one machine, ${(first.parameters / 1e6).toFixed(1)} million numbers in the network. ${rounds} rounds in turns after a
warm-up, median (min – max). Load average at the end ${loadavg()[0]!.toFixed(1)}; beyond 2 other work takes part of the two processors. Losses after the last round: ${losses.map((loss) => loss.toFixed(5)).join(", ")}.

| | seconds per step | patches per second | faster than one process |
| --- | --- | --- | --- |
${row("one process", results.one)}
${row("two, sums during backward", results.overlapped)}
${row("two, sums after backward", results.late)}

Reproduce: \`node --import tsx/esm --conditions=source bench/scaling.ts ${width} ${rounds}\`
`,
  );
}

if (process.argv[4] === "serve") await serve();
else await compare();
