/**
 * Times HoVer-Net's way from maps to instances (docs/spec/postprocessing.md §7) against SciPy, scikit-image and OpenCV
 * on the same maps, in turns:
 *
 *     node --import tsx/esm --conditions=source bench/postprocessing-hover.ts [rounds]
 *
 * Needs Python with SciPy, scikit-image 0.19 to 0.25.1 and opencv-python-headless (`RENOGRADE_PYTHON` chooses it).
 * Writes bench/results/postprocessing-hover.md.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createRandom,
  DEFAULT_POST_OPTIONS,
  type NetworkMaps,
  RCC_CLASSES,
  segmentNuclei,
  Workspace,
} from "@renograde/core";
import { describeMachine, median, settle, spread, startPython, writeResult } from "./lib/machine.js";
import { paintNuclei, type Scene } from "./lib/scene.js";

const rounds = Number(process.argv[2] ?? 9);
/** The density of the kidney data, and four times as dense. */
const SCENES: Scene[] = [
  { side: 512, nuclei: 70 },
  { side: 512, nuclei: 280 },
  { side: 1024, nuclei: 280 },
];
/** Passes of ours in a round; Python makes one. */
const PASSES = 5;
const OPTIONS = { ...DEFAULT_POST_OPTIONS, method: "hover-net" } as const;

/** Maps a good network might give: offsets from each nucleus' centre in units of its half extent, with noise. */
function sceneMaps(scene: Scene): NetworkMaps {
  const { side, nuclei } = scene;
  const random = createRandom(2021, "hover", side, nuclei);
  const { labels } = paintNuclei(scene, random);
  const size = side * side;
  const extents = Array.from(
    { length: nuclei + 1 },
    () => [side, 0, side, 0] as [number, number, number, number],
  );
  for (let p = 0; p < size; p++) {
    const [x, y] = [p % side, Math.floor(p / side)];
    const extent = extents[labels.data[p]!]!;
    extent[0] = Math.min(extent[0], x);
    extent[1] = Math.max(extent[1], x);
    extent[2] = Math.min(extent[2], y);
    extent[3] = Math.max(extent[3], y);
  }
  const place = (at: number, from: number, to: number): number =>
    from === to ? 0 : (2 * (at - from)) / (to - from) - 1;
  const noise = (): number => random.uniform(-0.02, 0.02);
  const maps = { width: side, height: side, channels: 8, data: new Float32Array(8 * size) };
  for (let p = 0; p < size; p++) {
    const id = labels.data[p]!;
    const [left, right, top, bottom] = extents[id]!;
    maps.data[5 * size + p] = (id === 0 ? 0.03 : 0.95) + noise();
    maps.data[6 * size + p] = (id === 0 ? 0 : place(p % side, left, right)) + noise();
    maps.data[7 * size + p] = (id === 0 ? 0 : place(Math.floor(p / side), top, bottom)) + noise();
  }
  return maps;
}

/** Processor time of this process, which other work on the machine lengthens less than wall-clock time. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Answer {
  /** Milliseconds. */
  readonly scipy: number;
  readonly opencv: number;
  readonly versions: string;
}

const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
const peer = startPython("postprocessing_hover.py", [folder], { OMP_NUM_THREADS: "1" });
const rows: string[] = [];
let versions = "";
try {
  for (const scene of SCENES) {
    const maps = sceneMaps(scene);
    const workspace = new Workspace();
    const pass = () => segmentNuclei(maps, RCC_CLASSES, OPTIONS, workspace).labels;
    writeFileSync(join(folder, "maps.f32"), maps.data.subarray(5 * scene.side ** 2));
    const request = { side: scene.side };
    ({ versions } = await peer.ask<Answer>(request)); // its warm-up
    const labels = pass();
    for (let i = 0; i < 60; i++) pass();
    const read = (name: string): Int32Array => {
      const bytes = readFileSync(join(folder, name));
      return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    };
    const name = `${scene.side} x ${scene.side} px, ${labels.count} nuclei`;
    const differing = (theirs: Int32Array): number => theirs.filter((id, p) => id !== labels.data[p]).length;
    const unequal = differing(read("scipy.i32"));
    if (unequal > 0) throw new Error(`${unequal} labels differ from SciPy's on ${name}`);
    const strays = differing(read("opencv.i32"));

    const times = { ours: [] as number[], scipy: [] as number[], opencv: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      await settle();
      const start = cpuMs();
      for (let i = 0; i < PASSES; i++) pass();
      times.ours.push((cpuMs() - start) / PASSES);
      await settle();
      const { scipy, opencv } = await peer.ask<Answer>(request);
      times.scipy.push(scipy);
      times.opencv.push(opencv);
    }
    const line = (what: string, values: number[], equal: string): string => {
      const ratios = values.map((value, i) => value / times.ours[i]!);
      return `| ${name} | ${what} | ${spread(values, 1)} | ${median(ratios).toFixed(1)} | ${equal} |`;
    };
    rows.push(line("Renograde", times.ours, ""));
    rows.push(line("SciPy, scikit-image", times.scipy, "0"));
    rows.push(line("OpenCV, SciPy, scikit-image", times.opencv, `${strays}`));
  }
} finally {
  peer.close();
  rmSync(folder, { recursive: true, force: true });
}

writeResult(
  "postprocessing-hover",
  `# HoVer-Net's post-processing

From the float32 maps of one image in memory to labelled instances (docs/spec/postprocessing.md §7), one thread each:
Sobel of 21 taps, markers, watershed. Seeded ellipses with noise, after warm-up, in turns; processor time, median with
least and greatest of ${rounds} rounds. The label maps equal SciPy's and scikit-image's in every pixel, checked in the
run. The last rows filter with OpenCV as the published code does, whose normalisation is in float32, and differ in the
pixels given. Ratio: median over the rounds of the time over Renograde's in the same round.

Machine: ${describeMachine()}; ${versions}; other jobs on both processors, the benchmark pinned to one of them.
Written by \`taskset -c 0 node --import tsx/esm --conditions=source bench/postprocessing-hover.ts\`.

| image | with | CPU ms | ratio | pixels that differ |
| --- | --- | ---: | ---: | ---: |
${rows.join("\n")}
`,
);
