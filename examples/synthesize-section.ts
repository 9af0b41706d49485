/**
 * Draws a synthetic clear cell carcinoma section and writes it as PNG, plain and with the true outlines in the
 * paper's colours.
 *
 *   npx tsx -C source examples/synthesize-section.ts [folder] [size] [seed]
 *
 * @module
 */
import { join } from "node:path";
import { RCC_CLASSES } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { synthesizeSection } from "@renograde/training";

const [folder = "synthetic-section", size = "1024", seed = "7"] = process.argv.slice(2);
const { image, labels, types } = synthesizeSection({
  width: Number(size),
  height: Number(size),
  seed: Number(seed),
});

// A pixel of a nucleus that is within two pixels of another label is part of its outline.
const { width, height, data } = labels;
const overlay = image.data.slice();
for (let y = 0; y < height; y++) {
  for (let x = 0; x < width; x++) {
    const label = data[y * width + x]!;
    if (label === 0) continue;
    const differs = (dx: number, dy: number): boolean => {
      const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
      return inside && data[(y + dy) * width + x + dx] !== label;
    };
    if ([1, 2].some((d) => differs(d, 0) || differs(-d, 0) || differs(0, d) || differs(0, -d))) {
      overlay.set(RCC_CLASSES.classes[types[label]! - 1]!.color, 3 * (y * width + x));
    }
  }
}

await writePng(join(folder, "synthetic.png"), image);
await writePng(join(folder, "synthetic-truth.png"), { width, height, data: overlay });
const counts = RCC_CLASSES.classes.map(
  ({ short }, i) => `${types.slice(1).filter((type) => type === i + 1).length} ${short}`,
);
console.log(`${folder}: synthetic section of ${types.length - 1} nuclei: ${counts.join(", ")}`);
