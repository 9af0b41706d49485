/**
 * Grades one image with a model file and writes its nuclei for QuPath, by the library instead of the command.
 *
 *   npx tsx -C source examples/grade-image.ts model.onnx image.png nuclei.geojson
 *
 * @module
 */
import { basename } from "node:path";
import { encodeGeoJson, gradeImage, typeName } from "@renograde/grading";
import { openOnnxModel } from "@renograde/grading/node";
import { readImage, writeFileAtomic } from "@renograde/slides/node";

const [modelPath, imagePath, outPath = "nuclei.geojson"] = process.argv.slice(2);
if (modelPath === undefined || imagePath === undefined) {
  throw new Error("usage: grade-image.ts model.onnx image.png [nuclei.geojson]");
}

const { session, metadata } = await openOnnxModel(modelPath, { threads: 1 });
const { image, pixelSize } = await readImage(imagePath);
const graded = await gradeImage(image, session, metadata, pixelSize === undefined ? {} : { pixelSize });
await session.close();
await writeFileAtomic(outPath, encodeGeoJson(graded, basename(imagePath)));

console.log(`${metadata.name}; trained on: ${metadata.training.data}`);
console.log(`${graded.pixelSize.mpp} µm per pixel (${graded.pixelSize.source})`);
graded.counts.forEach((count, type) => {
  if (type > 0) console.log(`${typeName(graded.classes, type)}: ${count}`);
});
const largest = [...graded.nuclei].sort((a, b) => b.areaUm2 - a.areaUm2)[0];
if (largest)
  console.log(`largest nucleus: ${largest.areaUm2.toFixed(1)} µm² at (${largest.centroid.join(", ")})`);
