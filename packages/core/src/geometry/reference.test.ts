import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { haematoxylinDensity, meanHaematoxylin } from "../color/haematoxylin.js";
import { createLabelMap } from "../raster.js";
import { borderContours, fillContour } from "./border-contour.js";
import { rasterizePolygon } from "./rasterize.js";
import { regionProperties } from "./region-properties.js";

it("regionProperties equals skimage.measure.regionprops", () => {
  let regions = 0;
  for (const sample of readPack("regions.pack.gz")) {
    const properties = regionProperties(sample.map<Int32Array>("labels"));
    const rows = sample.array<Float64Array>("properties");
    for (let i = 0; i < rows.length; i += 13, regions++) {
      const row = rows.subarray(i, i + 13);
      const label = row[0]!;
      expect(properties.area[label]).toBe(row[1]);
      expect([...properties.boxes.subarray(4 * label, 4 * label + 4)]).toEqual([...row.subarray(2, 6)]);
      // Float64 sums in another order.
      expect(properties.centroidX[label]).toBeCloseTo(row[6]!, 10);
      expect(properties.centroidY[label]).toBeCloseTo(row[7]!, 10);
      expect(properties.majorAxis[label]).toBeCloseTo(row[8]!, 6);
      expect(properties.minorAxis[label]).toBeCloseTo(row[9]!, 6);
      expect(properties.eccentricity[label]).toBeCloseTo(row[10]!, 6);
      expect(properties.perimeter[label]).toBeCloseTo(row[11]!, 10);
      expect(properties.solidity[label]).toBeCloseTo(row[12]!, 12);
    }
  }
  expect(regions).toBeGreaterThan(50);
});

it("rasterizePolygon by the lattice rule equals skimage.draw.polygon", () => {
  for (const sample of readPack("polygons.pack.gz")) {
    const filled = sample.map<Uint8Array>("filled");
    const mask = rasterizePolygon(
      [sample.array<Float64Array>("points")],
      filled.width,
      filled.height,
      "lattice",
    );
    expect(mask.data).toEqual(filled.data);
  }
});

describe("borderContours equals OpenCV", () => {
  for (const [index, sample] of readPack("contours.pack.gz").entries()) {
    it(`case ${index}`, () => {
      const mask = sample.map<Uint8Array>("mask");
      const contour = borderContours({ ...mask, data: Int32Array.from(mask.data) }).get(1)!;
      expect([...contour]).toEqual([...sample.array<Int32Array>("contour")]);
      const labels = createLabelMap(mask.width, mask.height);
      fillContour(labels, contour, 1);
      expect(labels.data).toEqual(Int32Array.from(sample.array<Uint8Array>("filled")));
    });
  }
});

it("haematoxylinDensity is 6 times skimage.color.rgb2hed", () => {
  for (const sample of readPack("colour.pack.gz")) {
    const [height = 0, width = 0] = sample.shape("image");
    const image = { width, height, data: sample.array<Uint8Array>("image") };
    const expected = sample.array<Float64Array>("haematoxylin");
    const density = haematoxylinDensity(image).data;
    for (let p = 0; p < expected.length; p++) expect(density[p]).toBeCloseTo(expected[p]!, 5);
    const labels = { width, height, data: new Int32Array(width * height).fill(2) };
    const mean = expected.reduce((a, b) => a + b, 0) / expected.length;
    expect(meanHaematoxylin(labels, image)[2]).toBeCloseTo(mean, 10);
  }
});
