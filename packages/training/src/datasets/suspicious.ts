/**
 * Annotated nuclei that look like mistakes. A suspicion is a reason to look, not a verdict; nothing is changed.
 *
 * | kind     | what is suspected                      | rule                                                           |
 * | -------- | -------------------------------------- | -------------------------------------------------------------- |
 * | `merged` | touching nuclei drawn as one           | two lobes with a neck below 0.8 of the smaller, solidity < 0.93 |
 * | `mixed`  | more than one class inside             | the second class has 2 % of the pixels or more                 |
 * | `tiny`   | a slip of the pen                      | below a tenth of the image's median area, not at the edge      |
 * | `huge`   | several nuclei, or something else      | above three times the area nine in ten nuclei of the image stay below |
 * | `hole`   | a ring, or a nucleus inside another    | enclosed pixels that are not its own, 4 or more                |
 * | `parts`  | two nuclei of one number, or a remnant | more than one 8-connected part, 4 px or more outside the largest |
 *
 * @module
 */
import { regionProperties } from "@renograde/core";
import type { LabelledImage } from "./dataset.js";
import { nucleusShape } from "./nucleus-shape.js";

/** What is suspected. */
export type SuspicionKind = "merged" | "mixed" | "tiny" | "huge" | "hole" | "parts";
/** All kinds, in the order of reports. */
export const SUSPICION_KINDS: readonly SuspicionKind[] = ["merged", "mixed", "tiny", "huge", "hole", "parts"];

/** One suspicious nucleus; a nucleus can have several. */
export interface Suspicion {
  readonly kind: SuspicionKind;
  readonly instance: number;
  /** rowMin, colMin, rowMax, colMax; maxima exclusive. */
  readonly box: readonly [number, number, number, number];
  /** Greater is clearer; comparable within a kind. */
  readonly score: number;
  /** The measured values in words. */
  readonly detail: string;
}

const NECK = 0.8;
const SOLIDITY = 0.93;
const LEAST_SHARE = 0.02;
const TINY = 0.1;
const HUGE = 3;
const LEAST_STRAY_PX = 4;
/** Images with fewer nuclei have no median worth the name. */
const FEW_NUCLEI = 10;

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** Finds the suspicious nuclei of an image, by number of the instance and kind. */
export function findSuspicious(image: Pick<LabelledImage, "instances" | "mixtures">): Suspicion[] {
  const { instances } = image;
  const { width, height } = instances;
  const { count, area, boxes, solidity } = regionProperties(instances);
  const ids = Array.from({ length: count }, (_, i) => i + 1).filter((id) => area[id]! > 0);
  const sorted = Float64Array.from(ids, (id) => area[id]!).sort();
  // Comparisons with NaN are false: no nucleus is tiny or huge among few.
  const quantile = (q: number): number =>
    sorted.length < FEW_NUCLEI ? Number.NaN : sorted[Math.floor(q * (sorted.length - 1))]!;
  const typical = quantile(0.5);
  const large = quantile(0.9);
  const mixtures = new Map(image.mixtures?.map((mixture) => [mixture.instance, mixture.shares]));
  const found: Suspicion[] = [];
  for (const id of ids) {
    const [top, left, bottom, right] = boxes.subarray(4 * id, 4 * id + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const box = [top, left, bottom, right] as const;
    const cut = top === 0 || left === 0 || bottom === height || right === width;
    const add = (kind: SuspicionKind, score: number, detail: string): void => {
      found.push({ kind, instance: id, box, score, detail });
    };
    const shape = nucleusShape(instances, id, box);
    if (shape.parts === 1 && shape.neck < NECK && solidity[id]! < SOLIDITY) {
      add("merged", 1 - shape.neck, `neck ${percent(shape.neck)} of the smaller lobe's width`);
    }
    const shares = mixtures.get(id);
    if (shares !== undefined && shares[1]![1] >= LEAST_SHARE) {
      add(
        "mixed",
        shares[1]![1],
        shares.map(([type, share]) => `class ${type}: ${percent(share)}`).join(", "),
      );
    }
    const own = area[id]!;
    if (own < TINY * typical && !cut)
      add("tiny", typical / own, `${own} px, the image's median is ${typical} px`);
    if (own > HUGE * large) {
      add("huge", own / large, `${own} px, nine in ten nuclei of the image stay below ${large} px`);
    }
    if (shape.holeArea >= LEAST_STRAY_PX) {
      const what = shape.enclosesOther ? ", another nucleus inside" : "";
      add("hole", shape.holeArea / own, `${shape.holeArea} px enclosed${what}`);
    }
    if (shape.parts > 1 && shape.looseArea >= LEAST_STRAY_PX) {
      const detail = `${shape.parts} parts, ${shape.looseArea} of ${own} px apart from the largest`;
      add("parts", shape.looseArea / own, detail);
    }
  }
  return found;
}
