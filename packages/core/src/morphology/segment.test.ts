import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RCC_CLASSES } from "../class-scheme.js";
import { isRenogradeError } from "../errors.js";
import { DEFAULT_POST_OPTIONS, type PostOptions } from "../post-options.js";
import type { ByteMap, LabelMap, NetworkMaps } from "../raster.js";
import { separateTouching } from "./clean-labels.js";
import { hMinimaMarkers } from "./h-minima.js";
import { instanceDistanceBytes } from "./instance-distance.js";
import { labelComponents } from "./label-components.js";
import { mapToBytes, segmentNuclei } from "./segment-nuclei.js";
import { segmentByWatershed } from "./segment-watershed.js";
import { averagePlanes, voteTypes } from "./vote-types.js";
import { watershed } from "./watershed.js";

const PARAMETERS = { seed: 20211, numRuns: 60 };

/** Rectangles [top, left, bottom, right, id], bounds included, in a label map. */
function rectangles(width: number, height: number, list: readonly number[][]): LabelMap {
  const data = new Int32Array(width * height);
  for (const [top = 0, left = 0, bottom = 0, right = 0, id = 0] of list) {
    for (let y = top; y <= bottom; y++) data.fill(id, y * width + left, y * width + right + 1);
  }
  return { width, height, data };
}

const byteMap = (levels: number): fc.Arbitrary<{ a: ByteMap; b: ByteMap }> =>
  fc.tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 14 })).chain(([width, height]) => {
    const data = fc
      .array(fc.integer({ min: 0, max: levels - 1 }), {
        minLength: width * height,
        maxLength: width * height,
      })
      .map((v) => Uint8Array.from(v, (level) => Math.round((255 * level) / (levels - 1))));
    return fc.record({
      a: fc.record({ width: fc.constant(width), height: fc.constant(height), data }),
      b: fc.record({ width: fc.constant(width), height: fc.constant(height), data }),
    });
  });

describe("worked example of spec/postprocessing.md §3.2", () => {
  const truth = rectangles(13, 7, [
    [1, 1, 5, 5, 1],
    [1, 6, 5, 11, 2],
  ]);
  const distance = instanceDistanceBytes(truth);
  const binary: ByteMap = { ...truth, data: Uint8Array.from(truth.data, (v) => (v > 0 ? 255 : 0)) };

  it("distances", () => {
    expect([...distance.data.subarray(3 * 13, 4 * 13)]).toEqual([
      0, 25, 140, 255, 140, 25, 25, 140, 255, 255, 140, 25, 0,
    ]);
  });
  it("markers", () => {
    const relief = { ...distance, data: distance.data.map((d) => 255 - d) };
    const expected = rectangles(13, 7, [
      [2, 2, 4, 4, 1],
      [2, 7, 4, 10, 2],
    ]);
    expect(hMinimaMarkers(relief, binary, 150).data).toEqual(expected.data);
  });
  it.each(["skimage-legacy", "skimage-0.25.2", "component"] as const)(
    "labels with ties %s",
    (watershedTies) => {
      const labels = segmentByWatershed(distance, binary, { ...DEFAULT_POST_OPTIONS, watershedTies });
      const expected = rectangles(13, 7, [
        [1, 1, 5, 4, 1],
        [1, 7, 5, 11, 2],
      ]);
      expect(labels.data).toEqual(expected.data);
      expect(labels.count).toBe(2);
    },
  );
});

describe("options", () => {
  it("keepUnmarked keeps a nucleus whose peak is too low", () => {
    const mask = rectangles(12, 8, [[1, 1, 4, 4, 255]]);
    const binary: ByteMap = { ...mask, data: Uint8Array.from(mask.data) };
    const low: ByteMap = { ...binary, data: binary.data.map((v) => (v > 0 ? 150 : 0)) };
    expect(segmentByWatershed(low, binary, DEFAULT_POST_OPTIONS).count).toBe(0);
    const kept = segmentByWatershed(low, binary, { ...DEFAULT_POST_OPTIONS, keepUnmarked: true });
    expect(kept.data).toEqual(rectangles(12, 8, [[1, 1, 4, 4, 1]]).data);
    const enough: ByteMap = { ...binary, data: binary.data.map((v) => (v > 0 ? 151 : 0)) };
    expect(segmentByWatershed(enough, binary, DEFAULT_POST_OPTIONS).count).toBe(1);
  });
  it("backgroundIsZero false turns a nucleus larger than the background into background", () => {
    const mask = rectangles(8, 8, [[1, 1, 7, 7, 255]]);
    const full: ByteMap = { ...mask, data: Uint8Array.from(mask.data) };
    expect(segmentByWatershed(full, full, DEFAULT_POST_OPTIONS).data[9]).toBe(1);
    const quirk = segmentByWatershed(full, full, { ...DEFAULT_POST_OPTIONS, backgroundIsZero: false });
    expect([quirk.data[0], quirk.data[9]]).toEqual([1, 0]);
  });
  it("h must be an integer byte", () => {
    const map: ByteMap = { width: 1, height: 1, data: new Uint8Array(1) };
    expect(() => segmentByWatershed(map, map, { ...DEFAULT_POST_OPTIONS, h: 1.5 })).toThrow(
      "depth h must be an integer 0 to 255, received 1.5",
    );
  });
});

describe("watershed properties", () => {
  it("labels lie in the mask, each is connected and contains its marker", () => {
    fc.assert(
      fc.property(
        byteMap(6),
        fc.constantFrom("skimage-legacy", "skimage-0.25.2", "component"),
        ({ a, b }, ties) => {
          const mask = { ...b, data: b.data.map((v) => (v > 60 ? 1 : 0)) };
          const markers = hMinimaMarkers(a, mask, 50);
          const result = watershed(a, markers, mask, ties as PostOptions["watershedTies"]);
          for (let p = 0; p < result.data.length; p++) {
            if (result.data[p]! > 0) expect(mask.data[p]).toBe(1);
            if (markers.data[p]! > 0) expect(result.data[p]).toBe(markers.data[p]);
          }
          for (let id = 1; id <= markers.count; id++) {
            const one = { ...result, data: result.data.map((v) => (v === id ? 1 : 0)) };
            expect(labelComponents(one, 8).count).toBe(1);
          }
        },
      ),
      PARAMETERS,
    );
  });
  it("relabelling the markers relabels the result and nothing else", () => {
    fc.assert(
      fc.property(byteMap(4), ({ a, b }) => {
        const mask = { ...b, data: b.data.map((v) => (v > 60 ? 1 : 0)) };
        const markers = hMinimaMarkers(a, mask, 50);
        const rename = (v: number): number => (v === 0 ? 0 : 1000 - 7 * v);
        const renamed = watershed(a, { ...markers, data: markers.data.map(rename) }, mask);
        expect(renamed.data).toEqual(watershed(a, markers, mask).data.map(rename));
      }),
      PARAMETERS,
    );
  });
  it("bytes and equal floats give the same result", () => {
    fc.assert(
      fc.property(byteMap(5), ({ a, b }) => {
        const mask = { ...b, data: b.data.map((v) => (v > 60 ? 1 : 0)) };
        const markers = hMinimaMarkers(a, mask, 20);
        const floats = { ...a, data: Float32Array.from(a.data, (v) => v / 7 - 20) };
        expect(watershed(floats, markers, mask).data).toEqual(watershed(a, markers, mask).data);
      }),
      PARAMETERS,
    );
  });
  it('"component" ties do not depend on what lies elsewhere', () => {
    fc.assert(
      fc.property(byteMap(4), byteMap(4), (left, right) => {
        const options = { ...DEFAULT_POST_OPTIONS, h: 60, minArea: 0, watershedTies: "component" } as const;
        const alone = segmentByWatershed(left.a, left.b, options);
        const gap = 2;
        const width = left.a.width + gap + right.a.width;
        const height = Math.max(left.a.height, right.a.height);
        const beside = (l: ByteMap, r: ByteMap): ByteMap => {
          const data = new Uint8Array(width * height);
          for (let y = 0; y < l.height; y++)
            data.set(l.data.subarray(y * l.width, (y + 1) * l.width), y * width);
          for (let y = 0; y < r.height; y++) {
            data.set(r.data.subarray(y * r.width, (y + 1) * r.width), y * width + l.width + gap);
          }
          return { width, height, data };
        };
        const both = segmentByWatershed(beside(left.a, right.a), beside(left.b, right.b), options);
        const partner = new Map<number, number>([[0, 0]]);
        for (let y = 0; y < left.a.height; y++) {
          for (let x = 0; x < left.a.width; x++) {
            const mine = alone.data[y * left.a.width + x]!;
            const theirs = both.data[y * width + x]!;
            if (!partner.has(mine)) partner.set(mine, theirs);
            expect(partner.get(mine)).toBe(theirs);
          }
        }
      }),
      PARAMETERS,
    );
  });
});

it("separateTouching leaves no two labels within one pixel of each other", () => {
  fc.assert(
    fc.property(byteMap(4), ({ a }) => {
      const labels: LabelMap = { ...a, data: Int32Array.from(a.data) };
      const { data, width, height } = separateTouching(labels);
      for (let p = 0; p < data.length; p++) {
        const x = p % width;
        for (const [dx, dy] of [
          [1, 0],
          [0, 1],
          [1, 1],
          [-1, 1],
        ] as const) {
          const q = p + dy * width + dx;
          if (x + dx < 0 || x + dx >= width || q >= width * height || data[p] === 0) continue;
          expect([0, data[p]]).toContain(data[q]);
        }
      }
    }),
    PARAMETERS,
  );
});

/** Maps of one pixel row: each column lists p0 … p4, nucleus, distance. */
function rowOfMaps(columns: readonly number[][]): NetworkMaps {
  const width = columns.length;
  const data = new Float32Array(7 * width);
  for (const [x, column] of columns.entries()) for (const [c, v] of column.entries()) data[c * width + x] = v;
  return { width, height: 1, channels: 7, data };
}

describe("from maps", () => {
  it("converts to bytes by truncating the float32 product", () => {
    const values = [0, 1, 0.1, 0.55, 0.5, -3, 7, 254.99998 / 255];
    const maps = rowOfMaps(values.map((v) => [0, 0, 0, 0, 0, v, 0]));
    expect([...mapToBytes(maps, 5).data]).toEqual([0, 255, 25, 140, 127, 0, 255, 254]);
  });
  it("segmentNuclei equals segmentByWatershed of the bytes", () => {
    const value = fc.oneof(
      fc.double({ min: -0.1, max: 1.1, noNaN: true }),
      fc.integer({ min: 0, max: 255 }).map((b) => b / 255),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(value, { minLength: 200, maxLength: 200 }),
        fc.constantFrom(-1, 0, 40, 40.5, 254, 255),
        (width, height, values, threshold) => {
          const data = Float32Array.from({ length: 7 * width * height }, (_, i) => values[i % 200]!);
          const maps: NetworkMaps = { width, height, channels: 7, data };
          const options: PostOptions = { ...DEFAULT_POST_OPTIONS, threshold, h: 30, minArea: 0 };
          const expected = segmentByWatershed(mapToBytes(maps, 6), mapToBytes(maps, 5), options);
          expect(segmentNuclei(maps, RCC_CLASSES, options).labels).toEqual(expected);
        },
      ),
      PARAMETERS,
    );
  });
  it("names channel and pixel of a NaN", () => {
    const maps = rowOfMaps([
      [0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, Number.NaN],
    ]);
    for (const [method, channel] of [
      ["watershed", 6],
      ["components", 5],
    ] as const) {
      maps.data[channel * 2 + 1] = Number.NaN;
      try {
        segmentNuclei(maps, RCC_CLASSES, { ...DEFAULT_POST_OPTIONS, method });
        expect.unreachable();
      } catch (error) {
        expect(isRenogradeError(error, "DataError")).toBe(true);
        expect((error as Error).message).toContain(`channel ${channel} at pixel (1, 0)`);
      }
      maps.data[channel * 2 + 1] = 0;
    }
  });
  it("refuses another number of channels", () => {
    const maps: NetworkMaps = { width: 1, height: 1, channels: 6, data: new Float32Array(6) };
    expect(() => segmentNuclei(maps, RCC_CLASSES, DEFAULT_POST_OPTIONS)).toThrow("6 channels");
  });
});

describe("voteTypes", () => {
  const g1 = [0.6, 0.3, 0.1, 0, 0, 1, 1];
  const g2 = [0.1, 0.2, 0.7, 0, 0, 1, 1];
  const even = [0, 0.5, 0.5, 0, 0, 1, 1];
  const nothing = [1, 0, 0, 0, 0, 1, 1];
  const vote = (ids: number[], columns: number[][], voteBackground: boolean) =>
    voteTypes({ width: ids.length, height: 1, data: Int32Array.from(ids) }, rowOfMaps(columns), {
      voteBackground,
      method: "watershed",
    });

  it("background does not vote; ties go to the smaller class", () => {
    const votes = vote([1, 1, 0, 3, 3, 3], [g1, g2, g1, g2, g2, even], false);
    expect([...votes.types]).toEqual([0, 1, 0, 2]);
    expect(votes.shares[1]).toBe(0.5);
    expect(votes.shares[3]).toBeCloseTo(2 / 3, 12);
    expect(votes.classProbabilities[1 * 5 + 2]).toBeCloseTo(0.4, 7);
  });
  it("voteBackground: the second class where background wins, else none", () => {
    const votes = vote([1, 1, 1, 2, 2], [g1, g1, g2, g1, nothing], true);
    expect([...votes.types]).toEqual([0, 2, 0]);
    expect(votes.shares[1]).toBeCloseTo(1 / 3, 12);
  });
  it("a NaN inside an instance is an error", () => {
    expect(() => vote([1], [[Number.NaN, 1, 0, 0, 0, 1, 1]], false)).toThrow(
      "NaN in channel 0 at pixel (0, 0)",
    );
  });
  it("averagePlanes reads coarser planes", () => {
    const labels: LabelMap = { width: 3, height: 2, data: Int32Array.of(1, 1, 2, 1, 0, 2) };
    const planes: NetworkMaps = { width: 2, height: 1, channels: 2, data: Float32Array.of(1, 5, 2, 6) };
    expect([...averagePlanes(labels, planes, 2)]).toEqual([0, 0, 1, 2, 5, 6]);
  });
});
