/**
 * The pixel size a plain image file records, where it is believable for a microscope. Scanners and ImageJ write
 * it; cameras and editors write a print resolution (72, 96, 300 dots per inch) into the same fields, which is no
 * pixel size of tissue and is therefore left out. Nothing is ever guessed.
 *
 * @module
 */
import type { PngHeader } from "./png-header.js";
import type { TiffHeader } from "./tiff-header.js";

/** A pixel size and where it was found. */
export interface PixelSize {
  /** Micrometres per pixel. */
  readonly mpp: number;
  /** Where it comes from, for the terminal and the report, such as `"TIFF resolution tags"`. */
  readonly source: string;
}

/** Micrometres per pixel between an oil objective with a small camera pixel and a 2.5x objective. */
const PLAUSIBLE_MPP = { min: 0.05, max: 4 } as const;
/** Largest relative difference between x and y. */
const SQUARE_TOLERANCE = 0.02;

/** Returns the mean of x and y when both are plausible and agree within 2 %. */
function accept(mppX: number, mppY: number, source: string): PixelSize | undefined {
  const plausible = (mpp: number): boolean => mpp >= PLAUSIBLE_MPP.min && mpp <= PLAUSIBLE_MPP.max;
  if (!plausible(mppX) || !plausible(mppY)) return undefined;
  if (Math.abs(mppX - mppY) > SQUARE_TOLERANCE * Math.min(mppX, mppY)) return undefined;
  // Seven digits remove the noise of rounded resolutions: 101600 dots per inch is 0.25, not 0.24999999.
  return { mpp: Number(((mppX + mppY) / 2).toPrecision(7)), source };
}

/** The pixel size of a PNG file: its pHYs chunk, when between 0.05 and 4 µm and the same along both axes. */
export function pngPixelSize(header: PngHeader): PixelSize | undefined {
  if (!header.pixelsPerMetre) return undefined;
  const [x, y] = header.pixelsPerMetre;
  const size = accept(1e6 / x, 1e6 / y, "PNG resolution (pHYs)");
  // pHYs counts whole pixels per metre, so more than four digits are an artefact of that rounding.
  return size && { ...size, mpp: Number(size.mpp.toPrecision(4)) };
}

/**
 * The pixel size of a TIFF file, from the first of: Aperio's `MPP =`, OME-XML's `PhysicalSizeX` in micrometres,
 * ImageJ's unit with the resolution tags, the resolution tags in centimetres or inches.
 */
export function tiffPixelSize(header: TiffHeader): PixelSize | undefined {
  const { tags } = header;
  const text = tags.get(270);
  const description = typeof text === "string" ? text : "";
  const aperio = /\bMPP\s*=\s*([0-9.]+)/.exec(description);
  if (aperio) {
    const mpp = Number(aperio[1]);
    return accept(mpp, mpp, "Aperio MPP in the image description");
  }
  const omeX = /PhysicalSizeX="([0-9.eE+-]+)"/.exec(description);
  if (omeX) {
    const omeY = /PhysicalSizeY="([0-9.eE+-]+)"/.exec(description);
    const units = [...description.matchAll(/PhysicalSize[XY]Unit="([^"]*)"/g)].map((m) => m[1]!);
    // The description is UTF-8 read byte by byte, where the micro sign takes two characters.
    if (!units.every((unit) => /^(µm|\u00c2\u00b5m|um|micron)$/.test(unit))) return undefined;
    return accept(Number(omeX[1]), Number(omeY ? omeY[1] : omeX[1]), "OME-XML PhysicalSizeX");
  }
  const number = (tag: number): number => {
    const value = tags.get(tag);
    return typeof value === "object" ? (value[0] ?? Number.NaN) : Number.NaN;
  };
  const x = number(282);
  const y = number(283);
  if (description.startsWith("ImageJ=")) {
    const unit = /^unit=(.*)$/m.exec(description)?.[1]?.trim();
    const um = new Map([
      ["micron", 1],
      ["\\u00B5m", 1],
      ["um", 1],
      ["nm", 1e-3],
      ["mm", 1e3],
      ["cm", 1e4],
    ]).get(unit ?? "");
    return um === undefined ? undefined : accept(um / x, um / y, "ImageJ calibration");
  }
  const unit = Number.isNaN(number(296)) ? 2 : number(296);
  const um = unit === 2 ? 25_400 : unit === 3 ? 10_000 : Number.NaN;
  return accept(um / x, um / y, "TIFF resolution tags");
}
