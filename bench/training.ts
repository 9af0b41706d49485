/**
 * A training step of the full network (batch 1, 262², fp32, CPU) against the same step in PyTorch, in turns: forward,
 * losses, backward, Adam. What differs is the binding, the allocator, the exact reorderings and the optimiser.
 *
 *     node --import tsx/esm --conditions=source bench/training.ts [threads] [rounds] [rewrite]
 *
 * Needs the addon and Python with torch (`RENOGRADE_PYTHON` chooses it). Writes bench/results/training.md.
 *
 * @module
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RCC_CLASSES } from "@renograde/core";
import { encodeSafetensors } from "@renograde/formats";
import {
  createNetwork,
  declareParameters,
  initState,
  mergeClassIds,
  type Rewrite,
  trainingLoss,
} from "@renograde/nn";
import {
  Adam,
  backward,
  loadTorch,
  memoryStats,
  ParameterStore,
  setThreads,
  TorchBackend,
  tensor,
  tidy,
} from "@renograde/torch";
import {
  describeMachine,
  median,
  multiplyAddPeak,
  settle,
  spread,
  startPython,
  writeResult,
} from "./lib/machine.js";

const threads = Number(process.argv[2] ?? availableParallelism());
const rounds = Number(process.argv[3] ?? 5);
const rewrite = (process.argv[4] ?? "split") as Rewrite;
const network = createNetwork("chr-net", { rewrite });

interface Answer {
  readonly version: string;
  readonly seconds: number;
  readonly loss: number;
  readonly peakGiB: number;
}

/** Our side, in a process of its own so that its peak memory is its own. */
function serve(): void {
  setThreads(threads);
  const store = new ParameterStore(declareParameters(network), 1);
  const adam = new Adam(store.trained());
  const F = new TorchBackend(store, { training: true });
  const side = 256;
  const pixels = Float32Array.from({ length: 3 * 262 * 262 }, (_, i) =>
    Math.fround(Math.fround(i * Math.fround(0.6180339887498949)) % 1),
  );
  const ids = Uint8Array.from({ length: side * side }, (_, i) => Math.floor(i / 32) % 5);
  const [task1, task2] = RCC_CLASSES.tasks;
  const of = (values: Uint8Array) => tensor(values, [1, side, side]);
  const step = (): number =>
    tidy(() => {
      const targets = {
        binary: of(ids.map((v) => Math.min(1, v))),
        task1: of(mergeClassIds(ids, task1.merge)),
        task2: of(mergeClassIds(ids, task2.merge)),
        classes: of(ids),
        distance: tensor(new Float32Array(side * side).fill(0.3), [1, 1, side, side]),
      };
      const { total } = trainingLoss(F, network, network.train(F, tensor(pixels, [1, 3, 262, 262])), targets);
      backward(total);
      adam.step(1e-4);
      adam.zeroGrad();
      return total.item();
    });
  process.on("message", () => {
    const start = performance.now();
    const loss = step();
    const answer: Answer = {
      version: loadTorch().version,
      seconds: (performance.now() - start) / 1000,
      loss,
      peakGiB: process.resourceUsage().maxRSS / 2 ** 20,
    };
    process.send?.({ ...answer, tensorsGiB: memoryStats().peak / 2 ** 30 });
  });
  process.send?.("ready");
}

async function compare(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
  const state = initState(declareParameters(network), 1);
  writeFileSync(
    join(folder, "weights.safetensors"),
    encodeSafetensors(
      [...state].map(([name, t]) => [
        name,
        { dtype: "F32", shape: t.shape, data: Float32Array.from(t.data) },
      ]),
    ),
  );
  const env = { ...process.env, OMP_NUM_THREADS: `${threads}` };
  const child = fork(fileURLToPath(import.meta.url), [`${threads}`, `${rounds}`, rewrite, "serve"], {
    env,
    execArgv: process.execArgv,
  });
  const next = <Message>(): Promise<Message> =>
    new Promise((resolve) => child.once("message", (message) => resolve(message as Message)));
  await next();
  const peer = startPython("pytorch/network_peer.py", [join(folder, "weights.safetensors"), `${threads}`], {
    OMP_NUM_THREADS: `${threads}`,
  });
  const ours: (Answer & { tensorsGiB: number })[] = [];
  const theirs: Answer[] = [];
  for (let round = -1; round < rounds; round++) {
    const answered = next<Answer & { tensorsGiB: number }>();
    child.send("step");
    ours.push(await answered);
    await settle();
    theirs.push(await peer.ask<Answer>({ do: "train" }));
    await settle();
  }
  child.kill();
  peer.close();
  rmSync(folder, { recursive: true });
  const [warmOurs, ...a] = ours;
  const [warmTheirs, ...b] = theirs;
  const seconds = (answers: readonly Answer[]): number[] => answers.map((x) => x.seconds);
  const ratios = a.map((x, i) => b[i]!.seconds / x.seconds);
  writeResult(
    "training",
    `# Training step, CHR-Net at full width, fp32, batch 1, one 262 x 262 patch

${describeMachine()}; ${new Date().toISOString().slice(0, 10)}.
${threads} threads on both sides, ${rounds} rounds in turns after a warm-up, median (min – max). Same initial weights and input: first losses ${warmOurs!.loss.toFixed(5)} and
${warmTheirs!.loss.toFixed(5)}, last ${a.at(-1)!.loss.toFixed(4)} and ${b.at(-1)!.loss.toFixed(4)}. Peak of multiply-adds in the same run: ${multiplyAddPeak(threads).toFixed(1)} GMAC/s.

| | seconds | peak memory of the process |
| --- | --- | --- |
| PyTorch ${b[0]!.version} | ${spread(seconds(b), 2)} | ${b.at(-1)!.peakGiB.toFixed(2)} GiB |
| ours, libtorch ${a[0]!.version}, rewrite ${rewrite} | ${spread(seconds(a), 2)} | ${a.at(-1)!.peakGiB.toFixed(2)} GiB (tensors ${a.at(-1)!.tensorsGiB.toFixed(2)}) |
| ratio of pairs | ${spread(ratios, 2)} | ${(median(seconds(b)) / median(seconds(a))).toFixed(2)} of medians |

Reproduce: \`node --import tsx/esm --conditions=source bench/training.ts ${threads} ${rounds} ${rewrite}\`
`,
  );
}

if (process.argv[5] === "serve") serve();
else await compare();
