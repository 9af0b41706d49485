/**
 * A training step at equal precision on a GPU against the same step in PyTorch eager, in turns, and the share of the
 * device's matrix peak measured in the same run.
 *
 *     node --import tsx/esm --conditions=source bench/training-gpu.ts [precision] [batch] [rounds] [device] [width]
 *
 * Precision is fp32, tf32 or bf16. `cpu 0.125` as device and width proves the program without a GPU. Needs the addon built
 * against a CUDA libtorch and Python with the same. Writes bench/results/training-<device>-<precision>.md.
 *
 * @module
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "@renograde/formats";
import { createNetwork, declareParameters, initState, mergeClassIds, summarize } from "@renograde/nn";
import {
  Adam,
  backward,
  type Device,
  loadTorch,
  op,
  ParameterStore,
  setAlgorithms,
  TorchBackend,
  tidy,
  upload,
} from "@renograde/torch";
import { describeMachine, median, spread, startPython, writeResult } from "./lib/machine.js";

const [precision = "bf16", batchText = "8", roundsText = "7", device = "cuda", widthText = "1", role] =
  process.argv.slice(2);
const [batch, rounds, width] = [Number(batchText), Number(roundsText), Number(widthText)];
const network = createNetwork("chr-net", { width });
const SIDE = 256;
/** Steps per measurement, so that starting and waiting for the device weigh little. */
const STEPS = device === "cpu" ? 1 : 10;

interface Answer {
  readonly version: string;
  /** Of one step. */
  readonly seconds: number;
  readonly loss: number;
  /** Multiply-adds per second of a large matrix product. */
  readonly matrixPeak: number;
}

/** Our side, in a process of its own. */
function serve(): void {
  const onGpu = device !== "cpu";
  loadTorch();
  if (onGpu) setAlgorithms({ tf32: precision !== "fp32" });
  const at = device as Device;
  const compute = precision === "bf16" ? "bfloat16" : undefined;
  const store = new ParameterStore(declareParameters(network), 1, { device: at, channelsLast: onGpu });
  const adam = new Adam(store.trained(), { fused: onGpu });
  const F = new TorchBackend(store, { training: true, compute });
  const pixels = Uint8Array.from({ length: batch * 3 * 262 * 262 }, (_, i) => (i * 40503) % 251);
  const ids = Uint8Array.from({ length: batch * SIDE * SIDE }, (_, i) => Math.floor(i / 32) % 5);
  const distances = new Float32Array(batch * SIDE * SIDE).fill(0.3);
  const [task1, task2] = network.options.classes.tasks;
  const maps = (values: Uint8Array) => upload(values, [batch, SIDE, SIDE], at);
  const memory = onGpu ? { memory_format: "channels_last" } : {};
  const step = (): number =>
    tidy(() => {
      const bytes = upload(pixels, [batch, 3, 262, 262], at);
      const image = op("div.Tensor", [op("to.dtype", [bytes, "float32"], memory), 255]);
      const { total } = network.loss(F, image, {
        binary: maps(ids.map((id) => Math.min(1, id))),
        task1: maps(mergeClassIds(ids, task1.merge)),
        task2: maps(mergeClassIds(ids, task2.merge)),
        classes: maps(ids),
        distance: upload(distances, [batch, 1, SIDE, SIDE], at),
      });
      backward(total);
      const loss = total.item() as number;
      adam.step(1e-4);
      adam.zeroGrad();
      return loss;
    });
  /** Multiply-adds per second of a product of two square matrices at this precision, best of five. */
  const matrixPeak = (): number =>
    tidy(() => {
      const n = onGpu ? 8192 : 1024;
      const dtype = compute ?? "float32";
      const a = op("randn", [[n, n]], { dtype, device: at });
      let best = Infinity;
      for (let i = 0; i < 6; i++) {
        const start = performance.now();
        const product = op("mm", [a, a]);
        op("sum", [op("to.dtype", [op("slice.Tensor", [product, 0, 0, 1]), "float32"])]).item();
        if (i > 0) best = Math.min(best, performance.now() - start);
      }
      return n ** 3 / (best / 1000);
    });
  process.on("message", () => {
    const start = performance.now();
    let loss = 0;
    for (let i = 0; i < STEPS; i++) loss = step();
    const seconds = (performance.now() - start) / 1000 / STEPS;
    process.send?.({ version: loadTorch().version, seconds, loss, matrixPeak: matrixPeak() });
  });
  process.send?.("ready");
}

async function compare(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
  const path = join(folder, "weights.safetensors");
  const state = initState(declareParameters(network), 1);
  writeFileSync(
    path,
    encodeSafetensors(
      [...state].map(([name, t]) => [
        name,
        { dtype: "F32", shape: t.shape, data: Float32Array.from(t.data) },
      ]),
    ),
  );
  const args = [precision, `${batch}`, `${rounds}`, device, `${width}`, "serve"];
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: process.execArgv });
  const next = <Message>(): Promise<Message> =>
    new Promise((resolve) => child.once("message", (message) => resolve(message as Message)));
  await next();
  const peer = startPython("pytorch/training_peer.py", [
    path,
    precision,
    `${batch}`,
    device,
    `${width}`,
    `${STEPS}`,
  ]);
  const ours: Answer[] = [];
  const theirs: Omit<Answer, "matrixPeak">[] = [];
  for (let round = -1; round < rounds; round++) {
    const answered = next<Answer>();
    child.send("step");
    ours.push(await answered);
    theirs.push(await peer.ask({ do: "train" }));
  }
  child.kill();
  peer.close();
  rmSync(folder, { recursive: true });
  const [a, b] = [ours.slice(1), theirs.slice(1)];
  const macs = 3 * batch * summarize(network).total.macs.reorder;
  const peak = Math.max(...ours.map((answer) => answer.matrixPeak));
  const share = (seconds: number): string => (macs / seconds / peak).toFixed(2);
  const seconds = (answers: readonly { seconds: number }[]): number[] => answers.map((x) => x.seconds);
  const ratios = a.map((x, i) => b[i]!.seconds / x.seconds);
  writeResult(
    `training-${device}-${precision}`,
    `# Training step on ${device}, CHR-Net, width ${width}, ${precision}, batch ${batch}

${describeMachine()}; ${new Date().toISOString().slice(0, 10)}.
${rounds} rounds of ${STEPS} steps in turns after a warm-up, median (min – max). Same initial weights and input; losses after the
warm-up ${ours[0]!.loss.toFixed(4)} and ${theirs[0]!.loss.toFixed(4)}. Matrix peak at this precision in the same run: ${(peak / 1e12).toFixed(2)} TMAC/s.
The share counts three times the multiply-adds of a forward pass.

| | seconds per step | share of the matrix peak |
| --- | --- | --- |
| PyTorch ${b[0]!.version}, eager | ${spread(seconds(b), 4)} | ${share(median(seconds(b)))} |
| ours, libtorch ${a[0]!.version} | ${spread(seconds(a), 4)} | ${share(median(seconds(a)))} |
| ratio of pairs | ${spread(ratios, 2)} | |

Reproduce: \`node --import tsx/esm --conditions=source bench/training-gpu.ts ${precision} ${batch} ${rounds} ${device} ${width}\`
`,
  );
}

if (role === "serve") serve();
else await compare();
