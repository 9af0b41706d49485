/**
 * What int8 costs and gains: time of the full-width network in float32 and int8, interleaved in one run, and the scores
 * of a trained model before and after on held-out synthetic sections.
 *
 * `node --import tsx/esm --conditions=source bench/int8.ts [model.onnx] [rounds] [sections] [width]`; without a trained model (default
 * models/chr-net-synthetic.onnx) only times. 0 rounds or 0 sections leave that part out. Writes bench/results/int8.md.
 *
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import {
  type DatasetMetrics,
  evaluateImage,
  type ImageMetrics,
  type RgbImage,
  summarize,
} from "@renograde/core";
import type { ModelMetadata } from "@renograde/formats";
import { gradeImage, RANGE_METHODS } from "@renograde/grading";
import { openOnnxModel, type QuantizeSummary, quantizeModel } from "@renograde/grading/node";
import { exportOnnx } from "@renograde/nn";
import { synthesizeSection } from "@renograde/training";
import { InferenceSession } from "onnxruntime-node";
import { randomNetwork } from "./lib/random-network.js";

const repository = new URL("../", import.meta.url).pathname;
const modelPath = process.argv[2] ?? join(repository, "models/chr-net-synthetic.onnx");
const rounds = Number(process.argv[3] ?? 7);
const sections = Number(process.argv[4] ?? 16);
const width = Number(process.argv[5] ?? 1);
const threads = availableParallelism();
const SIDE = 456; // 3 × 3 windows
const CALIBRATION_SECTIONS = 8;
const CALIBRATION_WINDOWS = 32;
const folder = mkdtempSync(join(tmpdir(), "renograde-int8-"));
const at = (name: string): string => join(folder, name);
const log = (text: string): void => void process.stderr.write(`${text}\n`);

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** Sections for calibration; their seeds are used nowhere else. */
function calibrationImages(count: number): RgbImage[] {
  return Array.from(
    { length: count },
    (_, i) =>
      synthesizeSection({ width: SIDE, height: SIDE, seed: 7_100_000 + i, gradeLevel: (i + 0.5) / count })
        .image,
  );
}

/** Times the network with random weights; rows of the table. */
async function timeNetworks(): Promise<string[]> {
  const { network, state, metadata, image } = randomNetwork(width);

  const runs: { name: string; path: string; session: InferenceSession; wallMs: number[]; cpuMs: number[] }[] =
    [];
  const add = async (name: string, path: string): Promise<void> => {
    const session = await InferenceSession.create(path, {
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
      // Threads that spin while they wait would count as CPU time.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
    runs.push({ name, path, session, wallMs: [], cpuMs: [] });
  };
  const [float32, int8] = [at("bench.onnx"), at("bench-int8.onnx")];
  writeFileSync(float32, exportOnnx(network, {}, state, metadata));
  log(`quantising width ${width} …`);
  // Time does not depend on the ranges: one window is enough here.
  await quantizeModel({ modelPath: float32, outPath: int8, calibration: calibrationImages(1), windows: 1 });
  await add("float32", float32);
  await add("int8", int8);
  for (let round = 0; round <= rounds; round++) {
    for (const run of runs) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      await run.session.run({ image });
      const wall = performance.now() - start;
      const used = process.cpuUsage(cpu);
      if (round === 0) continue; // warm-up
      run.wallMs.push(wall);
      run.cpuMs.push((used.user + used.system) / 1000);
    }
  }
  const base = runs[0]!;
  const rows = runs.map(({ name, path, wallMs, cpuMs }) => {
    const cells = [
      name,
      mib(statSync(path).size),
      ...[Math.min(...wallMs), median(wallMs), Math.max(...wallMs), Math.min(...cpuMs), median(cpuMs)].map(
        (ms) => ms.toFixed(0),
      ),
      (median(base.wallMs) / median(wallMs)).toFixed(2),
      (median(base.cpuMs) / median(cpuMs)).toFixed(2),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  for (const run of runs) await run.session.release();
  return rows;
}

interface Scored {
  readonly model: ModelMetadata;
  readonly metrics: DatasetMetrics;
  readonly maps: readonly Float32Array[];
}

const truths = (): ReturnType<typeof synthesizeSection>[] =>
  Array.from({ length: sections }, (_, i) =>
    synthesizeSection({ width: SIDE, height: SIDE, seed: 7_200_000 + i, gradeLevel: (i + 0.5) / sections }),
  );

async function score(path: string, test: ReturnType<typeof truths>): Promise<Scored> {
  const { session, metadata } = await openOnnxModel(path);
  const images: ImageMetrics[] = [];
  const maps: Float32Array[] = [];
  for (const { image, labels, types } of test) {
    const pixelSize = { mpp: metadata.mpp, source: "synthetic" };
    const graded = await gradeImage(image, session, metadata, { pixelSize });
    const truth = { labels, types: new Map([...types.entries()].slice(1)) };
    const predicted = {
      labels: graded.labels,
      types: new Map(graded.nuclei.map(({ id, type }) => [id, type])),
    };
    images.push(evaluateImage(truth, predicted, metadata.classes));
    maps.push(graded.maps.data);
  }
  await session.close();
  return { model: metadata, metrics: summarize(images, metadata.classes), maps };
}

/** Mean and 99.9th percentile of the absolute differences of all maps. */
function compareMaps(a: readonly Float32Array[], b: readonly Float32Array[]): { mean: number; high: number } {
  const counts = new Float64Array(10_001);
  let [sum, n] = [0, 0];
  for (const [k, x] of a.entries()) {
    for (let i = 0; i < x.length; i++) {
      const difference = Math.abs(x[i]! - b[k]![i]!);
      sum += difference;
      counts[Math.min(10_000, Math.floor(difference * 10_000))]! += 1;
    }
    n += x.length;
  }
  let [high, rest] = [10_000, n / 1000];
  while (high > 0 && rest > counts[high]!) rest -= counts[high--]!;
  return { mean: sum / n, high: high / 10_000 };
}

/** Scores before and after; text of that part. */
async function scoreModels(): Promise<string> {
  const test = truths();
  const calibration = calibrationImages(CALIBRATION_SECTIONS);
  log(`scoring ${modelPath} …`);
  const before = await score(modelPath, test);
  const row = (name: string, { metrics: m }: Scored, maps?: { mean: number; high: number }): string => {
    const signed = (now: number, then: number): string =>
      maps ? ` (${now >= then ? "+" : "−"}${Math.abs(now - then).toFixed(4)})` : "";
    const classes = m.classPq.map((pq) => (Number.isNaN(pq) ? "–" : pq.toFixed(3))).join(", ");
    return `| ${name} | ${m.pq.toFixed(4)}${signed(m.pq, before.metrics.pq)} | ${m.apq.toFixed(4)}${signed(m.apq, before.metrics.apq)} | ${classes} | ${m.dice.toFixed(4)} | ${maps ? maps.mean.toFixed(5) : "–"} | ${maps ? maps.high.toFixed(4) : "–"} |`;
  };
  const rows = [row("float32", before)];
  let summary: QuantizeSummary | undefined;
  for (const range of RANGE_METHODS) {
    log(`quantising with ${range} …`);
    const outPath = at(`trained-${range}.onnx`);
    const report = range === "mse";
    const made = await quantizeModel({
      modelPath,
      outPath,
      calibration,
      windows: CALIBRATION_WINDOWS,
      range,
      report,
    });
    if (report) summary = made;
    const after = await score(outPath, test);
    rows.push(row(`int8, ${range}`, after, compareMaps(before.maps, after.maps)));
  }
  const { kept, convolutions, int8Share, bytes, errors } = summary!;
  const reasons = new Map<string, number>();
  for (const { reason } of kept) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const noise = errors!.toSorted((a, b) => a.signalToNoiseDb - b.signalToNoiseDb);
  return `## Scores

${basename(modelPath)} (${before.model.network}, width ${before.model.width}; ${before.model.training.data})
${sections} held-out synthetic sections of ${SIDE} x ${SIDE} px, ranges from ${summary!.windows} windows of ${summary!.images} others. Changes against float32 in
brackets; class PQ of grades 1 to 3 and endothelial; differences of all maps, mean and 99.9th percentile.

| model | PQ | aPQ | class PQ | Dice | mean difference | 99.9 % |
| --- | ---: | ---: | --- | ---: | ---: | ---: |
${rows.join("\n")}

${convolutions} convolutions in int8 (${(100 * int8Share).toFixed(1)} % of the multiplications), ${kept.length} in float32: ${[...reasons].map(([reason, n]) => `${n} ${reason}`).join(", ")}.
File ${mib(bytes.before)} MiB, int8 ${mib(bytes.after)} MiB. Signal to noise of the ${noise.length} 8-bit values, errors of all layers before included: median
${noise[noise.length >> 1]!.signalToNoiseDb.toFixed(1)} dB; the worst: ${noise
    .slice(0, 5)
    .map((e) => `${e.value} ${e.signalToNoiseDb.toFixed(1)}`)
    .join(", ")}.
`;
}

try {
  const speed = rounds > 0 ? await timeNetworks() : [];
  const scores = sections > 0 && existsSync(modelPath) ? await scoreModels() : "";
  const times = `## Time

CHR-Net, width ${width}, random weights, one 262 x 262 window, ONNX Runtime on the CPU with ${threads} threads, ${rounds} interleaved rounds
after one warm-up. CPU time is that of all threads, which other work on the machine disturbs least. Gain: median of float32
over median.

| model | MiB | min ms | median ms | max ms | min CPU ms | median CPU ms | gain | gain in CPU time |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${speed.join("\n")}

`;
  const text = `# Int8

Static quantisation (packages/grading/src/quantize): weights 7 bits per output channel, activations 8 bits per map. The 7 bits
cost nothing where the CPU has VNNI instructions and keep 16-bit sums exact where it has not.

Machine: ${cpus()[0]?.model}, ${cpus().length} logical processors, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}.
Written by \`node --import tsx/esm --conditions=source bench/int8.ts\`.

${rounds > 0 ? times : ""}${scores}`;
  mkdirSync(join(repository, "bench/results"), { recursive: true });
  const path = join(repository, "bench/results/int8.md");
  writeFileSync(`${path}.part`, `${text.trimEnd()}\n`);
  renameSync(`${path}.part`, path);
  process.stdout.write(text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
