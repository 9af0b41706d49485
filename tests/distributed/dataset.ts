/**
 * A tiny dataset for runs in several processes.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createRandom } from "@renograde/core";
import { writeLabelPng, writePng } from "@renograde/slides/node";

const SIDE = 32;

/** Writes images of 32 px with four round dark nuclei each. */
export async function writeTinyDataset(folder: string, images: number): Promise<void> {
  await mkdir(join(folder, "images"), { recursive: true });
  await mkdir(join(folder, "labels"), { recursive: true });
  for (let n = 0; n < images; n++) {
    const random = createRandom("several-processes", n);
    const labels = new Int32Array(SIDE * SIDE);
    for (let nucleus = 1; nucleus <= 4; nucleus++) {
      const [cx, cy, radius] = [random.uniform(4, 28), random.uniform(4, 28), random.uniform(3, 5)];
      for (let i = 0; i < labels.length; i++) {
        if (Math.hypot((i % SIDE) - cx, Math.floor(i / SIDE) - cy) < radius) labels[i] = nucleus;
      }
    }
    const data = new Uint8Array(SIDE * SIDE * 3);
    for (let i = 0; i < data.length; i++) {
      data[i] = (labels[Math.floor(i / 3)] === 0 ? 220 : 90) + random.int(-10, 10);
    }
    const size = { width: SIDE, height: SIDE };
    await writePng(join(folder, "images", `n${n}.png`), { ...size, data });
    await writeLabelPng(join(folder, "labels", `n${n}.png`), { ...size, data: labels });
  }
}
