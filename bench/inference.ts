/**
 * Grading speed of the full network as `grade` runs it, with all lanes busy, against the same network in PyTorch, in
 * turns, and against the machine's multiply-add peak, measured after each turn.
 *
 *     node --import tsx/esm --conditions=source bench/inference.ts [threads] [rounds]
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
import { type InferenceSession, inferMaps } from "@renograde/grading";
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
const STRIDE = 97;

/** Ours: as `grade` chooses its lanes, and with all threads on one window. */
const WAYS = [
  { rewrite: "reorder" },
  { rewrite: "full" },
  ...(threads > 1 ? [{ rewrite: "full", lanes: 1 } as const] : []),
] as const;

const counted = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`;

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
  for (const { rewrite, ...lanes } of WAYS) {
    const path = join(folder, `${rewrite}.onnx`);
    writeFileSync(path, exportOnnx(network, { rewrite }, state, metadata));
    const { session } = await openOnnxModel(path, { threads, ...lanes });
    sessions.push({ rewrite, session, seconds: [] as number[], peaks: [] as number[] });
  }
  /** Seconds per window of an image of two windows for each lane. */
  const infer = async (session: InferenceSession): Promise<number> => {
    const windows = 2 * (session.parallel ?? 1);
    const { kept } = metadata;
    const pixels = Uint8Array.from({ length: 3 * kept * kept * windows }, (_, i) => (i * 158) % 251);
    const start = performance.now();
    await inferMaps({ width: windows * kept, height: kept, data: pixels }, session, metadata);
    return (performance.now() - start) / 1000 / windows;
  };
  const peer = startPython("pytorch/network_peer.py", [join(folder, "weights.safetensors"), `${threads}`], {
    OMP_NUM_THREADS: `${threads}`,
  });
  const theirs: Answer[] = [];
  let difference = 0;
  for (let round = -1; round < rounds; round++) {
    const answer = await peer.ask<Answer>({ do: "infer", maps: round < 0 ? STRIDE : 0 });
    if (round >= 0) theirs.push(answer);
    for (const { session, seconds, peaks } of sessions) {
      await settle();
      const time = await infer(session);
      if (round >= 0) {
        seconds.push(time);
        await settle();
        peaks.push(multiplyAddPeak(threads));
        continue;
      }
      const { maps } = await session.run(image.slice(), 1);
      for (const [i, value] of (answer.maps ?? []).entries())
        difference = Math.max(difference, Math.abs(maps![i * STRIDE]! - value));
    }
  }
  peer.close();
  const python = theirs.map((t) => t.seconds);
  const row = (name: string, seconds: readonly number[], macs: number, peaks: readonly number[]): string => {
    const ratios = seconds.map((s, i) => python[i]! / s);
    const ofPeak = seconds.map((s, i) => macs / 1e9 / s / peaks[i]!);
    const rate = macs / 1e9 / median(seconds);
    return `| ${name} | ${(macs / 1e9).toFixed(1)} | ${spread(seconds, 2)} | ${(1 / median(seconds)).toFixed(3)} | ${rate.toFixed(1)} | ${spread(ofPeak, 3)} | ${spread(ratios, 2)} |`;
  };
  const lanesOf = ({ parallel = 1 }: InferenceSession): string =>
    parallel === 1
      ? `1 lane of ${counted(threads, "thread")}`
      : `${parallel} lanes of ${counted(Math.floor(threads / parallel), "thread")}`;
  writeResult(
    `inference-${threads}-threads`,
    `# Grading speed, CHR-Net at full width, fp32

${describeMachine()}; ${new Date().toISOString().slice(0, 10)}.
${counted(threads, "thread")} on both sides, ${counted(rounds, "round")} in turns after a warm-up, median (min – max). Ours: \`inferMaps\`, as grade calls it, on an
image of two 262 x 262 windows for each lane, from pixels to stitched maps. PyTorch ${theirs[0]!.version}: the same window again and again, eager, evaluation
mode, no_grad. GMAC: multiply-adds that are executed for a window. Of peak: in every round over the multiply-adds on registers
measured right after ours, median of all ${spread(
      sessions.flatMap((s) => s.peaks),
      1,
    )} GMAC/s. Largest difference of the maps: ${difference.toExponential(1)}.

| | GMAC | s per window | windows/s | GMAC/s | of peak | times PyTorch |
| --- | --- | --- | --- | --- | --- | --- |
${row("PyTorch", python, summary.none, sessions[0]!.peaks)}
${sessions.map((s) => row(`ours, rewrite ${s.rewrite}, ${lanesOf(s.session)}`, s.seconds, summary[s.rewrite], s.peaks)).join("\n")}

Reproduce: \`node --import tsx/esm --conditions=source bench/inference.ts ${threads} ${rounds}\`
`,
  );
  for (const { session } of sessions) await session.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
