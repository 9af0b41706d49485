/**
 * The exact truth of a synthetic section: which nucleus each pixel belongs to. It is settled before anything is
 * drawn, and a nucleus that would not be countable is taken out of the section, so image and truth agree.
 *
 * @module
 */
import { createLabelMap, type LabelMap } from "@renograde/core";
import { depthInside, type NucleusModel, reachOf } from "./nucleus-model.js";

/** Smallest visible nucleus (at the image's border), and smallest visible share of a covered one. */
const MIN_VISIBLE_UM2 = 1.5;
const MIN_VISIBLE_SHARE = 0.6;
/** Parts up to this size that the pixel grid cuts off an outline's tip become background. */
const MAX_CRUMB_PX = 6;

/** The nuclei of a section and their label map: `nuclei[i]` has label i + 1 and is one 4-connected region. */
export interface SectionTruth {
  readonly labels: LabelMap;
  readonly nuclei: readonly NucleusModel[];
}

/** Pixels of the image a nucleus can touch, as `[xMin, yMin, xMax, yMax]`, maxima exclusive. */
export function boundsOf(
  nucleus: NucleusModel,
  width: number,
  height: number,
): [number, number, number, number] {
  const reach = reachOf(nucleus);
  return [
    Math.max(0, Math.floor(nucleus.x - reach)),
    Math.max(0, Math.floor(nucleus.y - reach)),
    Math.min(width, Math.ceil(nucleus.x + reach) + 1),
    Math.min(height, Math.ceil(nucleus.y + reach) + 1),
  ];
}

/** Writes every nucleus into the label map, later ones over earlier ones; returns the pixels each one wrote. */
function paint(labels: LabelMap, nuclei: readonly NucleusModel[]): Int32Array {
  const { width, height, data } = labels;
  data.fill(0);
  const written = new Int32Array(nuclei.length);
  nuclei.forEach((nucleus, i) => {
    const [xMin, yMin, xMax, yMax] = boundsOf(nucleus, width, height);
    for (let y = yMin; y < yMax; y++) {
      for (let x = xMin; x < xMax; x++) {
        if (depthInside(nucleus, x - nucleus.x, y - nucleus.y) <= 0) continue;
        data[y * width + x] = i + 1;
        written[i]! += 1;
      }
    }
  });
  return written;
}

/** Sizes of the 4-connected parts of one label, and crumbs set to background; true when one part is left. */
function isWhole(labels: LabelMap, label: number, bounds: readonly number[], seen: Uint8Array): boolean {
  const { width, height, data } = labels;
  const [xMin, yMin, xMax, yMax] = bounds as [number, number, number, number];
  const parts: number[][] = [];
  for (let y = yMin; y < yMax; y++) {
    for (let x = xMin; x < xMax; x++) {
      const start = y * width + x;
      if (data[start] !== label || seen[start] === 1) continue;
      const part = [start];
      seen[start] = 1;
      for (let k = 0; k < part.length; k++) {
        const at = part[k]!;
        const column = at % width;
        const near = [
          column > 0 ? at - 1 : -1,
          column < width - 1 ? at + 1 : -1,
          at - width,
          at < width * (height - 1) ? at + width : -1,
        ];
        for (const next of near) {
          if (next < 0 || data[next] !== label || seen[next] === 1) continue;
          seen[next] = 1;
          part.push(next);
        }
      }
      parts.push(part);
    }
  }
  parts.sort((p, q) => q.length - p.length);
  for (const part of parts.slice(1)) {
    if (part.length > MAX_CRUMB_PX) return false;
    for (const at of part) data[at] = 0;
  }
  return true;
}

/**
 * Settles the truth. Nuclei with less than 1.5 µm² (24 px at 0.25 µm/px) visible, with less than 60 % of their pixels visible, or cut
 * into parts by one in front are removed; the rest keep their order.
 */
export function settleTruth(
  width: number,
  height: number,
  placed: readonly NucleusModel[],
  mpp: number,
): SectionTruth {
  const labels = createLabelMap(width, height);
  const seen = new Uint8Array(width * height);
  let nuclei = placed;
  for (;;) {
    const written = paint(labels, nuclei);
    const visible = new Int32Array(nuclei.length + 1);
    for (const label of labels.data) visible[label]! += 1;
    seen.fill(0);
    const kept = nuclei.filter((nucleus, i) => {
      const pixels = visible[i + 1]!;
      return (
        pixels * mpp * mpp >= MIN_VISIBLE_UM2 &&
        pixels >= written[i]! * MIN_VISIBLE_SHARE &&
        isWhole(labels, i + 1, boundsOf(nucleus, width, height), seen)
      );
    });
    if (kept.length === nuclei.length) return { labels, nuclei };
    nuclei = kept;
  }
}
