/**
 * A picture to draw on: rectangles, images, captions.
 *
 * @module
 */
import type { RgbImage, Triple } from "@renograde/core";
import { forEachDot } from "./font.js";

/** An RGB picture under construction. */
export interface Canvas extends RgbImage {
  /** Fills a rectangle; what lies outside the picture is cut off. */
  fill(x: number, y: number, width: number, height: number, color: Triple): void;
  /** Copies an image with its top left corner at (x, y). */
  paste(image: RgbImage, x: number, y: number): void;
  /** Writes a line of text, `scale` pixels per dot. */
  write(text: string, x: number, y: number, scale: number, color: Triple): void;
}

/** Creates a picture of one colour. */
export function createCanvas(width: number, height: number, color: Triple): Canvas {
  const data = new Uint8Array(width * height * 3);
  const canvas: Canvas = {
    width,
    height,
    data,
    fill(left, top, w, h, [r, g, b]) {
      for (let y = Math.max(0, top); y < Math.min(height, top + h); y++) {
        for (let x = Math.max(0, left); x < Math.min(width, left + w); x++) {
          const i = (y * width + x) * 3;
          data[i] = r;
          data[i + 1] = g;
          data[i + 2] = b;
        }
      }
    },
    paste(image, left, top) {
      for (let y = 0; y < image.height; y++) {
        const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
        data.set(row, ((top + y) * width + left) * 3);
      }
    },
    write(text, left, top, scale, ink) {
      forEachDot(text, (x, y) => canvas.fill(left + x * scale, top + y * scale, scale, scale, ink));
    },
  };
  canvas.fill(0, 0, width, height, color);
  return canvas;
}
