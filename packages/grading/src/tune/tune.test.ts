import {
  DEFAULT_POST_OPTIONS,
  evaluateImage,
  type PostOptions,
  RCC_CLASSES,
  segmentNuclei,
  voteTypes,
} from "@renograde/core";
import { describe, expect, it } from "vitest";
import { diskGrid, diskImage } from "../testing/tiny-model.js";
import {
  coarseCandidates,
  constantsDistance,
  constantsOf,
  finerCandidates,
  tunedOptions,
} from "./candidates.js";
import { scoreCandidates, setScore, TUNE_SCORES } from "./score-candidates.js";
import { searchConstants } from "./search.js";

const post = (changes: Partial<PostOptions>): PostOptions => ({ ...DEFAULT_POST_OPTIONS, ...changes });
const H = { method: "hover-net" } as const;

describe("candidates", () => {
  it("are all combinations of what the method reads", () => {
    expect(tunedOptions("watershed")).toEqual(["h", "threshold", "minArea"]);
    expect(coarseCandidates(post({}))).toHaveLength(8 * 8 * 6);
    expect(
      coarseCandidates(post({ method: "components", h: 7 })).map((p) => [p.h, p.minArea, p.dilate]),
    ).toHaveLength(24);
    expect(new Set(coarseCandidates(post({ method: "components", h: 7 })).map((p) => p.h))).toEqual(
      new Set([7]),
    );
    expect(constantsOf(post(H))).toEqual({ minArea: 10 });
  });

  it("halve the steps around the best, inside and at the edge", () => {
    const areas = (best: number, tried: number[]): number[] =>
      finerCandidates(
        post({ ...H, minArea: best }),
        tried.map((minArea) => post({ ...H, minArea })),
      ).map((p) => p.minArea);
    expect(areas(20, [0, 10, 20, 40])).toEqual([15, 20, 30]);
    expect(areas(0, [0, 10, 20])).toEqual([0, 5]);
    expect(areas(20, [19, 20, 21])).toEqual([20, 21]);
    expect(finerCandidates(post({}), coarseCandidates(post({})))).toHaveLength(27);
  });

  it("are apart by shares of the grid's range", () => {
    expect(constantsDistance(post({ h: 110 }), post({ h: 60, minArea: 90 }))).toBe(50 / 200 + 80 / 160);
  });
});

describe("scoreCandidates", () => {
  // Maps of disks: nucleus 1 inside, distance falling from the centre; classes as drawn but for the first disk.
  const disks = diskGrid(120, 100);
  const { labels } = diskImage(120, 100, disks);
  const size = 120 * 100;
  const data = new Float32Array(7 * size);
  for (let p = 0; p < size; p++) {
    const disk = disks[labels.data[p]! - 1];
    if (!disk) {
      data[p] = 1;
      continue;
    }
    const far = Math.hypot((p % 120) - disk.x, Math.floor(p / 120) - disk.y) / disk.radius;
    data[(disk === disks[0] ? 2 : disk.type) * size + p] = 1;
    data[5 * size + p] = 1 - far / 2;
    data[6 * size + p] = 1 - far;
  }
  const maps = { width: 120, height: 100, channels: 7, data };
  const truth = { labels, types: new Map(disks.map((disk, i) => [i + 1, disk.type])) };

  it.each([...TUNE_SCORES])(
    "gives %s of the whole post-processing, also where it takes the short way",
    (score) => {
      const candidates = [
        post({}),
        post({ minArea: 200 }),
        post({ threshold: 160, minArea: 100 }),
        post({ h: 250 }),
        post({ method: "components", minArea: 200 }),
      ];
      const columns = score === "aPQ" ? 4 : 1;
      const values = scoreCandidates({ maps, truth }, RCC_CLASSES, score, candidates);
      const expected = candidates.flatMap((candidate) => {
        const segmented = segmentNuclei(maps, RCC_CLASSES, candidate).labels;
        const votes = voteTypes(segmented, maps, candidate);
        const types = new Map([...votes.types].map((type, id) => [id, type]));
        const metrics = evaluateImage(truth, { labels: segmented, types }, RCC_CLASSES);
        return score === "aPQ" ? metrics.classes.map((c) => c.pq) : [metrics[score]];
      });
      expect([...values]).toEqual(expected);
      expect(new Set(expected.filter((v) => !Number.isNaN(v))).size).toBeGreaterThan(2);
      expect(values).toHaveLength(5 * columns);
    },
  );
});

describe("setScore", () => {
  it("is the mean over images of each column, then over columns, of what is defined", () => {
    const rows = [Float64Array.of(0.2, Number.NaN, Number.NaN), Float64Array.of(0.4, 1, Number.NaN)];
    expect(setScore(rows)).toBeCloseTo((0.3 + 1) / 2, 15);
    expect(setScore([Float64Array.of(Number.NaN)])).toBeNaN();
  });
});

describe("searchConstants", () => {
  const start = post(H);
  /** Image i scores highest at its own minimum area. */
  const evaluate = (peaks: readonly number[]) => async (candidates: readonly PostOptions[]) =>
    candidates.map(({ minArea }) => peaks.map((peak) => Float64Array.of(1 - Math.abs(minArea - peak) / 200)));

  it("comes within an eighth of a step of the best and says what it gains", async () => {
    const result = await searchConstants(start, [], evaluate([67, 67, 67]));
    // 40 … 80 … 160: 60, then 70 beside it, then 65.
    expect(result.best.minArea).toBe(65);
    expect(result.after).toBeCloseTo(1 - 2 / 200, 12);
    expect(result.before).toBeCloseTo(1 - 57 / 200, 12);
    expect(result.gain.low).toBeCloseTo(55 / 200, 12);
    expect(result.heldOut!.value).toBeCloseTo(55 / 200, 12);
    expect(result.candidates).toBe(6 + 2 + 2 + 2);
    expect(result.images).toHaveLength(3);
    expect(await searchConstants(start, [], evaluate([67, 67, 67]))).toEqual(result);
  });

  it("keeps the constants it began with where nothing is better, and among equals", async () => {
    expect((await searchConstants(start, [], evaluate([10]))).best.minArea).toBe(10);
    const flat = await searchConstants(post({ ...H, minArea: 33 }), [], async (candidates) =>
      candidates.map(() => [Float64Array.of(0.5)]),
    );
    expect(flat.best.minArea).toBe(33);
    expect([flat.gain, flat.heldOut]).toEqual([{ value: 0, low: 0, high: 0 }, null]);
  });

  it("measures the gain on images that had no part in the choice", async () => {
    // Every image wants something else: what suits the others does not suit it.
    const { gain, heldOut } = await searchConstants(start, [], evaluate([0, 160]));
    expect(gain.value).toBeGreaterThanOrEqual(0);
    expect(heldOut!.value).toBeCloseTo(1 - 160 / 200 - (1 - 80 / 200), 12);
  });

  it("tries further constants", async () => {
    const other = post({ ...H, minArea: 500 });
    expect((await searchConstants(start, [other], evaluate([499]))).best).toEqual(other);
  });
});
