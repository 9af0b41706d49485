/**
 * Trains a very narrow CHR-Net on twenty synthetic patches and exports it. It shows the way from data to a model
 * file; the model is far too small and too briefly trained to be of use. Needs libtorch.
 *
 *   npx tsx -C source examples/train-twenty-patches.ts [folder] [epochs]
 *
 * @module
 */
import { join } from "node:path";
import { exportRun, parseConfig, train, writeSyntheticDataset } from "@renograde/training";

const [folder = "twenty-patches", epochs = "2"] = process.argv.slice(2);
const dataDir = join(folder, "data");
const runDir = join(folder, "run");

await writeSyntheticDataset({ outDir: dataDir, train: 20, valid: 2, test: 0, size: 64, seed: 1 });
const config = parseConfig(
  `
net: { width: 0.03 }
data: { window: 80, step: 64, crop: 70 }
aug: { preset: flip }
train:
  batch: 4
  threads: 1
  phases: [{ epochs: ${epochs}, lr: 3.0e-3, lrDrop: 1.0e-3, lrDropAfter: 1 }]
model: { name: twenty-patches, licence: Apache-2.0 }
`,
);
const result = await train({
  config,
  dataDir,
  runDir,
  resume: true,
  onProgress: (event) => {
    if (event.kind === "epoch") console.log(`epoch ${event.epoch}: loss ${event.losses.total.toFixed(3)}`);
  },
});
const metadata = await exportRun(runDir, join(folder, "twenty-patches.onnx"));
console.log(`${result.steps} steps; ${metadata.name}.onnx, synthetic: ${metadata.training.synthetic}`);
