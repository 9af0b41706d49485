/**
 * Which pixels of an image are stained tissue, for stain normalisation.
 *
 * @module
 */

/** Byte of unstained glass and density below which a pixel is background: Macenko et al. 2009, β = 0.15. */
export const GLASS_BYTE = 240;
const LEAST_DENSITY = 0.15;

/** A pixel is tissue when each channel x has −ln((x + 1) / 240) ≥ 0.15, that is x ≤ 205. */
const BRIGHTEST = Math.floor(GLASS_BYTE * Math.exp(-LEAST_DENSITY) - 1);

/** Share of tissue below which an image says too little about its stains. */
export const LEAST_TISSUE = 0.05;

/** At most this many pixels, evenly spaced in raster order, are measured. */
const MEASURED_PIXELS = 2 ** 20;

/** Positions (of the red byte) of the measured pixels of an RGB image, and of those that are tissue. */
export function samplePixels(rgb: Uint8Array): { readonly all: Int32Array; readonly tissue: Int32Array } {
  const pixels = rgb.length / 3;
  const stride = Math.max(1, Math.ceil(pixels / MEASURED_PIXELS));
  const all = Int32Array.from({ length: Math.ceil(pixels / stride) }, (_, i) => 3 * i * stride);
  const tissue = all.filter(
    (p) => rgb[p]! <= BRIGHTEST && rgb[p + 1]! <= BRIGHTEST && rgb[p + 2]! <= BRIGHTEST,
  );
  return { all, tissue };
}
