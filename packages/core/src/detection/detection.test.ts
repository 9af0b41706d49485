import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { segmentNuclei } from "../morphology/index.js";
import { DEFAULT_POST_OPTIONS } from "../post-options.js";
import { createRandom } from "../random.js";
import { boxIou, encodeBox } from "./boxes.js";
import { boxInstances, maskInBox } from "./instance-boxes.js";
import { matchBoxes, NO_MATCH, sampleMatches, UNCLEAR_MATCH } from "./match-boxes.js";
import { type Detection, paintDetections } from "./paint-detections.js";
import { paintDetectionMaps } from "./painted-maps.js";
import { suppressBoxes } from "./suppress-boxes.js";

/** torchvision's values, fixtures/detection/make.py. */
const fixture = JSON.parse(
  readFileSync(new URL("../../../../fixtures/detection/boxes.json", import.meta.url), "utf8"),
) as {
  truth: number[];
  candidates: number[];
  encoded: number[];
  matches: number[];
  matchesHigh: number[];
  crowd: { boxes: number[]; scores: number[]; kept: number[] };
  masks: { views: number[]; values: number[] };
};

const map = (rows: string[]) => ({
  width: rows[0]!.length,
  height: rows.length,
  data: Int32Array.from(rows.join(""), (c) => (c === "." ? 0 : Number(c))),
});

describe("boxes", () => {
  it("overlap by the area they share", () => {
    expect(boxIou([0, 0, 4, 4, 2, 2, 6, 6, 4, 0, 8, 4], 0, [2, 2, 6, 6], 0)).toBeCloseTo(4 / 28, 12);
    expect(boxIou([0, 0, 4, 4], 0, [4, 0, 8, 4], 0)).toBe(0);
    expect(boxIou([1, 1, 1, 5], 0, [0, 0, 8, 8], 0)).toBe(0);
  });

  it("are coded as torchvision's BoxCoder does", () => {
    const coded = [0, 1, 2, 3, 4, 5].flatMap((i) =>
      encodeBox(fixture.candidates, i, fixture.truth, i, [10, 10, 5, 5]),
    );
    coded.forEach((v, i) => {
      expect(v).toBeCloseTo(fixture.encoded[i]!, 9);
    });
  });
});

describe("matchBoxes", () => {
  it("matches as torchvision's Matcher", () => {
    const { truth, candidates } = fixture;
    const rpn = matchBoxes(truth, candidates, { high: 0.7, low: 0.3, lowQuality: true });
    expect([...rpn]).toEqual(fixture.matches);
    const heads = matchBoxes(truth, candidates, { high: 0.5, low: 0.5, lowQuality: false });
    expect([...heads]).toEqual(fixture.matchesHigh);
  });

  it("is all background without true boxes", () => {
    expect([...matchBoxes([], [0, 0, 1, 1], { high: 0.7, low: 0.3, lowQuality: true })]).toEqual([NO_MATCH]);
  });
});

describe("sampleMatches", () => {
  const matches = Int32Array.of(NO_MATCH, 0, UNCLEAR_MATCH, 1, NO_MATCH, 0, NO_MATCH);
  const first = (from: Int32Array, count: number) => from.slice(0, count);

  it("takes at most the share of matches and fills up with background", () => {
    const sample = sampleMatches(matches, { count: 4, positives: 0.5 }, first);
    expect([...sample.positive]).toEqual([1, 3]);
    expect([...sample.negative]).toEqual([0, 4]);
  });

  it("takes all there is where that is fewer", () => {
    const sample = sampleMatches(matches, { count: 100, positives: 0.5 }, first);
    expect([...sample.positive]).toEqual([1, 3, 5]);
    expect([...sample.negative]).toEqual([0, 4, 6]);
  });
});

describe("suppressBoxes", () => {
  it("keeps what torchvision.ops.nms keeps, in its order", () => {
    const { boxes, scores, kept } = fixture.crowd;
    expect([...suppressBoxes(boxes, scores, { iou: 0.3 })]).toEqual(kept);
  });

  it("takes the first of equal scores and leaves out low ones", () => {
    const boxes = [0, 0, 4, 4, 0, 0, 4, 4, 10, 0, 14, 4];
    expect([...suppressBoxes(boxes, [0.5, 0.5, 0.5], { iou: 0.5 })]).toEqual([0, 2]);
    expect([...suppressBoxes(boxes, [0.1, 0.5, 0.05], { iou: 0.5, score: 0.05 })]).toEqual([1]);
  });
});

describe("boxInstances", () => {
  it("gives the smallest boxes, in order of the ids", () => {
    const instances = map(["..7..", ".777.", "2....", "22.33"]);
    const classes = map(["..1..", ".111.", "4....", "44.00"]);
    expect(boxInstances(instances, classes)).toEqual({
      ids: [2, 7],
      labels: [4, 1],
      boxes: Float64Array.of(0, 2, 2, 4, 1, 0, 4, 2),
    });
  });
});

describe("maskInBox", () => {
  it("sees masks as torchvision's project_masks_on_boxes", () => {
    const instances = {
      width: 50,
      height: 40,
      data: Int32Array.from({ length: 2000 }, (_, p) => {
        const [y, x] = [Math.floor(p / 50), p % 50];
        return (y - 17) ** 2 / 81 + (x - 20) ** 2 / 144 <= 1 ? 3 : 0;
      }),
    };
    for (let box = 0; box < 4; box++) {
      const mask = maskInBox(instances, 3, fixture.masks.views, box, 7);
      mask.forEach((v, i) => {
        expect(v).toBeCloseTo(fixture.masks.values[box * 49 + i]!, 10);
      });
    }
  });
});

describe("paintDetections", () => {
  const detection = (box: Detection["box"], score: number, fill = 1): Detection => ({
    box,
    score,
    label: 1,
    probabilities: [1 - score, score],
    mask: new Float32Array(16).fill(fill),
  });

  it("paints by falling score, only free pixels, of the pixels whose centres lie in the box", () => {
    const low = detection([2.4, 0, 6, 3], 0.6);
    const high = detection([-3, 0, 3.6, 4], 0.9);
    const { labels, detections } = paintDetections([low, high], { width: 7, height: 4 }, { pixels: 1 });
    expect(labels).toEqual(map(["111122.", "111122.", "111122.", "1111..."]));
    expect(detections).toEqual([high, low]);
  });

  it("leaves out low scores, empty masks and instances of too few pixels", () => {
    const all = [
      detection([0, 0, 5, 2], 0.49),
      detection([0, 0, 3, 3], 0.5),
      detection([0, 0, 9, 9], 0.9, 0.5),
    ];
    expect(paintDetections(all, { width: 9, height: 9 }).detections).toEqual([]);
    expect(paintDetections(all, { width: 9, height: 9 }, { pixels: 9 }).detections).toEqual([all[1]]);
  });

  it("gives an instance back that it sees through the instance's own box", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createRandom(seed);
        const [a, b] = [random.uniform(4, 16), random.uniform(4, 16)];
        const [cx, cy] = [random.uniform(18, 22), random.uniform(18, 22)];
        const instances = {
          width: 40,
          height: 40,
          data: Int32Array.from({ length: 1600 }, (_, p) => {
            const [dx, dy] = [((p % 40) - cx) / a, (Math.floor(p / 40) - cy) / b];
            return dx * dx + dy * dy <= 1 ? 5 : 0;
          }),
        };
        const { boxes } = boxInstances(instances, instances);
        const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes;
        const seen: Detection = {
          ...detection([x1, y1, x2, y2], 1),
          mask: maskInBox(instances, 5, boxes, 0, 28),
        };
        const { labels } = paintDetections([seen], instances);
        let both = 0;
        let either = 0;
        labels.data.forEach((v, p) => {
          if (v === 1 && instances.data[p] === 5) both++;
          if (v === 1 || instances.data[p] === 5) either++;
        });
        expect(both / either).toBeGreaterThan(0.97);
      }),
      { seed: 3, numRuns: 60 },
    );
  });
});

describe("paintDetectionMaps", () => {
  const scheme = {
    name: "two",
    classes: [
      { name: "a", short: "a", color: [0, 0, 0] as const },
      { name: "b", short: "b", color: [0, 0, 0] as const },
    ],
    tasks: [
      { name: "x", merge: [0, 1, 2] },
      { name: "y", merge: [0, 1, 2] },
    ] as const,
  };
  const detection = (box: Detection["box"], label: number, score: number): Detection => ({
    box,
    score,
    label,
    probabilities: label === 1 ? [1 - score, score, 0] : [1 - score, 0, score],
    mask: [1],
  });
  const found = [
    detection([1, 0, 4, 4], 1, 0.25),
    detection([0, 0, 3, 4], 2, 0.75),
    detection([5, 0, 6, 1], 2, 0.875),
  ];
  const maps = paintDetectionMaps(found, { width: 6, height: 4 }, { classes: 2, pixels: 1 });

  it("writes class probabilities, score and number", () => {
    const plane = (c: number) => [...maps.data.subarray(24 * c, 24 * c + 6)];
    expect(maps.channels).toBe(5);
    expect(plane(0)).toEqual([0.25, 0.25, 0.25, 0.75, 1, 0.125]);
    expect(plane(1)).toEqual([0, 0, 0, 0.25, 0, 0]);
    expect(plane(2)).toEqual([0.75, 0.75, 0.75, 0, 0, 0.875]);
    expect(plane(3)).toEqual([0.75, 0.75, 0.75, 0.25, 0, 0.875]);
    expect(plane(4)).toEqual([2, 2, 2, 3, 0, 1]);
  });

  it("gives back by post-processing what was painted, above score and area", () => {
    const select = (threshold: number, minArea: number) =>
      segmentNuclei(maps, scheme, { ...DEFAULT_POST_OPTIONS, method: "detections", threshold, minArea })
        .labels;
    expect(select(0, 0).data).toEqual(map(["2223.1", "2223..", "2223..", "2223.."]).data);
    // 0.75 is (191 + 1) / 256.
    expect(select(191, 1).data).toEqual(map(["111...", "111...", "111...", "111..."]).data);
    expect(select(192, 0).count).toBe(1);
    expect(select(63, 4).count).toBe(1);
    expect(select(64, 0).count).toBe(2);
  });
});
