import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fillHoles } from "../morphology/binary.js";
import { labelComponents } from "../morphology/label-components.js";
import { createLabelMap, type LabelMap } from "../raster.js";
import { borderContours, fillContour } from "./border-contour.js";
import { paintPolygon, rasterizePolygon } from "./rasterize.js";
import { regionProperties } from "./region-properties.js";
import { labelPolygons, type Ring } from "./rings.js";

const PARAMETERS = { seed: 20213, numRuns: 150 };

const labelMaps: fc.Arbitrary<LabelMap> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 }))
  .chain(([width, height, last]) =>
    fc
      .array(fc.integer({ min: 0, max: last }), { minLength: width * height, maxLength: width * height })
      .map((v) => ({ width, height, data: Int32Array.from(v) })),
  );

function digits(...rows: string[]): LabelMap {
  return { width: rows[0]!.length, height: rows.length, data: Int32Array.from(rows.join(""), Number) };
}

/** Shoelace area, positive clockwise on screen. */
function area(ring: Ring): number {
  let twice = 0;
  for (let i = 0; i + 3 < ring.length; i += 2) twice += ring[i]! * ring[i + 3]! - ring[i + 2]! * ring[i + 1]!;
  return twice / 2;
}

describe("labelPolygons", () => {
  it("a pixel is its square, with collinear points left out", () => {
    const polygons = labelPolygons(digits("000", "011", "000")).get(1)!;
    expect(polygons).toEqual([{ exterior: Int32Array.of(1, 1, 3, 1, 3, 2, 1, 2, 1, 1), holes: [] }]);
  });
  it("parts that meet at a corner are two polygons", () => {
    expect(labelPolygons(digits("10", "01")).get(1)).toHaveLength(2);
  });
  it("a hole that touches the outside at a corner is a hole", () => {
    const [polygon] = labelPolygons(digits("111", "101", "110")).get(1)!;
    expect([...polygon!.exterior]).toEqual([0, 0, 3, 0, 3, 2, 2, 2, 2, 3, 0, 3, 0, 0]);
    expect(polygon!.holes).toHaveLength(1);
    expect(area(polygon!.holes[0]!)).toBe(-1);
  });
  it("a nucleus in the hole of another stays apart", () => {
    const polygons = labelPolygons(digits("111", "121", "111"));
    expect(polygons.get(1)![0]!.holes).toHaveLength(1);
    expect(polygons.get(2)).toHaveLength(1);
  });
  it("rings are simple, areas are pixel counts, and rasterising gives the map back", () => {
    fc.assert(
      fc.property(labelMaps, (labels) => {
        const painted = createLabelMap(labels.width, labels.height);
        const { area: areas } = regionProperties(labels);
        for (const [id, polygons] of labelPolygons(labels)) {
          let total = 0;
          for (const { exterior, holes } of polygons) {
            const rings = [exterior, ...holes];
            for (const ring of rings) {
              const corners = new Set<string>();
              for (let i = 0; i + 2 < ring.length; i += 2) corners.add(`${ring[i]},${ring[i + 1]}`);
              expect(corners.size).toBe(ring.length / 2 - 1);
              expect([ring[0], ring[1]]).toEqual([ring.at(-2), ring.at(-1)]);
              for (let i = 0; i + 5 < ring.length; i += 2) {
                const straight = (k: 0 | 1): boolean =>
                  ring[i + k] === ring[i + 2 + k] && ring[i + k] === ring[i + 4 + k];
                expect(straight(0) || straight(1)).toBe(false);
              }
              total += area(ring);
            }
            expect(area(exterior)).toBeGreaterThan(0);
            for (const hole of holes) expect(area(hole)).toBeLessThan(0);
            paintPolygon(painted, rings, id);
          }
          expect(total).toBe(areas[id]);
        }
        expect(painted.data).toEqual(labels.data);
      }),
      PARAMETERS,
    );
  });
  it("has one polygon per 4-connected part", () => {
    fc.assert(
      fc.property(labelMaps, (labels) => {
        for (const [id, polygons] of labelPolygons(labels)) {
          const one = { ...labels, data: labels.data.map((v) => (v === id ? 1 : 0)) };
          expect(polygons).toHaveLength(labelComponents(one, 4).count);
        }
      }),
      PARAMETERS,
    );
  });
});

describe("borderContours", () => {
  it("compresses straight runs and goes counter-clockwise from the first pixel", () => {
    const contours = borderContours(digits("01110", "01110", "02220"));
    expect([...contours.get(1)!]).toEqual([1, 0, 1, 1, 3, 1, 3, 0]);
    expect([...contours.get(2)!]).toEqual([1, 2, 3, 2]);
    expect([...borderContours(digits("00", "07")).get(7)!]).toEqual([1, 1]);
  });
  it("takes the largest component", () => {
    expect([...borderContours(digits("1000", "0011", "0011")).get(1)!].slice(0, 2)).toEqual([2, 1]);
  });
  it("filled, gives the component with its holes filled", () => {
    fc.assert(
      fc.property(labelMaps, (labels) => {
        const mask = { ...labels, data: Int32Array.from(labels.data, (v) => (v > 0 ? 1 : 0)) };
        const parts = labelComponents(mask, 8);
        const contour = borderContours(mask).get(1);
        if (contour === undefined) return;
        const id = parts.data[contour[1]! * labels.width + contour[0]!]!;
        const part = { ...labels, data: Uint8Array.from(parts.data, (v) => (v === id ? 1 : 0)) };
        const filled = createLabelMap(labels.width, labels.height);
        fillContour(filled, contour, 1);
        expect(filled.data).toEqual(Int32Array.from(fillHoles(part).data));
      }),
      PARAMETERS,
    );
  });
});

describe("rasterizePolygon", () => {
  it("even-odd over rings, cut at the image", () => {
    const outer = [-2, -2, 4, -2, 4, 9, -2, 9];
    const hole = [1, 1, 2, 1, 2, 2, 1, 2];
    const mask = rasterizePolygon([outer, hole], 5, 3);
    expect([...mask.data]).toEqual([1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0]);
  });
  it("a pixel belongs when its centre is inside", () => {
    expect([...rasterizePolygon([[0.6, 0, 2.4, 0, 2.4, 1, 0.6, 1]], 4, 1).data]).toEqual([0, 1, 0, 0]);
  });
});

it("regionProperties of simple shapes", () => {
  const properties = regionProperties(digits("1000", "0220", "0220"));
  expect([...properties.area]).toEqual([0, 1, 4]);
  expect(properties.eccentricity[1]).toBe(0);
  expect(properties.majorAxis[2]).toBe(2);
  expect(properties.solidity[2]).toBe(1);
  expect([properties.centroidX[2], properties.centroidY[2]]).toEqual([1.5, 1.5]);
});
