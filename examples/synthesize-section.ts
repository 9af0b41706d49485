/**
 * Draws a synthetic clear cell carcinoma section and writes it as PNG, plain and with the true outlines in the
 * paper's colours.
 *
 *   npx tsx -C source examples/synthesize-section.ts [folder] [size] [seed]
 *
 * @module
 */
import { join } from "node:path";
import { drawOverlay, RCC_CLASSES } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { synthesizeSection } from "@renograde/training";

const [folder = "synthetic-section", size = "1024", seed = "7"] = process.argv.slice(2);
const { image, labels, types, options } = synthesizeSection({
  width: Number(size),
  height: Number(size),
  seed: Number(seed),
});
const nuclei = Array.from(types.subarray(1), (type, i) => ({ id: i + 1, type }));
const truth = { labels, nuclei, classes: RCC_CLASSES, pixelSize: { mpp: options.mpp } };

await writePng(join(folder, "synthetic.png"), image);
await writePng(join(folder, "synthetic-truth.png"), drawOverlay(image, truth));
const counts = RCC_CLASSES.classes.map(
  ({ short }, i) => `${nuclei.filter(({ type }) => type === i + 1).length} ${short}`,
);
console.log(`${folder}: synthetic section of ${nuclei.length} nuclei: ${counts.join(", ")}`);
