/**
 * What the reproduction trains on and how: crops of real tissue, the configuration, the scores to reach.
 *
 * @module
 */
import type { Crop } from "./crops.js";

/** Crops of one dataset and how a network is trained on them. */
export interface Source {
  readonly name: string;
  /** Network of the configuration; every network has a page of its own. */
  readonly network: string;
  /** For the table. */
  readonly title: string;
  /** Folder below RENOGRADE_DATA. */
  readonly folder: string;
  readonly crops: readonly Crop[];
  /** Configuration of the run, YAML. */
  readonly config: string;
}

/** What a network's page says about its settings, beyond what all share. */
export const NOTES: Readonly<Record<string, string>> = {
  "chr-net":
    "with the labels eroded by one pixel in training and whole in the evaluation, and the published constants of post-processing. Not default, to need few steps: a quarter of the width, small windows, no augmentation, larger learning rates, and a fusion that starts as the sum of both tasks (`fusionInit: product`).",
  "u-net":
    "with the labels eroded by one pixel in training, whole in the evaluation, and dilated by one pixel in post-processing, which makes up for the erosion (`post.dilate`; published is 0, with which the same weights gave Dice 0.8415 and PQ 0.5935). Not default, to need few steps: an eighth of the width, small windows, no augmentation, larger learning rates, no pretrained encoder.",
  "mask-rcnn":
    "with whole labels, and the published constants of post-processing. Not default, to need few steps: an eighth of the width, smaller windows, no augmentation, a larger learning rate, no pretrained encoder (its batch norms, which never learn, leave the values as they are).",
  "micro-net":
    "with the labels eroded by one pixel in training and whole in the evaluation, and dilated by one pixel in post-processing, as published. Not default, to need few steps: an eighth of the width, no augmentation, larger learning rates.",
  "hover-net":
    "with whole labels, and the published constants of post-processing. Not default, to need few steps: an eighth of the width, the 3x3 decoders (256 to 164 px), no augmentation, larger learning rates, no pretrained encoder.",
  dist: "with whole labels, and the published constants of post-processing (every maximum of the distance is a nucleus). Not default, to need few steps: a quarter of the width, larger windows (less of them is rim), no augmentation.",
};

/** Scores that prove the point, on the crops trained on. */
export const TARGETS = { dice: 0.85, pq: 0.6 } as const;

const SIDE = 216;

/**
 * Everything not named here is the method's default. Windows of 134 px every 72 px are those of grading (128 px
 * output, 72 px kept), so crops of 3 · 72 px have exactly the windows that grading asks for: nine each.
 */
function chrNet(epochs: number): string {
  return `
net: { width: 0.25, fusionInit: product }
data: { window: 134, crop: 134, step: 72 }
aug: { preset: none }
split: { fractions: [1, 0, 0] }
train:
  seed: 10
  batch: 2
  threads: 1
  saveEvery: 0
  phases: [{ epochs: ${epochs}, lr: 2.0e-3, lrDrop: 2.0e-4, lrDropAfter: ${epochs - 10} }]
`;
}

/**
 * The settings of a network for windows of `crop` px whose kept centres are `step` px wide, the side of the crops: one
 * window each, exactly the one that grading asks for.
 */
function oneWindow(net: string, crop: number, step: number, train: { epochs: number; lr: number }): string {
  const { epochs, lr } = train;
  const last = Math.round(epochs / 4);
  return `
net: { ${net} }
data: { window: ${crop}, crop: ${crop}, step: ${step} }
aug: { preset: none }
split: { fractions: [1, 0, 0] }
train:
  seed: 10
  batch: 2
  threads: 1
  saveEvery: 0
  phases: [{ epochs: ${epochs}, lr: ${lr}, lrDrop: ${lr / 10}, lrDropAfter: ${epochs - last} }]
`;
}

/** The same two places of CoNSeP as CHR-Net's, of another side. */
function colon(side: number): Pick<Source, "title" | "folder" | "crops"> {
  return {
    title: "CoNSeP, adenocarcinoma of the colon, four classes",
    folder: "consep",
    crops: [
      { image: "train_08", top: 168, left: 0, side },
      { image: "train_19", top: 24, left: 696, side },
    ],
  };
}

/** Kidney without classes, and four classes of colon. */
export const SOURCES: readonly Source[] = [
  {
    name: "kidney",
    network: "chr-net",
    title: "MoNuSeg, clear cell carcinoma of the kidney, one class",
    folder: "monuseg",
    crops: [
      { image: "TCGA-B0-5710-01Z-00-DX1", top: 0, left: 0, side: SIDE },
      { image: "TCGA-B0-5711-01Z-00-DX1", top: 300, left: 300, side: SIDE },
    ],
    config: chrNet(40),
  },
  { name: "consep", network: "chr-net", ...colon(SIDE), config: chrNet(50) },
  {
    name: "u-net",
    network: "u-net",
    ...colon(148),
    config: `${oneWindow("network: u-net, width: 0.125", 182, 148, { epochs: 160, lr: 2e-3 })}post: { dilate: 1 }\n`,
  },
  {
    name: "mask-rcnn",
    network: "mask-rcnn",
    ...colon(128),
    config: oneWindow("network: mask-rcnn, width: 0.125", 256, 128, { epochs: 150, lr: 1e-3 }),
  },
  {
    name: "micro-net",
    network: "micro-net",
    ...colon(200),
    config: oneWindow("network: micro-net, width: 0.125", 252, 200, { epochs: 240, lr: 2e-3 }),
  },
  {
    name: "hover-net",
    network: "hover-net",
    ...colon(164),
    config: oneWindow("network: hover-net, width: 0.125, hoverWindow: 256", 256, 164, {
      epochs: 150,
      lr: 8e-3,
    }),
  },
  {
    name: "dist",
    network: "dist",
    ...colon(148),
    config: oneWindow("network: dist, width: 0.25", 332, 148, { epochs: 240, lr: 2e-3 }),
  },
];
