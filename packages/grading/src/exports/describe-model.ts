/**
 * The few entries by which every output file says what made it.
 *
 * @module
 */
import type { GradedImage } from "../graded-image.js";

/** Model name, parameter hash and intended use; empty where maps were post-processed without their model. */
export function describeModel(graded: GradedImage): Record<string, string> {
  const { metadata } = graded;
  if (!metadata) return {};
  return {
    ...(graded.stainNorm !== undefined && { stain_norm: graded.stainNorm }),
    model: metadata.name,
    model_parameters_sha256: metadata.parameterHash,
    intended_use: metadata.intendedUse,
  };
}
