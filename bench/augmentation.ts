/**
 * Samples per second of the reference augmentation, from a decoded image to a filled place of a batch, against OpenCV,
 * NumPy and scikit-image doing the same in Python: one thread each, the same parameters, in turns.
 *
 *     node --import tsx/esm --conditions=source bench/augmentation.ts [rounds]
 *
 * Needs Python with opencv-python-headless, NumPy and scikit-image (`RENOGRADE_PYTHON` chooses it). Writes
 * bench/results/augmentation.md.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RCC_CLASSES } from "@renograde/core";
import {
  batchClasses,
  createBatch,
  type Dataset,
  drawAugmentation,
  openSamplePool,
  parseConfig,
  planWindows,
  sampleRandom,
  synthesizeSection,
} from "@renograde/training";
import { describeMachine, median, settle, spread, startPython, writeResult } from "./lib/machine.js";

const rounds = Number(process.argv[2] ?? 7);
const SIDE = 512;
const SAMPLES = 48;
const config = parseConfig("train: {workers: 0}");
const { window, crop } = config.data;
const output = crop - 6;

/** A synthetic section as a dataset of one image, which makes four patches. */
function openSection(): Dataset {
  const { image, labels, types } = synthesizeSection({ width: SIDE, height: SIDE, seed: 5 });
  const classes = { ...labels, data: Uint8Array.from(labels.data, (id) => types[id]!) };
  return {
    root: "section",
    layout: "label-png",
    classes: RCC_CLASSES,
    synthetic: true,
    hasClasses: true,
    entries: [{ name: "section", set: null, imagePath: "section.png", labelPath: "", classPath: null }],
    load: () =>
      Promise.resolve({
        name: "section",
        image,
        instances: labels,
        classes,
        slide: null,
        patient: null,
        warnings: [],
      }),
  };
}

/** Processor time of this process, which other work on the machine lengthens less than wall-clock time. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

interface Answer {
  readonly seconds: number;
  readonly versions: string;
}

const pool = openSamplePool(openSection(), config, 0);
const { image } = await pool.prepare(0);
const batch = createBatch(SAMPLES, {
  crop,
  output,
  targets: ["binary", "distance", "task1", "task2", "classes"],
  classes: RCC_CLASSES,
  erodeBoundary: config.data.erodeBoundary,
});
const windows = planWindows(SIDE, SIDE, window, config.data.step);

/** Samples 0 … SAMPLES − 1 of an epoch, and what is drawn for each. */
function plansOf(epoch: number) {
  return Array.from({ length: SAMPLES }, (_, sample) => ({
    ...windows[sample % windows.length]!,
    ...drawAugmentation(config.aug, window, sampleRandom(1, epoch, sample)),
  }));
}

async function fillBatch(epoch: number): Promise<number> {
  const start = cpuSeconds();
  for (let sample = 0; sample < SAMPLES; sample++) {
    const at = windows[sample % windows.length]!;
    await pool.write({ batch, slot: sample, sample, image, at, variation: { seed: 1, epoch } });
  }
  return cpuSeconds() - start;
}

/** Shares of equal bytes in images and of equal classes, over the samples without noise. */
function compare(folder: string, plans: ReturnType<typeof plansOf>): { images: number; classes: number } {
  const theirs = {
    images: readFileSync(join(folder, "images.u8")),
    classes: readFileSync(join(folder, "classes.u8")),
  };
  const ours = { images: batch.images, classes: batchClasses(batch) };
  const share = (name: keyof typeof ours): number => {
    const each = ours[name].length / SAMPLES;
    let [equal, all] = [0, 0];
    for (const [sample, { colours }] of plans.entries()) {
      if (colours[0]?.kind === "noise") continue;
      for (let i = sample * each; i < (sample + 1) * each; i++) {
        if (ours[name][i] === theirs[name][i]) equal++;
      }
      all += each;
    }
    return equal / all;
  };
  return { images: share("images"), classes: share("classes") };
}

const folder = mkdtempSync(join(tmpdir(), "renograde-bench-"));
const peer = startPython("augmentation.py", [folder, String(SIDE)], { OMP_NUM_THREADS: "1" });
try {
  writeFileSync(join(folder, "rgb.u8"), image.rgb);
  writeFileSync(join(folder, "instances.i32"), image.instances);
  writeFileSync(join(folder, "maps.u8"), Buffer.concat([image.classes, image.distance]));
  const plans = plansOf(0);
  const first = await peer.ask<Answer>({ plans, keep: true });
  await fillBatch(0);
  const equal = compare(folder, plans);
  if (equal.images < 0.97 || equal.classes < 0.99)
    throw new Error(`results differ: ${JSON.stringify(equal)}`);
  await fillBatch(1);
  const ours: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await settle();
    ours.push(SAMPLES / (await fillBatch(round)));
    await settle();
    theirs.push(SAMPLES / (await peer.ask<Answer>({ plans: plansOf(round), keep: false })).seconds);
    ratios.push(ours.at(-1)! / theirs.at(-1)!);
  }
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  writeResult(
    "augmentation",
    `# Augmentation

The \`reference\` preset (docs/spec/training.md §6) from a decoded ${SIDE} x ${SIDE} image in memory to a filled place of a
batch: window ${window}, crop ${crop}, affine map, flips, blur or noise, hue, saturation, brightness, contrast, label
preparation (§4), five targets. Both sides apply the same parameters to the same synthetic section, one thread each, in
turns; processor time; medians with least and greatest of ${rounds} rounds of ${SAMPLES} samples. Both compute only the
crop. The peer: OpenCV for warps, blurs and colour spaces, NumPy for arithmetic, scikit-image for connected parts.

Checked in the run, samples with noise left out: ${percent(equal.images)} of the image bytes and ${percent(equal.classes)} of the classes are equal;
OpenCV rounds coordinates to 1/1024 px, and the last 6 pixels of a row otherwise than the rest in its way back from HSV.

Machine: ${describeMachine()}; ${first.versions}; other jobs on both processors, the
benchmark pinned to one of them.
Written by \`taskset -c 0 node --import tsx/esm --conditions=source bench/augmentation.ts\`.

| with | samples per second and core |
| --- | ---: |
| Renograde | ${spread(ours, 1)} |
| OpenCV, NumPy, scikit-image | ${spread(theirs, 1)} |
| ratio | ${median(ratios).toFixed(2)} |
`,
  );
} finally {
  peer.close();
  rmSync(folder, { recursive: true, force: true });
}
