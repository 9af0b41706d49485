/**
 * Draws a synthetic section band by band: dyes, light through them, blur, uneven illumination, camera noise and the
 * loss of a JPEG file. Memory beyond the image grows with its width only.
 *
 * @module
 */
import { createRandom, type RgbImage } from "@renograde/core";
import { applyJpegLoss } from "./jpeg-loss.js";
import { type NucleusModel, reachOf } from "./nucleus-model.js";
import { blurRows, gaussian, shine } from "./optics.js";
import type { ResolvedSectionOptions } from "./options.js";
import { type Dyes, Painter, placeBlood } from "./painter.js";
import type { Tissue } from "./tissue.js";

/** Rows drawn at once. */
const BAND = 128;

/**
 * Draws the section.
 *
 * @param nuclei - those of the truth, in their order: later ones in front
 */
export function renderSection(
  options: ResolvedSectionOptions,
  tissue: Tissue,
  nuclei: readonly NucleusModel[],
): RgbImage {
  const { width, height, seed, mpp, stain } = options;
  const image = new Uint8Array(width * height * 3);
  const painter = new Painter(options, tissue);
  const blood = placeBlood(tissue, options);
  const kernel = gaussian(options.blurUm / mpp);
  const halo = (kernel.length - 1) / 2;
  const bandWidth = width + 2 * halo;
  const bandRows = BAND + 2 * halo;
  const dyes: Dyes = {
    haematoxylin: new Float32Array(bandWidth * bandRows),
    eosin: new Float32Array(bandWidth * bandRows),
    blood: new Float32Array(bandWidth * bandRows),
  };
  const light = new Float32Array(bandWidth * bandRows * 3);
  const blurred = new Float32Array(width * bandRows * 3);
  const optics = createRandom(seed, "optics");
  const tilt = optics.uniform(0, 2 * Math.PI);
  const tiltX = (Math.cos(tilt) * options.shading) / width;
  const tiltY = (Math.sin(tilt) * options.shading) / height;
  const brightness = optics.uniform(0.96, 1.02);
  const noise = new Float32Array(65536);
  const grain = createRandom(seed, "camera");
  for (let i = 0; i < noise.length; i++) noise[i] = grain.normal(0, options.noise);

  for (let y0 = 0; y0 < height; y0 += BAND) {
    const rows = Math.min(BAND, height - y0);
    const top = y0 - halo;
    const drawn = rows + 2 * halo;
    painter.tissue(dyes, -halo, top, bandWidth, drawn);
    const touches = (y: number, reach: number): boolean => y + reach >= top && y - reach <= top + drawn;
    painter.blood(
      dyes,
      blood.filter((cell) => touches(cell.y, cell.radius + 2)),
      -halo,
      top,
      bandWidth,
      drawn,
    );
    for (const nucleus of nuclei) {
      if (touches(nucleus.y, reachOf(nucleus) + 1))
        painter.nucleus(dyes, nucleus, -halo, top, bandWidth, drawn);
    }
    shine(dyes, light, bandWidth * drawn, stain);
    blurRows(light, blurred, bandWidth, width, drawn, kernel);
    for (let row = 0; row < rows; row++) {
      const y = y0 + row;
      // Every row reads the noise from a place of its own.
      const phase = createRandom(seed, "row", y).int(0, 65535);
      for (let column = 0; column < width * 3; column++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * blurred[(row + k) * width * 3 + column]!;
        const x = Math.floor(column / 3);
        const shade =
          brightness *
          (1 - Math.abs(options.shading) / 2 + tiltX * (x - width / 2) + tiltY * (y - height / 2));
        const value = sum * shade + noise[(phase + column * 7) & 65535]!;
        image[y * width * 3 + column] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  const drawn: RgbImage = { width, height, data: image };
  if (options.jpegQuality < 100) applyJpegLoss(drawn, options.jpegQuality);
  return drawn;
}
