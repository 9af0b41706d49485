/**
 * Synthetic clear cell renal carcinoma with exact truth.
 *
 * @module
 */
export * from "./dataset.js";
export type { Nucleolus, NucleusModel } from "./nucleus-model.js";
export type {
  GradeMix,
  ResolvedSectionOptions,
  SectionOptions,
  SectionStain,
  StainVector,
} from "./options.js";
export { RCC_GRADE_MIX } from "./options.js";
export * from "./section.js";
export * from "./section-files.js";
