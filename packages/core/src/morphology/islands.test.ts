import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_POST_OPTIONS } from "../post-options.js";
import { createRandom } from "../random.js";
import type { ByteMap } from "../raster.js";
import { type FloodScene, packScene, type SceneSource } from "./islands.js";
import { segmentByWatershed } from "./segment-watershed.js";
import { Workspace } from "./workspace.js";

/** A source whose mask is where the bytes are above 100, and whose distances are the bytes. */
function sourceOf({ width, height, data }: ByteMap): SceneSource {
  return {
    width,
    height,
    listRuns(runs) {
      for (let y = 0; y < height; y++) {
        const row = data.subarray(y * width, (y + 1) * width);
        for (let x = 0; x < width; x++) {
          const start = x;
          while (x < width && row[x]! > 0) x++;
          const masked = row.subarray(start, x).some((v) => v > 100);
          if (x > start) runs.add(y * width + start, y * width + x, y, masked);
        }
      }
    },
    copyRun(from, to, p, scene) {
      for (let i = 0; i < to - from; i++) {
        scene.field[p + i] = data[from + i]!;
        if (data[from + i]! <= 100) continue;
        scene.pixels[scene.count++] = p + i;
        scene.labels[p + i] = 0;
      }
    },
  };
}

/** Discs of falling distance on an empty image, some of which meet. */
function discs(width: number, height: number, count: number, radius: number, seed: number): ByteMap {
  const random = createRandom(seed, "islands");
  const data = new Uint8Array(width * height);
  for (let k = 0; k < count; k++) {
    const [cx, cy] = [random.uniform(0, width), random.uniform(0, height)];
    const r = random.uniform(0.5, radius);
    for (let y = Math.max(0, Math.ceil(cy - r)); y < Math.min(height, cy + r); y++) {
      for (let x = Math.max(0, Math.ceil(cx - r)); x < Math.min(width, cx + r); x++) {
        const level = 255 * (1 - Math.hypot(x - cx, y - cy) / r);
        const p = y * width + x;
        if (level > data[p]!) data[p] = level;
      }
    }
  }
  return { width, height, data };
}

/** Nested corners: as many islands, each with a box almost as large as the image. */
function corners(side: number): ByteMap {
  const data = new Uint8Array(side * side);
  for (let k = 0; k < side; k += 3) {
    for (let i = k; i < side; i++) data[k * side + i] = data[i * side + k] = 120 + (i % 130);
  }
  return { width: side, height: side, data };
}

/** Each place of the scene holds what its image pixel has, and its neighbours those of the image or none. */
function expectFaithful(map: ByteMap, scene: FloodScene): void {
  const { stride, field, runs } = scene;
  const offsets = [-stride - 1, -stride, 1 - stride, -1, 1, stride - 1, stride, stride + 1];
  let wrong = 0;
  for (let i = 0; i < 3 * runs.count; i += 3) {
    const [start, end, packed] = runs.table.subarray(i, i + 3);
    for (let at = start!, p = packed!; at < end!; at++, p++) {
      const [x, y] = [at % map.width, Math.floor(at / map.width)];
      for (const [k, offset] of offsets.entries()) {
        const j = k < 4 ? k : k + 1;
        const [nx, ny] = [x + (j % 3) - 1, y + Math.floor(j / 3) - 1];
        const inside = nx >= 0 && ny >= 0 && nx < map.width && ny < map.height;
        if (field[p + offset] !== (inside ? map.data[ny * map.width + nx] : 0)) wrong++;
      }
      if (field[p] !== map.data[at]) wrong++;
    }
  }
  expect(wrong).toBe(0);
}

const SCENES: [string, ByteMap][] = [
  ["few islands", discs(90, 70, 6, 20, 1)],
  ["islands on several sheets", discs(1200, 1300, 2500, 14, 2)],
  ["an island as wide as the image", { ...discs(700, 40, 30, 5, 3) }],
  ["islands that take more room than the image", corners(1500)],
  ["nothing", { width: 5, height: 4, data: new Uint8Array(20) }],
];
SCENES[2]![1].data.fill(110, 20 * 700, 21 * 700);

describe("packScene", () => {
  it.each(SCENES)("keeps every pixel with its neighbours: %s", (_, map) => {
    const scene = packScene(sourceOf(map), false, new Workspace());
    expectFaithful(map, scene);
    expect(scene.count).toBe(map.data.reduce((n, v) => n + (v > 100 ? 1 : 0), 0));
  });
  it("divides many islands into sheets of whole islands", () => {
    const { sheets, stride, field } = packScene(sourceOf(SCENES[1]![1]), false, new Workspace());
    expect(sheets.length).toBeGreaterThan(2);
    for (const start of sheets.slice(0, -1)) {
      expect(start % stride).toBe(0);
      expect(field.subarray(start, start + stride).every((v) => v === 0)).toBe(true);
    }
  });
  it("leaves out what has no pixel of the mask", () => {
    const map: ByteMap = { width: 5, height: 1, data: Uint8Array.of(90, 0, 0, 90, 110) };
    const { runs } = packScene(sourceOf(map), false, new Workspace());
    expect(runs.count).toBe(1);
    expect([...runs.table.subarray(0, 2)]).toEqual([3, 5]);
  });
});

describe("segmentByWatershed", () => {
  // Where background is the most frequent value, both settings mean the same; only one of them packs islands.
  const bothWays = (
    map: ByteMap,
    watershedTies: "skimage-legacy" | "component",
    workspace: Workspace,
  ): void => {
    const options = { ...DEFAULT_POST_OPTIONS, h: 30, minArea: 2, watershedTies };
    const packed = segmentByWatershed(map, map, { ...options, backgroundIsZero: true }, workspace);
    const whole = segmentByWatershed(map, map, { ...options, backgroundIsZero: false }, workspace);
    expect(packed.count).toBe(whole.count);
    expect(packed.data.every((label, p) => label === whole.data[p])).toBe(true);
  };
  it.each(SCENES)("gives what it gives for the image in one piece: %s", (_, map) => {
    bothWays(map, "skimage-legacy", new Workspace());
    bothWays(map, "component", new Workspace());
  });
  it("does so whatever the workspace was lent for", () => {
    const workspace = new Workspace();
    const sizes = fc.integer({ min: 20, max: 160 });
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 0, max: 12 }), fc.nat(), (width, height, count, seed) => {
        bothWays(discs(width, height, count, 9, seed), "skimage-legacy", workspace);
      }),
      { seed: 20212, numRuns: 60 },
    );
  });
});
