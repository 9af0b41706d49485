/**
 * Measures a prediction against the truth. The prediction is the truth of a synthetic section with known mistakes:
 * every tenth nucleus is missing, every seventh has the wrong grade.
 *
 *   npx tsx -C source examples/evaluate.ts [size] [seed]
 *
 * @module
 */
import { evaluateImage, RCC_CLASSES, summarize } from "@renograde/core";
import { synthesizeSection } from "@renograde/training";

const [size = "256", seed = "7"] = process.argv.slice(2);
const side = Number(size);
const section = synthesizeSection({ width: side, height: side, seed: Number(seed) });
const ids = Array.from({ length: section.types.length - 1 }, (_, i) => i + 1);

const truth = { labels: section.labels, types: new Map(ids.map((id) => [id, section.types[id]!])) };
const prediction = {
  labels: { ...section.labels, data: section.labels.data.map((id) => (id % 10 === 0 ? 0 : id)) },
  types: new Map(ids.map((id) => [id, id % 7 === 0 ? (section.types[id]! % 4) + 1 : section.types[id]!])),
};

const scores = summarize([evaluateImage(truth, prediction, RCC_CLASSES)], RCC_CLASSES);
console.log(`${ids.length} nuclei; Dice ${scores.dice.toFixed(3)}, AJI ${scores.aji.toFixed(3)}`);
console.log(`PQ ${scores.pq.toFixed(3)} = DQ ${scores.dq.toFixed(3)} x SQ ${scores.sq.toFixed(3)}`);
scores.classPq.forEach((pq, i) => {
  console.log(
    `PQ of ${RCC_CLASSES.classes[i]!.name}: ${Number.isNaN(pq) ? "not in the truth" : pq.toFixed(3)}`,
  );
});
