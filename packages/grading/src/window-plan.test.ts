import { isRenogradeError, type RgbImage } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { inferMaps } from "./infer.js";
import { type FakeOutput, fakeMetadata, fakeSession, positionImage } from "./testing/fake-model.js";
import { extractWindow, planWindows } from "./window-plan.js";

const SIZES = { window: 262, output: 256, kept: 200 };

/** Two maps: x and y of the pixel; two task channels likewise. */
const metadata = fakeMetadata({
  outputs: [
    { name: "maps", stride: 1, channels: [{ kind: "nucleus" }, { kind: "distance" }] },
    {
      name: "tasks",
      stride: 2,
      channels: [
        { kind: "task", task: 0, id: 0 },
        { kind: "task", task: 0, id: 1 },
      ],
    },
  ],
});
const position: FakeOutput = {
  channels: 2,
  rule: (r, g, b, out) => {
    out[0] = r + 256 * (b & 15);
    out[1] = g + 256 * (b >> 4);
  },
};
const session = (batch = 4) => fakeSession(metadata, batch, { maps: position, tasks: position });

/** Equality without the cost of `toEqual` on large arrays. */
function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

describe("planWindows", () => {
  it("has the numbers of spec/postprocessing.md §1", () => {
    const plan = planWindows(512, 512, SIZES);
    expect([plan.rows, plan.columns, plan.crop, plan.margin]).toEqual([3, 3, 28, 31]);
    // Padded side 893: 31 before, 350 after; the windows need 2 · 200 + 262 of it.
    expect(plan.rowIndex.length).toBe(662);
    expect([...plan.rowIndex.subarray(0, 33)]).toEqual(
      Array.from({ length: 33 }, (_, i) => Math.abs(i - 31)),
    );
    expect(plan.rowIndex[31 + 511]).toBe(511);
    expect(plan.rowIndex[31 + 512]).toBe(510);
  });

  it.each([
    [1, 1],
    [100, 1],
    [200, 1],
    [201, 2],
    [400, 2],
    [401, 3],
  ])("needs for %i pixels %i windows", (length, count) => {
    expect(planWindows(length, 1, SIZES).columns).toBe(count);
    expect(planWindows(1, length, SIZES).rows).toBe(count);
  });

  it("reflects with period 2(h - 1), and repeats a single pixel", () => {
    const small = { window: 12, output: 8, kept: 4 };
    const row = (height: number): number[] => [...planWindows(1, height, small).rowIndex];
    expect(row(3)).toEqual([0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
    expect(row(2)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(row(1)).toEqual(new Array(12).fill(0));
  });

  it("refuses impossible steps and empty images", () => {
    for (const step of [0, 3, 202, 260, 4.5]) {
      expect(() => planWindows(10, 10, SIZES, step)).toThrow(/infer\.step/);
    }
    expect(() => planWindows(0, 10, SIZES)).toThrow(/at least one pixel/);
  });
});

describe("extractWindow", () => {
  it("writes planes of scaled, reflected bytes, and mirrored ones", () => {
    const image: RgbImage = { width: 2, height: 1, data: Uint8Array.from([10, 20, 30, 40, 50, 60]) };
    const plan = planWindows(2, 1, { window: 4, output: 4, kept: 2 });
    const out = new Float32Array(48);
    extractWindow(image, plan, 0, 0.5, out, 0);
    // Margin 1: columns 1 0 1 0.
    expect([...out.subarray(0, 8)]).toEqual([20, 5, 20, 5, 20, 5, 20, 5]);
    expect([...out.subarray(16, 20)]).toEqual([25, 10, 25, 10]);
    extractWindow(image, plan, 0, 0.5, out, 0, { x: true, y: false });
    expect([...out.subarray(32, 36)]).toEqual([15, 30, 15, 30]);
  });
});

describe("inferMaps", () => {
  it.each([
    [1, 1],
    [300, 1],
    [1, 300],
    [199, 199],
    [200, 200],
    [201, 201],
    [262, 262],
    [512, 512],
    [300, 513],
  ])("puts every pixel of a %i x %i image back in its place", async (width, height) => {
    const { maps, tasks } = await inferMaps(positionImage(width, height), session(), metadata);
    expect([maps.width, maps.height, maps.channels]).toEqual([width, height, 2]);
    expect([tasks!.width, tasks!.height]).toEqual([Math.ceil(width / 2), Math.ceil(height / 2)]);
    let wrong = 0;
    for (const [map, stride] of [
      [maps, 1],
      [tasks!, 2],
    ] as const) {
      for (let y = 0; y < map.height; y++) {
        for (let x = 0; x < map.width; x++) {
          const p = y * map.width + x;
          if (map.data[p] !== x * stride || map.data[map.width * map.height + p] !== y * stride) wrong++;
        }
      }
    }
    expect(wrong).toBe(0);
  });

  it("gives the same maps for any batch size, step and mirrored passes of a pixelwise network", async () => {
    const image = positionImage(430, 210);
    const reference = await inferMaps(image, session(1), metadata);
    for (const options of [{}, { step: 256 }, { step: 120 }]) {
      const other = await inferMaps(image, session(3), metadata, options);
      expect(same(other.maps.data, reference.maps.data)).toBe(true);
      expect(same(other.tasks!.data, reference.tasks!.data)).toBe(true);
    }
    // Mirroring moves the half-resolution grid by one pixel; the full-resolution maps are equal.
    const mirrored = await inferMaps(image, session(5), metadata, { flipTTA: true });
    expect(same(mirrored.maps.data, reference.maps.data)).toBe(true);
  });

  it("reports progress, stops on a signal, and refuses NaN and short outputs", async () => {
    const image = positionImage(430, 210);
    const seen: string[] = [];
    await inferMaps(image, session(4), metadata, {
      onProgress: (done, total) => seen.push(`${done}/${total}`),
    });
    expect(seen).toEqual(["4/6", "6/6"]);
    const reject = async (
      promise: Promise<unknown>,
      tag: "InterruptedError" | "DataError" | "EngineError",
    ) => {
      const error: unknown = await promise.catch((e: unknown) => e);
      expect(isRenogradeError(error, tag)).toBe(true);
    };
    await reject(inferMaps(image, session(), metadata, { signal: AbortSignal.abort() }), "InterruptedError");
    const broken = fakeSession(metadata, 2, {
      maps: { channels: 2, rule: (_r, _g, _b, out) => out.fill(Number.NaN) },
      tasks: position,
    });
    await reject(inferMaps(image, broken, metadata), "DataError");
    const short = fakeSession(metadata, 2, { maps: { channels: 1, rule: () => {} }, tasks: position });
    await reject(inferMaps(image, short, metadata), "EngineError");
    await reject(inferMaps(image, fakeSession(metadata, 2, { maps: position }), metadata), "EngineError");
  });
});
