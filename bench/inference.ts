/**
 * Grading speed of the full network: ONNX Runtime on our exported graph against the same network in PyTorch, in turns,
 * and against the machine's multiply-add peak.
 *
 *     npx tsx --conditions=source bench/inference.ts [threads] [rounds]
 *
 * Needs Python with torch (Debian: python3-torch; `RENOGRADE_PYTHON` chooses it) and a C++ compiler. Writes
 * bench/results/inference-<threads>-threads.md.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, type SafetensorSource } from "@renograde/formats";
import { openOnnxModel } from "@renograde/grading/node";
import {
  createNetwork,
  declareParameters,
  describeModel,
  exportOnnx,
  type StateDict,
  summarize,
} from "@renograde/nn";
import { randomState } from "../packages/nn/src/testing/random-state.js";
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
const rounds = Number(process.argv[3] ?? 7);
const REWRITES = ["reorder", "full"] as const;
const STRIDE = 97;

interface Answer {
  readonly version: string;
  readonly threads: number;
  readonly seconds: number;
  readonly peakGiB: number;
  readonly maps?: readonly number[];
}

/** Weights as the PyTorch side reads them. */
function tensors(state: StateDict): [string, SafetensorSource][] {
  return [...state].map(([name, t]) => [
    name,
    { dtype: "F32", shape: t.shape, data: Float32Array.from(t.data) },
  ]);
}

const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
try {
  const network = createNetwork("chr-net");
  const state = randomState(declareParameters(network), 1);
  writeFileSync(join(folder, "weights.safetensors"), encodeSafetensors(tensors(state)));
  const metadata = describeModel(network, state, {
    name: "bench",
    mpp: 0.25,
    post: network.post,
    training: {
      data: "none",
      synthetic: true,
      seed: 1,
      epochs: 0,
      steps: 0,
      scores: {},
      scoresOn: "nothing",
    },
    licence: "none",
    intendedUse: "benchmark",
    renogradeVersion: "0",
  });
  const image = Float32Array.from({ length: 3 * 262 * 262 }, (_, i) =>
    Math.fround(Math.fround(i * Math.fround(0.6180339887498949)) % 1),
  );
  const summary = summarize(network).total.macs;
  const sessions = [];
  for (const rewrite of REWRITES) {
    const path = join(folder, `${rewrite}.onnx`);
    writeFileSync(path, exportOnnx(network, { rewrite }, state, metadata));
    sessions.push({
      rewrite,
      seconds: [] as number[],
      ...(await openOnnxModel(path, { threads, batch: 1 })),
    });
  }
  const peer = startPython("pytorch/network_peer.py", [join(folder, "weights.safetensors"), `${threads}`], {
    OMP_NUM_THREADS: `${threads}`,
  });
  const theirs: Answer[] = [];
  const peaks: number[] = [];
  let difference = 0;
  for (let round = -1; round < rounds; round++) {
    const answer = await peer.ask<Answer>({ do: "infer", maps: round < 0 ? STRIDE : 0 });
    if (round >= 0) theirs.push(answer);
    for (const session of sessions) {
      await settle();
      const start = performance.now();
      const { maps } = await session.session.run(image, 1);
      if (round >= 0) session.seconds.push((performance.now() - start) / 1000);
      else
        for (const [i, value] of (answer.maps ?? []).entries())
          difference = Math.max(difference, Math.abs(maps[i * STRIDE]! - value));
    }
    await settle();
    peaks.push(multiplyAddPeak(threads));
  }
  peer.close();
  const peak = Math.max(...peaks);
  const python = theirs.map((t) => t.seconds);
  const row = (name: string, seconds: readonly number[], macs: number): string => {
    const ratios = seconds.map((s, i) => python[i]! / s);
    const rate = macs / 1e9 / median(seconds);
    return `| ${name} | ${(macs / 1e9).toFixed(1)} | ${spread(seconds, 2)} | ${(1 / median(seconds)).toFixed(3)} | ${rate.toFixed(1)} | ${(rate / peak).toFixed(2)} | ${spread(ratios, 2)} |`;
  };
  writeResult(
    `inference-${threads}-threads`,
    `# Grading speed, CHR-Net at full width, fp32, one 262 x 262 window

${describeMachine()}; ${new Date().toISOString().slice(0, 10)}.
${threads} threads on both sides, ${rounds} rounds in turns after a warm-up, median (min – max). Peak of multiply-adds on registers in
the same run: ${peak.toFixed(1)} GMAC/s. PyTorch ${theirs[0]!.version}, eager, evaluation mode, no_grad. Largest difference of the maps: ${difference.toExponential(1)}.

| | GMAC | seconds | windows/s | GMAC/s | of peak | times PyTorch |
| --- | --- | --- | --- | --- | --- | --- |
${row("PyTorch", python, summary.none)}
${sessions.map((s) => row(`ours, rewrite ${s.rewrite}`, s.seconds, summary[s.rewrite])).join("\n")}

Reproduce: \`npx tsx --conditions=source bench/inference.ts ${threads} ${rounds}\`
`,
  );
  for (const session of sessions) await session.session.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
