import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLabelMap, type LabelMap } from "../raster.js";
import { dilateCross, fillHoles } from "./binary.js";
import { compactLabels, removeSmall } from "./clean-labels.js";
import { distanceTransform } from "./distance-transform.js";
import { instanceDistanceBytes, instanceDistanceMap } from "./instance-distance.js";
import { labelBoxes } from "./label-boxes.js";
import { labelComponents } from "./label-components.js";
import { erodeInstances, prepareLabels, splitParts } from "./prepare-labels.js";
import { reconstructByErosion } from "./reconstruct.js";

const PARAMETERS = { seed: 20212, numRuns: 60 };

/** A label map from rows of digits. */
function digits(...rows: string[]): LabelMap {
  const data = Int32Array.from(rows.join(""), Number);
  return { width: rows[0]!.length, height: rows.length, data };
}

const show = (map: { width: number; height: number; data: ArrayLike<number> }): string[] =>
  Array.from({ length: map.height }, (_, y) =>
    Array.from({ length: map.width }, (_, x) => map.data[y * map.width + x]).join(""),
  );

const maskOf = (map: LabelMap) => ({ ...map, data: Uint8Array.from(map.data) });

const smallMask = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .chain(([width, height]) =>
    fc
      .array(fc.integer({ min: 0, max: 3 }), { minLength: width * height, maxLength: width * height })
      .map((v) => ({ width, height, data: Uint8Array.from(v, (k) => (k > 0 ? 1 : 0)) })),
  );

describe("labelComponents", () => {
  it("numbers in raster order and joins what meets later", () => {
    const mask = maskOf(digits("10100", "10101", "11101", "00010"));
    expect(show(labelComponents(mask, 4))).toEqual(["10100", "10102", "11102", "00030"]);
    expect(show(labelComponents(mask, 8))).toEqual(["10100", "10101", "11101", "00010"]);
  });
  it("equals a flood fill", () => {
    fc.assert(
      fc.property(smallMask, fc.constantFrom<(4 | 8)[]>(4, 8), (mask, connectivity) => {
        const { width, height } = mask;
        const expected = new Int32Array(width * height);
        let id = 0;
        for (let start = 0; start < expected.length; start++) {
          if (mask.data[start] === 0 || expected[start] !== 0) continue;
          expected[start] = ++id;
          const queue = [start];
          for (const p of queue) {
            for (let dy = -1; dy <= 1; dy++) {
              for (let dx = -1; dx <= 1; dx++) {
                if (connectivity === 4 && dx !== 0 && dy !== 0) continue;
                const x = (p % width) + dx;
                const y = Math.floor(p / width) + dy;
                const q = y * width + x;
                if (x < 0 || y < 0 || x >= width || y >= height) continue;
                if (mask.data[q] === 0 || expected[q] !== 0) continue;
                expected[q] = id;
                queue.push(q);
              }
            }
          }
        }
        expect(labelComponents(mask, connectivity).data).toEqual(expected);
      }),
      PARAMETERS,
    );
  });
});

describe("distances", () => {
  it("distanceTransform equals brute force and commutes with flips", () => {
    fc.assert(
      fc.property(
        smallMask,
        fc.constantFrom<("euclidean" | "chessboard")[]>("euclidean", "chessboard"),
        (mask, metric) => {
          const { width, height, data } = mask;
          const result = distanceTransform(mask, metric).data;
          const flipped = distanceTransform({ ...mask, data: data.slice().reverse() }, metric).data;
          expect(flipped.slice().reverse()).toEqual(result);
          for (let p = 0; p < data.length; p++) {
            let least = data[p] === 0 ? 0 : Infinity;
            for (let q = 0; q < data.length; q++) {
              if (data[q] !== 0) continue;
              const dx = Math.abs((p % width) - (q % width));
              const dy = Math.abs(Math.floor(p / width) - Math.floor(q / width));
              least = Math.min(
                least,
                metric === "euclidean" ? Math.sqrt(dx * dx + dy * dy) : Math.max(dx, dy),
              );
            }
            expect(result[p]).toBe(Math.fround(least));
          }
          expect(height).toBe(mask.height);
        },
      ),
      PARAMETERS,
    );
  });
  it("the worked example of spec/training.md §3", () => {
    const labels = digits(
      ...Array.from({ length: 7 }, (_, y) => (y < 1 || y > 5 ? "0".repeat(13) : "0111112222220")),
    );
    const rows = show({
      ...labels,
      data: Array.from(instanceDistanceBytes(labels).data, (v) =>
        v === 255 ? 9 : v === 140 ? 5 : v === 25 ? 1 : v,
      ),
    });
    expect(rows).toEqual([
      "0000000000000",
      "0111111111110",
      "0155511555510",
      "0159511599510",
      "0155511555510",
      "0111111111110",
      "0000000000000",
    ]);
  });
  it("thin nuclei and one that covers the image get 1", () => {
    const thin = instanceDistanceMap(digits("0000", "0110", "0220", "0000"));
    expect(show(thin)).toEqual(["0000", "0110", "0110", "0000"]);
    expect(show(instanceDistanceMap(digits("11", "11")))).toEqual(["11", "11"]);
  });
  it("the frame is not background", () => {
    const map = instanceDistanceMap(digits("11110", "11110", "11110"), { norm: "max" });
    expect(Array.from(map.data.subarray(5, 10))).toEqual([1, 0.75, 0.5, 0.25, 0]);
  });
});

describe("binary morphology", () => {
  it("fillHoles leaves bays that reach the edge", () => {
    expect(show(fillHoles(maskOf(digits("11110", "10010", "11101", "01001"))))).toEqual([
      "11110",
      "11110",
      "11101",
      "01001",
    ]);
  });
  it("fillHoles fills the background parts that stay off the edge", () => {
    let filled = 0;
    fc.assert(
      fc.property(smallMask, (mask) => {
        const { width, height } = mask;
        const inverse = { width, height, data: mask.data.map((value) => (value === 0 ? 1 : 0)) };
        const parts = labelComponents(inverse, 4).data;
        const open = new Set<number>();
        for (let p = 0; p < parts.length; p++) {
          const [x, y] = [p % width, Math.floor(p / width)];
          if (x === 0 || y === 0 || x === width - 1 || y === height - 1) open.add(parts[p]!);
        }
        const expected = mask.data.map((value, p) => (value !== 0 || !open.has(parts[p]!) ? 1 : 0));
        expect(fillHoles(mask).data).toEqual(expected);
        for (const [p, value] of expected.entries()) if (value !== mask.data[p]) filled++;
      }),
      { seed: 20215, numRuns: 200 },
    );
    expect(filled).toBeGreaterThan(100);
  });
  it("dilateCross grows a diamond", () => {
    expect(show(dilateCross(maskOf(digits("00000", "00000", "00100")), 2))).toEqual([
      "00100",
      "01110",
      "11111",
    ]);
  });
  it("reconstructByErosion refuses a seed below the mask", () => {
    const zero = { width: 1, height: 1, data: Uint8Array.of(0) };
    const one = { width: 1, height: 1, data: Uint8Array.of(1) };
    expect(() => reconstructByErosion(zero, one)).toThrow("0 at pixel (0, 0), below the mask's 1");
  });
});

describe("labels", () => {
  it("removeSmall keeps pieces together and compacts", () => {
    const result = removeSmall(digits("110022", "000022", "330000", "300011"), 3);
    expect(show(result)).toEqual(["110022", "000022", "000000", "000011"]);
    expect(result.count).toBe(2);
    expect(show(compactLabels(digits("0900", "5059")))).toEqual(["0200", "1012"]);
  });
  it("labelBoxes, and negative labels are refused", () => {
    const { last, boxes } = labelBoxes(digits("0010", "0310", "0011"));
    expect(last).toBe(3);
    expect([...boxes.subarray(4)]).toEqual([0, 2, 3, 4, 0, 0, 0, 0, 1, 1, 2, 2]);
    expect(() => labelBoxes({ width: 1, height: 1, data: Int32Array.of(-1) })).toThrow("-1");
    expect(() => compactLabels({ width: 1, height: 1, data: Int32Array.of(-1) })).toThrow("-1");
  });
  it("erosion leaves a gap of two pixels and spares the frame", () => {
    expect(show(erodeInstances(digits("111222", "111222", "111222", "000000")))).toEqual([
      "110022",
      "110022",
      "000000",
      "000000",
    ]);
  });
  it("prepareLabels splits mirrored duplicates and clears class and distance", () => {
    const instances = digits("1110111", "1110111", "1110111");
    expect(show(splitParts(instances))).toEqual(["1110222", "1110222", "1110222"]);
    const bytes = { ...instances, data: Uint8Array.from(instances.data, (v) => 9 * v) };
    const prepared = prepareLabels({ instances, classes: bytes, distances: bytes });
    expect(show(prepared.instances)).toEqual(["1100022", "1100022", "1100022"]);
    expect(show(prepared.classes)).toEqual(["9900099", "9900099", "9900099"]);
    expect(prepared.distances.data).toEqual(prepared.classes.data);
    expect(() =>
      prepareLabels({ instances, classes: bytes, distances: { width: 1, height: 1, data: bytes.data } }),
    ).toThrow("distances is 1 x 1 px");
  });
  it("an empty map goes through everything", () => {
    const empty = createLabelMap(0, 0);
    expect(labelComponents(empty, 4).count).toBe(0);
    expect(instanceDistanceMap(empty).data).toHaveLength(0);
    expect(removeSmall(empty, 3).count).toBe(0);
  });
});
