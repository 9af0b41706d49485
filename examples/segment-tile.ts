/**
 * From maps to typed nuclei without a network: the maps are made from the truth of a synthetic section, so the
 * result must be that truth, but for nuclei that touch at a corner.
 *
 *   npx tsx -C source examples/segment-tile.ts [size] [seed]
 *
 * @module
 */
import {
  computeOverlap,
  countMatches,
  DEFAULT_POST_OPTIONS,
  instanceDistanceMap,
  type NetworkMaps,
  panopticScores,
  RCC_CLASSES,
  segmentNuclei,
  voteTypes,
} from "@renograde/core";
import { synthesizeSection } from "@renograde/training";

const [size = "256", seed = "7"] = process.argv.slice(2);
const side = Number(size);
const { labels, types } = synthesizeSection({ width: side, height: side, seed: Number(seed) });

// Seven planes: probabilities of background and the four classes, of nucleus, and the distance map.
const plane = side * side;
const maps: NetworkMaps = { width: side, height: side, channels: 7, data: new Float32Array(7 * plane) };
labels.data.forEach((label, p) => {
  maps.data[types[label]! * plane + p] = 1;
  maps.data[5 * plane + p] = label > 0 ? 1 : 0;
});
maps.data.set(instanceDistanceMap(labels).data, 6 * plane);

const found = segmentNuclei(maps, RCC_CLASSES, DEFAULT_POST_OPTIONS).labels;
const votes = voteTypes(found, maps, DEFAULT_POST_OPTIONS);
const counts = RCC_CLASSES.classes.map(
  ({ short }, i) => `${votes.types.filter((type) => type === i + 1).length} ${short}`,
);
const { pq } = panopticScores(countMatches(computeOverlap(labels, found), 0.5), 1e-6);
console.log(
  `${types.length - 1} nuclei drawn, ${found.count} found: ${counts.join(", ")}; PQ ${pq.toFixed(3)}`,
);
