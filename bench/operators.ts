/**
 * Times operators called from TypeScript against the same operators called from Python's torch, round by round in
 * one run: `node --import tsx/esm --conditions=source bench/operators.ts [threads]` (Python with torch: `RENOGRADE_PYTHON`, else
 * `python3`). Writes bench/results/operators.md.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { loadTorch, manualSeed, op, setThreads, tensor, tidy } from "@renograde/torch";
import { multiplyAddPeak } from "./lib/machine.js";

interface Result {
  readonly version: string;
  /** Microseconds per call. */
  readonly calls: Record<string, number>;
  /** Milliseconds per convolution. */
  readonly convs: Record<string, number>;
}

const repository = new URL("../", import.meta.url).pathname;
const threads = Number(process.argv[2] ?? 1);
const rounds = 5;
const shapes = [
  [64, 256],
  [128, 128],
  [256, 64],
  [512, 32],
] as const;

/** Shortest of `repeats` runs after one to warm up, in milliseconds. */
function best(repeats: number, run: () => void): number {
  run();
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

function perCall(run: () => void, count = 2000): number {
  const loop = () =>
    tidy(() => {
      for (let i = 0; i < count; i++) run();
    });
  return (best(10, loop) / count) * 1000;
}

function ours(): Result {
  return tidy(() => {
    manualSeed(1);
    const one = tensor(Float32Array.of(1), [1]);
    const leaf = tensor(Float32Array.of(1), [1]).setRequiresGrad(true);
    const image = tensor(Float32Array.of(1), [1, 1, 1, 1]);
    const calls = {
      add: perCall(() => op("add.Tensor", [one, one])),
      "add, recorded": perCall(() => op("add.Tensor", [leaf, leaf])),
      "conv2d of one pixel": perCall(() => op("conv2d", [image, image])),
    };
    const convs: Record<string, number> = {};
    for (const [channels, side] of shapes) {
      tidy(() => {
        const x = op("randn", [[1, channels, side, side]], { dtype: "float32" });
        const w = op("randn", [[channels, channels, 3, 3]], { dtype: "float32" });
        const conv = () => tidy(() => void op("conv2d", [x, w, null, 1, 1]));
        convs[`${channels}->${channels} at ${side}`] = best(10, conv);
      });
    }
    return { version: loadTorch().version, calls, convs };
  });
}

function theirs(): Result {
  const python = process.env.RENOGRADE_PYTHON ?? "python3";
  const output = execFileSync(python, [join(repository, "bench/operators.py"), `${threads}`], {
    encoding: "utf8",
  });
  return JSON.parse(output) as Result;
}

setThreads(threads);
const results: { a: Result; b: Result; fma: number }[] = [];
for (let round = 0; round < rounds; round++)
  results.push({ a: ours(), b: theirs(), fma: multiplyAddPeak(threads) });
const { version } = results[0]!.a;
const pythonVersion = results[0]!.b.version;
const fma = Math.max(...results.map((r) => r.fma));

const callRows = Object.keys(results[0]!.a.calls).map((name) => {
  const [ts, py] = (["a", "b"] as const).map((side) => results.map((r) => r[side].calls[name]!));
  const [best, pythonBest] = [Math.min(...ts!), Math.min(...py!)];
  const cell = (times: number[]) => `${Math.min(...times).toFixed(2)} (${Math.max(...times).toFixed(2)})`;
  return `| ${name} | ${cell(ts!)} | ${cell(py!)} | ${(best / pythonBest).toFixed(2)} |`;
});
const convRows = shapes.map(([channels, side]) => {
  const name = `${channels}->${channels} at ${side}`;
  const [ts, py] = (["a", "b"] as const).map((key) =>
    results.map((r) => (9 * channels * channels * side * side) / r[key].convs[name]! / 1e6),
  );
  const [best, pythonBest] = [Math.max(...ts!), Math.max(...py!)];
  const cell = (rates: number[]) => `${Math.max(...rates).toFixed(1)} (${Math.min(...rates).toFixed(1)})`;
  const ratios = `${(best / pythonBest).toFixed(2)} | ${(best / fma).toFixed(2)}`;
  return `| ${name} | ${cell(ts!)} | ${cell(py!)} | ${ratios} |`;
});
mkdirSync(join(repository, "bench/results"), { recursive: true });
writeFileSync(
  join(repository, "bench/results/operators.md"),
  `# Operators called from TypeScript

The same operators from TypeScript (libtorch ${version} through the addon) and from Python (torch ${pythonVersion}),
shortest of 10 runs in the best of ${rounds} alternating rounds, in brackets the worst round. ${threads} thread${threads > 1 ? "s" : ""}; multiply-add peak measured in the same run
(bench/lib/fma-peak.cc): ${fma.toFixed(1)} GMAC/s.

Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} logical processors, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB; Node ${process.versions.node}; other work on the machine.
Written by \`node --import tsx/esm --conditions=source bench/operators.ts ${threads}\`.

| one call of tiny tensors | TypeScript, µs | Python, µs | ratio |
| --- | ---: | ---: | ---: |
${callRows.join("\n")}

| 3x3 convolution, batch 1 | TypeScript, GMAC/s | Python, GMAC/s | ratio | of the peak |
| --- | ---: | ---: | ---: | ---: |
${convRows.join("\n")}
`,
);
