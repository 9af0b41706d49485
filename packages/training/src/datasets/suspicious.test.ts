import { join } from "node:path";
import { createLabelMap, type LabelMap } from "@renograde/core";
import { readLabelPng } from "@renograde/slides/node";
import { describe, expect, it } from "vitest";
import { nucleusShape } from "./nucleus-shape.js";
import { findSuspicious } from "./suspicious.js";

/** A label map from rows of digits. */
function labels(...rows: string[]): LabelMap {
  const width = rows[0]!.length;
  return { width, height: rows.length, data: Int32Array.from(rows.join(""), Number) };
}

function disc(map: LabelMap, x: number, y: number, radius: number, id: number, stretch = 1): void {
  for (let v = 0; v < map.height; v++) {
    for (let u = 0; u < map.width; u++) {
      if (((u - x) / stretch) ** 2 + (v - y) ** 2 <= radius ** 2) map.data[v * map.width + u] = id;
    }
  }
}

const shapeOf = (map: LabelMap, id = 1) => nucleusShape(map, id, [0, 0, map.height, map.width]);

describe("nucleusShape", () => {
  it("counts parts, holes and what is in them", () => {
    const map = labels("1111000", "1001011", "1201000", "1111000");
    expect(shapeOf(map)).toMatchObject({ parts: 2, looseArea: 2, holeArea: 4, enclosesOther: true });
    expect(shapeOf(labels("10", "01"))).toMatchObject({ parts: 1, looseArea: 0, holeArea: 0 });
  });

  it("measures the neck between two discs", () => {
    for (const [apart, low, high] of [
      [12, 0.8, 0.9],
      [16, 0.4, 0.7],
      [4, 0.94, 1],
    ] as const) {
      const map = createLabelMap(60, 30);
      disc(map, 20, 15, 10, 1);
      disc(map, 20 + apart, 15, 10, 1);
      const { neck } = shapeOf(map);
      expect(neck).toBeGreaterThan(low);
      expect(neck).toBeLessThanOrEqual(high);
    }
  });

  it("sees no neck in an ellipse, a ring, or beside a small bump", () => {
    const ellipse = createLabelMap(60, 30);
    disc(ellipse, 30, 15, 8, 1, 3);
    const ring = createLabelMap(40, 40);
    disc(ring, 20, 20, 15, 1);
    disc(ring, 20, 20, 8, 0);
    const bump = createLabelMap(60, 40);
    disc(bump, 20, 20, 14, 1);
    disc(bump, 37, 20, 5, 1);
    for (const map of [ellipse, ring, bump]) expect(shapeOf(map).neck).toBeGreaterThan(0.94);
  });
});

describe("findSuspicious", () => {
  it("names every kind, and no well-drawn nucleus", () => {
    const map = createLabelMap(300, 120);
    for (let i = 0; i < 12; i++) disc(map, 12 + 24 * i, 12, 9, i + 1);
    disc(map, 20, 50, 10, 13);
    disc(map, 36, 50, 10, 13);
    disc(map, 70, 50, 1.5, 14);
    disc(map, 160, 75, 40, 15);
    disc(map, 230, 50, 10, 16);
    disc(map, 230, 50, 3, 0);
    disc(map, 20, 90, 8, 17);
    disc(map, 50, 90, 8, 17);
    // At the edge a small piece is what the cut left.
    disc(map, 299, 100, 1, 18);
    const mixtures = [
      {
        instance: 3,
        shares: [
          [2, 0.7],
          [1, 0.3],
        ] as const,
      },
      {
        instance: 4,
        shares: [
          [2, 0.99],
          [1, 0.01],
        ] as const,
      },
    ];
    const found = findSuspicious({ instances: map, mixtures });
    expect(found.map(({ kind, instance, detail }) => [instance, kind, detail])).toEqual([
      [3, "mixed", "class 2: 70 %, class 1: 30 %"],
      [13, "merged", expect.stringMatching(/^neck \d\d % of the smaller lobe's width$/)],
      [14, "tiny", "9 px, the image's median is 253 px"],
      [15, "huge", "5025 px, nine in ten nuclei of the image stay below 394 px"],
      [16, "hole", "29 px enclosed"],
      [17, "parts", "2 parts, 197 of 394 px apart from the largest"],
    ]);
    expect(found[1]!.box).toEqual([40, 10, 61, 47]);
  });

  it("has no idea of sizes among few nuclei", () => {
    const map = createLabelMap(60, 60);
    disc(map, 30, 30, 20, 1);
    disc(map, 5, 5, 1, 2);
    expect(findSuspicious({ instances: map })).toEqual([]);
    expect(findSuspicious({ instances: createLabelMap(8, 8) })).toEqual([]);
  });
});

describe.skipIf(!process.env.RENOGRADE_DATA)("real annotations (RENOGRADE_DATA)", () => {
  it("finds the fragments of TNBC's binary truth", async () => {
    const instances = await readLabelPng(join(process.env.RENOGRADE_DATA!, "tnbc/labels/slide04_04_8.png"));
    const tiny = findSuspicious({ instances }).filter(({ kind }) => kind === "tiny");
    expect(tiny.map(({ instance, box }) => [instance, box[1], box[0]])).toEqual([
      [10, 132, 6],
      [124, 153, 340],
      [150, 245, 401],
    ]);
  });

  it("finds pairs of touching nuclei joined into one, and suspects few as they are", async () => {
    const instances = await readLabelPng(
      join(process.env.RENOGRADE_DATA!, "monuseg/labels/TCGA-A7-A13E-01Z-00-DX1.png"),
    );
    const merged = (map: LabelMap) => findSuspicious({ instances: map }).filter((s) => s.kind === "merged");
    const before = merged(instances).length;
    const nuclei = new Set(instances.data).size - 1;
    expect(before / nuclei).toBeLessThan(0.03);
    const partner = new Map<number, number>();
    const { width, data } = instances;
    for (let p = 0; p + width < data.length; p++) {
      for (const q of [p + 1, p + width]) {
        const [a, b] = [data[p]!, data[q]!];
        if (a === 0 || b === 0 || a === b || partner.has(a) || partner.has(b)) continue;
        partner.set(a, a).set(b, a);
      }
    }
    const joined = { ...instances, data: data.map((id) => partner.get(id) ?? id) };
    const pairs = partner.size / 2;
    expect(pairs).toBeGreaterThan(10);
    expect((merged(joined).length - before) / pairs).toBeGreaterThan(0.3);
  });
});
