/**
 * Times the exact rewrites of CHR-Net's exported graph (spec/network.md §3.5, §9, §11) in ONNX Runtime, interleaved, in
 * one run: `node --import tsx/esm --conditions=source bench/onnx-rewrites.ts [rounds] [width]`. Writes bench/results/onnx-rewrites.md.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { performance } from "node:perf_hooks";
import { DEFAULT_EXPORT_REWRITE, exportOnnx, summarize } from "@renograde/nn";
import { InferenceSession } from "onnxruntime-node";
import { randomNetwork } from "./lib/random-network.js";

const THREADS = 2;
const REWRITES = ["none", "reorder", "full"] as const;
const rounds = Number(process.argv[2] ?? 8);
const width = Number(process.argv[3] ?? 1);
const repository = new URL("../", import.meta.url).pathname;

const { network, state, metadata, image } = randomNetwork(width);
const { window } = network.geometry;

const runs = [];
for (const rewrite of REWRITES) {
  const session = await InferenceSession.create(exportOnnx(network, { rewrite }, state, metadata), {
    intraOpNumThreads: THREADS,
    logSeverityLevel: 3,
    // Threads that spin while they wait would count as CPU time.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  runs.push({
    rewrite,
    session,
    wallMs: [] as number[],
    cpuMs: [] as number[],
    maps: new Float32Array() as Float32Array,
  });
}
for (let round = 0; round <= rounds; round++) {
  for (const run of runs) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const { maps } = await run.session.run({ image });
    const wall = performance.now() - start;
    const used = process.cpuUsage(cpu);
    if (maps?.data instanceof Float32Array) run.maps = maps.data;
    if (round === 0) continue; // warm-up
    run.wallMs.push(wall);
    run.cpuMs.push((used.user + used.system) / 1000);
  }
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const { macs } = summarize(network).total;
const base = runs[0]!;
const rows = runs.map(({ rewrite, wallMs, cpuMs, maps }) => {
  const difference = maps.reduce((max, v, i) => Math.max(max, Math.abs(v - base.maps[i]!)), 0);
  const cells = [
    rewrite,
    (macs[rewrite] / 1e9).toFixed(1),
    Math.min(...wallMs).toFixed(0),
    median(wallMs).toFixed(0),
    Math.max(...wallMs).toFixed(0),
    Math.min(...cpuMs).toFixed(0),
    median(cpuMs).toFixed(0),
    (Math.min(...cpuMs) / Math.min(...base.cpuMs)).toFixed(3),
    (median(cpuMs) / median(base.cpuMs)).toFixed(3),
    difference.toExponential(1),
  ];
  return `| ${cells.join(" | ")} |`;
});
const text = `# Rewrites of the exported graph

CHR-Net, width ${width}, one ${window} x ${window} window, ONNX Runtime on the CPU with ${THREADS} threads, ${rounds} interleaved rounds after one
warm-up. Ratios are to \`none\`, the graph as in the authors' code; CPU time is that of all threads, which other work on the
machine disturbs least. Difference: largest in any map. Export uses \`${DEFAULT_EXPORT_REWRITE}\` unless told otherwise.

Machine: ${cpus()[0]?.model}, ${cpus().length} logical processors, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; other work on the machine.
Written by \`node --import tsx/esm --conditions=source bench/onnx-rewrites.ts ${rounds} ${width}\`.

| rewrite | GMAC | min ms | median ms | max ms | min CPU ms | median CPU ms | ratio of min CPU | ratio of median CPU | difference |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join("\n")}
`;
mkdirSync(`${repository}bench/results`, { recursive: true });
writeFileSync(`${repository}bench/results/onnx-rewrites.md`, text);
process.stdout.write(text);
