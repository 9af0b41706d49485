/**
 * Synthetic H&E-like sections of clear cell renal carcinoma with exact truth. They are drawings for demonstrations,
 * tests and benchmarks, not tissue, and are called synthetic wherever they appear.
 *
 * @module
 */
import type { LabelMap, RgbImage } from "@renograde/core";
import type { NucleusModel } from "./nucleus-model.js";
import { type ResolvedSectionOptions, resolveSectionOptions, type SectionOptions } from "./options.js";
import { placeNuclei } from "./placement.js";
import { renderSection } from "./render.js";
import { Tissue } from "./tissue.js";
import { settleTruth } from "./truth.js";

/** A synthetic section and its truth. */
export interface SyntheticSection {
  /** 8-bit RGB. */
  readonly image: RgbImage;
  /** 0 background, 1 … n nuclei without gaps; each nucleus is one 4-connected region. */
  readonly labels: LabelMap;
  /** Class per label, 1 … 4 as in RCCNucSeg; `types[0]` is 0 and unused. */
  readonly types: Uint8Array;
  /** What was drawn: `nuclei[i]` is label i + 1. */
  readonly nuclei: readonly NucleusModel[];
  readonly seed: number;
  /** The options with everything that was drawn from the seed. */
  readonly options: ResolvedSectionOptions;
}

/**
 * Draws a synthetic section: nests of clear cells, a delicate vascular network with endothelial nuclei along it,
 * tumour nuclei of grade 1 to 3 told apart by their nucleoli, in the class shares of RCCNucSeg (spec/data.md §1).
 * Time and memory grow with the area.
 *
 * @returns the same bytes for the same options on every machine
 * @throws UsageError when an option is out of range
 *
 * @example
 * const { image, labels, types } = synthesizeSection({ width: 512, height: 512, seed: 7 });
 */
export function synthesizeSection(options: SectionOptions): SyntheticSection {
  const resolved = resolveSectionOptions(options);
  const tissue = new Tissue(resolved);
  const { labels, nuclei } = settleTruth(
    resolved.width,
    resolved.height,
    placeNuclei(tissue, resolved),
    resolved.mpp,
  );
  const types = new Uint8Array(nuclei.length + 1);
  nuclei.forEach((nucleus, i) => {
    types[i + 1] = nucleus.type;
  });
  const image = renderSection(resolved, tissue, nuclei);
  return { image, labels, types, nuclei, seed: resolved.seed, options: resolved };
}
