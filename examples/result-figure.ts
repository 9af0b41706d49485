/**
 * Draws the picture of the README: the middle of a synthetic section as input, truth and prediction side by side,
 * with legend and scale bar. The defaults draw the section of `npm run demo`.
 *
 *   npx tsx -C source examples/result-figure.ts [model.onnx] [out.png] [section side] [crop side]
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { drawOverlay, RCC_CLASSES, type RgbImage } from "@renograde/core";
import { gradeImage } from "@renograde/grading";
import { openOnnxModel } from "@renograde/grading/node";
import { synthesizeSection } from "@renograde/training";
import sharp from "sharp";

const [model = "models/chr-net-synthetic.onnx", out = "docs/images/result.png", side = "1024", crop = "320"] =
  process.argv.slice(2);
const [size, view] = [Number(side), Number(crop)];

const section = synthesizeSection({ width: size, height: size, seed: 2047 });
const { image, labels, types } = section;
const pixelSize = { mpp: section.options.mpp, source: "as drawn" };
const { session, metadata } = await openOnnxModel(model);
const graded = await gradeImage(image, session, metadata, { pixelSize });
await session.close();
const nuclei = Array.from(types.subarray(1), (type, i) => ({ id: i + 1, type }));
const truth = drawOverlay(image, { labels, nuclei, classes: RCC_CLASSES, pixelSize });

const [margin, head, foot] = [8, 26, 44];
const width = 3 * view + 4 * margin;
const height = head + view + foot;
const left = (panel: number): number => margin + panel * (view + margin);
const middle = Math.floor((size - view) / 2);
const panels = [image, truth, drawOverlay(image, graded)].map(async (panel: RgbImage, i) => ({
  input: await sharp(panel.data, { raw: { width: size, height: size, channels: 3 } })
    .extract({ left: middle, top: middle, width: view, height: view })
    .png()
    .toBuffer(),
  left: left(i),
  top: head,
}));

const bar = { um: 20, px: 20 / pixelSize.mpp, y: head + view - 14 };
const titles = ["input", "truth", "prediction"].map(
  (title, i) => `<text x="${left(i)}" y="18" font-weight="600">${title}</text>`,
);
const legend = RCC_CLASSES.classes.map(({ name, color }, i) => {
  const x = margin + i * 104;
  return `<rect x="${x}" y="${head + view + 10}" width="12" height="12" fill="rgb(${color.join()})" stroke="#56616b"/>
    <text x="${x + 18}" y="${head + view + 21}">${name}</text>`;
});
const writing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
  <g font-family="DejaVu Sans, Arial, sans-serif" font-size="13" fill="#14181b">${titles.join("")}${legend.join("")}
  <text x="${margin}" y="${height - 6}" font-size="11" fill="#56616b">Synthetic section and a model trained on synthetic sections only. Research use only.</text></g>
  <rect x="${left(0) + 8}" y="${bar.y - 14}" width="${bar.px + 12}" height="22" fill="#fff" fill-opacity="0.8"/>
  <rect x="${left(0) + 14}" y="${bar.y}" width="${bar.px}" height="3" fill="#14181b"/>
  <text x="${left(0) + 14}" y="${bar.y - 3}" font-family="DejaVu Sans, Arial, sans-serif" font-size="10">${bar.um} µm</text>
</svg>`;

await mkdir(dirname(out), { recursive: true });
await sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
  .composite([...(await Promise.all(panels)), { input: Buffer.from(writing), left: 0, top: 0 }])
  .png({ palette: true, quality: 95, effort: 10 })
  .toFile(out);
console.log(`${out}: ${nuclei.length} synthetic nuclei in the section, ${graded.nuclei.length} found`);
