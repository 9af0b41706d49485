/**
 * Scale bars in pictures.
 *
 * @module
 */
import type { Triple } from "@renograde/core";
import type { Canvas } from "./canvas.js";
import { textHeight, textWidth } from "./font.js";

const GROUND: Triple = [14, 17, 19];
const INK: Triple = [231, 235, 238];
const LENGTHS_UM = [5, 10, 20, 25, 50, 100];

/**
 * Draws a bar of round length with its legend into the lower left corner of a tile of `side` px at (x, y).
 *
 * @param mpp - micrometres per pixel of the tile
 * @param scale - pixels per dot of the letters
 */
export function drawScaleBar(
  canvas: Canvas,
  x: number,
  y: number,
  side: number,
  mpp: number,
  scale: number,
): void {
  const um = LENGTHS_UM.findLast((length) => length / mpp <= side / 2) ?? LENGTHS_UM[0]!;
  const px = Math.round(um / mpp);
  const text = `${um} µm`;
  const height = textHeight(scale) + 4 * scale;
  const top = y + side - height - 4;
  canvas.fill(x + 4, top - 2, Math.max(px, textWidth(text, scale)) + 8, height + 4, GROUND);
  canvas.write(text, x + 8, top, scale, INK);
  canvas.fill(x + 8, top + height - 2 * scale, px, 2, INK);
}
