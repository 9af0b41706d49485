/**
 * Times the way from network maps to measured nuclei against SciPy/scikit-image on the same maps, in one run:
 * `node --import tsx/esm --conditions=source bench/postprocessing.ts` (Python with scikit-image 0.19 to 0.25.1:
 * `RENOGRADE_PYTHON`, else `/usr/bin/python3`). Writes bench/results/postprocessing.md.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import {
  borderContours,
  createRandom,
  DEFAULT_POST_OPTIONS,
  instanceDistanceMap,
  labelPolygons,
  type NetworkMaps,
  RCC_CLASSES,
  regionProperties,
  segmentNuclei,
  voteTypes,
  Workspace,
} from "@renograde/core";
import { paintNuclei, type Scene } from "./lib/scene.js";

const STAGES = ["segment", "vote", "properties", "outlines"] as const;
type Times = Record<(typeof STAGES)[number] | "all", number[]>;

interface TimedScene extends Scene {
  readonly repeats: number;
  readonly python: number;
}

/** The density of the kidney data: 70 nuclei per 512 x 512 px. */
const SCENES: TimedScene[] = [
  { side: 512, nuclei: 70, repeats: 100, python: 7 },
  { side: 2048, nuclei: 1120, repeats: 15, python: 1 },
  { side: 6144, nuclei: 10080, repeats: 3, python: 0 },
];

/** Maps a good network might give: ellipses on a jittered grid, some touching, with noise on every channel. */
function sceneMaps(scene: Scene): NetworkMaps {
  const { side } = scene;
  const random = createRandom(2021, "postprocessing", side);
  const { labels, types } = paintNuclei(scene, random);
  const size = side * side;
  const maps = { width: side, height: side, channels: 7, data: new Float32Array(7 * size) };
  const distance = instanceDistanceMap(labels).data;
  const noise = (): number => random.uniform(-0.02, 0.02);
  const unit = (v: number): number => Math.min(1, Math.max(0, v));
  for (let p = 0; p < size; p++) {
    const id = labels.data[p]!;
    maps.data[6 * size + p] = id === 0 ? Math.max(0, noise() - 0.015) : unit(distance[p]! + noise());
    const nucleus = unit((id === 0 ? 0.01 : 0.95) + noise());
    maps.data[5 * size + p] = nucleus;
    const type = random.chance(0.7) ? types[id]! : 1 + (p % 4);
    for (let c = 0; c < 5; c++) {
      const share = c === type ? 0.7 : 0.1;
      maps.data[c * size + p] = c === 0 ? 1 - nucleus : nucleus * share;
    }
  }
  return maps;
}

/** Processor time of this process, which other work on the machine lengthens less than wall-clock time. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** One pass; appends the stages' times. */
function pass(maps: NetworkMaps, workspace: Workspace, times?: Times): { labels: Int32Array; count: number } {
  const marks = [cpuMs()];
  const mark = (): void => {
    marks.push(cpuMs());
  };
  const { labels } = segmentNuclei(maps, RCC_CLASSES, DEFAULT_POST_OPTIONS, workspace);
  mark();
  const votes = voteTypes(labels, maps, DEFAULT_POST_OPTIONS, workspace);
  mark();
  const properties = regionProperties(labels, workspace);
  mark();
  const polygons = labelPolygons(labels, workspace);
  const contours = borderContours(labels, workspace);
  mark();
  if (votes.count + properties.count + polygons.size + contours.size !== 4 * labels.count) {
    throw new Error("the stages disagree on the number of nuclei");
  }
  for (const [i, stage] of STAGES.entries()) times?.[stage].push(marks[i + 1]! - marks[i]!);
  times?.all.push(marks[4]! - marks[0]!);
  return { labels: labels.data, count: labels.count };
}

const emptyTimes = (): Times => ({ segment: [], vote: [], properties: [], outlines: [], all: [] });

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

interface PythonReport {
  times: Times;
  versions: string;
}

const python = process.env.RENOGRADE_PYTHON ?? "/usr/bin/python3";
const repository = new URL("../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
const rows: string[] = [];
let versions = "";
try {
  for (const scene of SCENES) {
    const maps = sceneMaps(scene);
    const workspace = new Workspace();
    for (let i = 0; i < Math.max(2, scene.repeats / 2); i++) pass(maps, workspace);
    const times = emptyTimes();
    let result = pass(maps, workspace);
    for (let i = 0; i < scene.repeats; i++) result = pass(maps, workspace, times);
    const name = `${scene.side} x ${scene.side} px, ${result.count.toLocaleString("en")} nuclei`;
    const line = (what: string, values: number[], reference: number): string =>
      `| ${name} | ${what} | ${median(values).toFixed(2)} | ${Math.min(...values).toFixed(2)} | ${(Math.max(...values) - Math.min(...values)).toFixed(2)} | ${values.length} | ${((1000 * median(values)) / result.count).toFixed(1)} | ${(median(values) / reference).toFixed(1)} |`;
    for (const stage of [...STAGES, "all"] as const) {
      rows.push(line(`Renograde, ${stage}`, times[stage], median(times[stage])));
    }
    const local: number[] = [];
    for (let i = 0; i < scene.repeats + 2; i++) {
      const start = cpuMs();
      segmentNuclei(maps, RCC_CLASSES, { ...DEFAULT_POST_OPTIONS, watershedTies: "component" }, workspace);
      if (i >= 2) local.push(cpuMs() - start);
    }
    rows.push(line(`Renograde, segment with ties "component"`, local, median(times.segment)));
    if (scene.python === 0) continue;
    const mapsFile = join(folder, "maps.f32");
    const labelsFile = join(folder, "labels.i32");
    writeFileSync(mapsFile, maps.data);
    const output = execFileSync(
      python,
      [
        join(repository, "bench/postprocessing.py"),
        mapsFile,
        labelsFile,
        String(scene.side),
        String(scene.python),
      ],
      { encoding: "utf8" },
    );
    const report = JSON.parse(output) as PythonReport;
    versions = report.versions;
    const bytes = readFileSync(labelsFile);
    const theirs = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    if (theirs.some((label, p) => label !== result.labels[p])) throw new Error(`labels differ on ${name}`);
    for (const stage of [...STAGES, "all"] as const) {
      rows.push(line(`SciPy/scikit-image, ${stage}`, report.times[stage], median(times[stage])));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const text = `# Post-processing

From the float32 maps of one image in memory to typed, measured and outlined nuclei, one thread. Stages: segment
(bytes, h-minima, watershed, clean-up; docs/spec/postprocessing.md §2 and §3), vote (§5), properties (area, box,
centroid, axes, eccentricity, perimeter, solidity), outlines (pixel-edge polygons and OpenCV-like contours). Seeded
ellipses with noise, after warm-up. The label maps agree with scikit-image's in every pixel, checked in the run. SciPy and scikit-image draw one
contour per nucleus (find_contours) and no polygons. The default ties
need one heap for the whole image where the order of equal values decides a label, until the last of those is decided; its depth
grows with the logarithm of the image. With "component" each nucleus is by itself. All else is done island by island (8-connected groups of pixels that can hold nuclei); what still grows there is
reading the maps and writing the labels, which the cache holds for a small image. Times are processor time of the whole process. Ratio: time over Renograde's median of the stage.

Machine: ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} logical processors, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}, ${versions}; other work on the machine.
Written by \`node --import tsx/esm --conditions=source bench/postprocessing.ts\`.

| image | with | median CPU ms | min ms | spread ms | runs | µs per nucleus | ratio |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join("\n")}
`;
const results = join(repository, "bench/results");
mkdirSync(results, { recursive: true });
writeFileSync(join(results, "postprocessing.md.part"), text);
renameSync(join(results, "postprocessing.md.part"), join(results, "postprocessing.md"));
process.stdout.write(text);
