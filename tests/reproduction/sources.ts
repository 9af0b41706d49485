/**
 * What the reproduction trains on and how: crops of real tissue, the configuration, the scores to reach.
 *
 * @module
 */
import type { Crop } from "./crops.js";

/** Crops of one dataset and how a network is trained on them. */
export interface Source {
  readonly name: string;
  /** For the table. */
  readonly title: string;
  /** Folder below RENOGRADE_DATA. */
  readonly folder: string;
  readonly crops: readonly Crop[];
  /** Configuration of the run, YAML. */
  readonly config: string;
}

/** Scores that prove the point, on the crops trained on. */
export const TARGETS = { dice: 0.85, pq: 0.6 } as const;

const SIDE = 216;

/**
 * Everything not named here is the method's default. Windows of 134 px every 72 px are those of grading (128 px
 * output, 72 px kept), so crops of 3 · 72 px have exactly the windows that grading asks for: nine each.
 */
function configuration(epochs: number): string {
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

/** Kidney without classes, and four classes of colon. */
export const SOURCES: readonly Source[] = [
  {
    name: "kidney",
    title: "MoNuSeg, clear cell carcinoma of the kidney, one class",
    folder: "monuseg",
    crops: [
      { image: "TCGA-B0-5710-01Z-00-DX1", top: 0, left: 0, side: SIDE },
      { image: "TCGA-B0-5711-01Z-00-DX1", top: 300, left: 300, side: SIDE },
    ],
    config: configuration(40),
  },
  {
    name: "consep",
    title: "CoNSeP, adenocarcinoma of the colon, four classes",
    folder: "consep",
    crops: [
      { image: "train_08", top: 168, left: 0, side: SIDE },
      { image: "train_19", top: 24, left: 696, side: SIDE },
    ],
    config: configuration(50),
  },
];
