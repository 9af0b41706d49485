/**
 * Seeded nuclei for the benchmarks of post-processing: ellipses on a jittered grid, some touching.
 *
 * @module
 */
import { createLabelMap, type LabelMap, type Random } from "@renograde/core";

/** An image of `side × side` px with `nuclei` ellipses. */
export interface Scene {
  readonly side: number;
  readonly nuclei: number;
}

/** Draws a type 1…4 for each nucleus and paints the ellipses, radii 8 to 16 px, later ones over earlier ones. */
export function paintNuclei(
  { side, nuclei }: Scene,
  random: Random,
): { labels: LabelMap; types: Uint8Array } {
  const labels = createLabelMap(side, side);
  const columns = Math.ceil(Math.sqrt(nuclei));
  const cell = side / columns;
  const types = new Uint8Array(nuclei + 1).map(() => random.int(1, 4));
  for (let id = 1; id <= nuclei; id++) {
    const x = (((id - 1) % columns) + random.uniform(0.1, 0.9)) * cell;
    const y = (Math.floor((id - 1) / columns) + random.uniform(0.1, 0.9)) * cell;
    const [rx, ry] = [random.uniform(8, 16), random.uniform(8, 16)];
    for (let row = Math.max(0, Math.ceil(y - ry)); row <= Math.min(side - 1, y + ry); row++) {
      const half = rx * Math.sqrt(1 - ((row - y) / ry) ** 2);
      const from = Math.max(0, Math.ceil(x - half));
      const to = Math.min(side - 1, Math.floor(x + half));
      if (to >= from) labels.data.fill(id, row * side + from, row * side + to + 1);
    }
  }
  return { labels, types };
}
