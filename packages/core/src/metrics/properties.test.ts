import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RCC_CLASSES } from "../class-scheme.js";
import { createRandom } from "../random.js";
import { summarize } from "./dataset-metrics.js";
import { detectionScores } from "./detection.js";
import { evaluateImage } from "./image-metrics.js";
import type { TypedLabels } from "./instances.js";

const WIDTH = 9;
const HEIGHT = 7;

/** Any label map at all: every pixel its own choice, so instances are scattered and touch often. */
const typedLabels: fc.Arbitrary<TypedLabels> = fc
  .record({
    data: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: WIDTH * HEIGHT, maxLength: WIDTH * HEIGHT }),
    types: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 }),
  })
  .map(({ data, types }) => ({
    labels: { width: WIDTH, height: HEIGHT, data: Int32Array.from(data) },
    types: new Map(types.map((type, i) => [i + 1, type])),
  }));

/** New ids in another order, far apart. */
function renumber(a: TypedLabels, seed: number): TypedLabels {
  const fresh = createRandom(seed, "ids").shuffle(Array.from({ length: 8 }, (_, i) => 7 + 250_000_000 * i));
  return {
    labels: { ...a.labels, data: a.labels.data.map((id) => (id === 0 ? 0 : fresh[id - 1]!)) },
    types: new Map([...a.types].map(([id, type]) => [fresh[id - 1]!, type])),
  };
}

const run = { seed: 20261123, numRuns: 200 };

describe("metrics of any label maps", () => {
  it("of a map with itself are 1", () => {
    fc.assert(
      fc.property(typedLabels, (a) => {
        const self = evaluateImage(a, a, RCC_CLASSES, { eps: 0 });
        for (const value of [self.dice, self.dice2, self.aji, self.ajiPlus, self.dq, self.sq, self.pq]) {
          expect(Number.isNaN(value) || Math.abs(value - 1) < 1e-12).toBe(true);
        }
        for (const c of self.classes) if (c.truths > 0) expect(c.pq).toBe(1);
      }),
      run,
    );
  });

  it("stay between 0 and 1, with PQ = SQ · DQ", () => {
    fc.assert(
      fc.property(
        typedLabels,
        typedLabels,
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        (a, b, iouThreshold) => {
          const image = evaluateImage(a, b, RCC_CLASSES, { iouThreshold });
          expect(image.pq).toBe(image.dq * image.sq);
          for (const c of image.classes) expect(c.pq).toEqual(c.dq * c.sq);
          for (const value of [
            image.dice,
            image.dice2,
            image.aji,
            image.ajiPlus,
            image.dq,
            image.sq,
            image.pq,
          ]) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1);
          }
        },
      ),
      run,
    );
  });

  // AJI and AJI+ are left out: where two partners have the same IoU, the lowest id decides (spec/metrics.md §2).
  it("do not change when instances are renumbered", () => {
    fc.assert(
      fc.property(typedLabels, typedLabels, fc.nat(), (a, b, seed) => {
        const before = evaluateImage(a, b, RCC_CLASSES);
        const after = evaluateImage(renumber(a, seed), renumber(b, seed + 1), RCC_CLASSES);
        for (const key of ["dice", "dice2", "dq", "sq", "pq", "meanClassPq"] as const) {
          if (Number.isNaN(before[key])) expect(after[key]).toBeNaN();
          else expect(after[key]).toBeCloseTo(before[key], 12);
        }
        expect(after.counts.tp).toBe(before.counts.tp);
      }),
      run,
    );
  });

  it("swap precision and recall when truth and prediction are swapped", () => {
    fc.assert(
      fc.property(typedLabels, typedLabels, (a, b) => {
        const there = evaluateImage(a, b, RCC_CLASSES, { f1DistancePx: 1 });
        const back = evaluateImage(b, a, RCC_CLASSES, { f1DistancePx: 1 });
        expect([back.counts.tp, back.counts.fp, back.counts.fn]).toEqual([
          there.counts.tp,
          there.counts.fn,
          there.counts.fp,
        ]);
        expect(back.dice).toBe(there.dice);
        const [p, q] = [detectionScores(there.detection), detectionScores(back.detection)];
        expect([q.precision, q.recall]).toEqual([p.recall, p.precision]);
      }),
      run,
    );
  });

  it("of many images do not depend on their order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(typedLabels, typedLabels), { minLength: 1, maxLength: 4 }), (pairs) => {
        const images = pairs.map(([a, b]) => evaluateImage(a, b, RCC_CLASSES));
        const forth = summarize(images, RCC_CLASSES);
        const back = summarize(images.toReversed(), RCC_CLASSES);
        expect(back.pq).toBeCloseTo(forth.pq, 12);
        expect(back.detection.f1).toBe(forth.detection.f1);
        expect(back.imagesPerClass).toEqual(forth.imagesPerClass);
      }),
      { ...run, numRuns: 50 },
    );
  });
});
