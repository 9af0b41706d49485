import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WatershedTies } from "../post-options.js";
import { FloodLists } from "./flood-component.js";
import { Role } from "./flood-heap.js";
import { labelComponents } from "./label-components.js";
import { watershed } from "./watershed.js";
import { Workspace } from "./workspace.js";

interface Scene {
  readonly width: number;
  readonly height: number;
  readonly relief: readonly number[];
  readonly markers: Int32Array;
  readonly mask: Uint8Array;
}

/** spec/postprocessing.md §3.1 word by word: one heap of [value, age, index]. */
function floodPlainly(scene: Scene, markers: ArrayLike<number>, rising: boolean): Int32Array {
  const { width, height, relief, mask } = scene;
  const out = new Int32Array(width * height);
  const heap: [value: number, age: number, index: number][] = [];
  const less = (a: number, b: number): boolean => {
    const [[v, s], [w, t]] = [heap[a]!, heap[b]!];
    return v < w || (v === w && s < t);
  };
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  };
  const push = (value: number, age: number, index: number): void => {
    let c = heap.push([value, age, index]) - 1;
    while (c > 0) {
      const p = Math.floor((c + 1) / 2) - 1;
      if (!less(c, p)) break;
      swap(c, p);
      c = p;
    }
  };
  const pop = (): [number, number, number] => {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const [l, r] = [2 * i + 1, 2 * i + 2];
      if (l >= heap.length) break;
      let smallest = less(l, i) ? l : i;
      if (r < heap.length && less(r, smallest)) smallest = r;
      if (smallest === i) break;
      swap(i, smallest);
      i = smallest;
    }
    return first;
  };
  for (let p = 0; p < out.length; p++) {
    if (mask[p] === 0 || markers[p] === 0) continue;
    out[p] = markers[p]!;
    push(relief[p]!, 0, p);
  }
  let age = 1;
  while (heap.length > 0) {
    const [value, , p] = pop();
    const x = p % width;
    const neighbours = [
      p - width,
      x > 0 ? p - 1 : -1,
      x + 1 < width ? p + 1 : -1,
      p + width < out.length ? p + width : -1,
    ];
    for (const q of neighbours) {
      if (q < 0 || mask[q] === 0 || out[q] !== 0) continue;
      age++;
      out[q] = out[p]!;
      push(rising ? Math.max(relief[q]!, value) : relief[q]!, age, q);
    }
  }
  return out;
}

/** The same with one heap per component of the mask. */
function floodComponents(scene: Scene): Int32Array {
  const { width, height, mask, markers } = scene;
  const parts = labelComponents({ width, height, data: mask }, 4);
  const out = new Int32Array(width * height);
  for (let c = 1; c <= parts.count; c++) {
    const own = markers.map((id, p) => (parts.data[p] === c ? id : 0));
    for (const [p, id] of floodPlainly(scene, own, false).entries()) out[p]! += id;
  }
  return out;
}

/** Few values, many marker pixels and labels in pieces: ties everywhere. */
const scenes = fc
  .record({ width: fc.integer({ min: 1, max: 18 }), height: fc.integer({ min: 1, max: 18 }) })
  .chain(({ width, height }) => {
    const pixels = { minLength: width * height, maxLength: width * height };
    const marker = (share: number): fc.Arbitrary<number> =>
      fc.oneof(
        { weight: 100 - share, arbitrary: fc.constant(0) },
        { weight: share, arbitrary: fc.integer({ min: 1, max: 5 }) },
      );
    return fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      relief: fc.integer({ min: 0, max: 5 }).chain((max) => fc.array(fc.integer({ min: 0, max }), pixels)),
      markers: fc
        .constantFrom(3, 15, 50)
        .chain((share) => fc.array(marker(share), pixels))
        .map((ids) => Int32Array.from(ids)),
      mask: fc
        .constantFrom(1, 2, 6)
        .chain((max) => fc.array(fc.integer({ min: 0, max }), pixels))
        .map((values) => Uint8Array.from(values, (v) => Math.min(1, v))),
    });
  });

const run = (
  scene: Scene,
  relief: ArrayLike<number>,
  ties: WatershedTies,
  workspace: Workspace,
): Int32Array => {
  const { width, height } = scene;
  const raster = <T>(data: T): { width: number; height: number; data: T } => ({ width, height, data });
  return watershed(raster(relief), raster(scene.markers), raster(scene.mask), ties, workspace).data;
};

describe("the flood equals the specification's single heap", () => {
  it("on bytes and fractions, for all ties", () => {
    const workspace = new Workspace();
    let local = 0;
    fc.assert(
      fc.property(scenes, (scene) => {
        const plain = floodPlainly(scene, scene.markers, false);
        const components = floodComponents(scene);
        const rising = floodPlainly(scene, scene.markers, true);
        // Bytes are flooded otherwise than other numbers.
        for (const relief of [Uint8Array.from(scene.relief), scene.relief.map((v) => v / 3 - 1)]) {
          expect(run(scene, relief, "skimage-legacy", workspace)).toEqual(plain);
          expect(run(scene, relief, "component", workspace)).toEqual(components);
          expect(run(scene, relief, "skimage-0.25.2", workspace)).toEqual(rising);
        }
        if (plain.some((label, p) => label !== components[p])) local++;
      }),
      { seed: 20213, numRuns: 600 },
    );
    // The scenes are hard enough for what lies elsewhere to matter.
    expect(local).toBeGreaterThan(40);
  });

  it("on fractions that hardly tie", () => {
    const workspace = new Workspace();
    const drawn = scenes.chain((scene) =>
      fc
        .array(fc.integer({ min: 0, max: 5000 }), {
          minLength: scene.relief.length,
          maxLength: scene.relief.length,
        })
        .map((values) => ({ ...scene, relief: values.map((v) => v / 7 - 300) })),
    );
    fc.assert(
      fc.property(drawn, (scene) => {
        expect(run(scene, scene.relief, "skimage-legacy", workspace)).toEqual(
          floodPlainly(scene, scene.markers, false),
        );
        expect(run(scene, scene.relief, "component", workspace)).toEqual(floodComponents(scene));
      }),
      { seed: 20214, numRuns: 100 },
    );
  });
});

describe("FloodLists.isSettled", () => {
  /** One row between two marker pixels of value 1, labels 1 and 2. */
  const settled = (...between: number[]): boolean => {
    const stride = between.length + 4;
    const row = Uint8Array.of(0, 1, ...between, 1, 0);
    const field = {
      relief: new Uint8Array(3 * stride),
      labels: new Int32Array(3 * stride).fill(-1),
      stride,
      roles: new Uint8Array(3 * stride),
      rising: false,
    };
    field.relief.set(row, stride);
    const [a, b] = [stride + 1, stride + between.length + 2];
    field.labels.fill(0, a, b + 1);
    field.labels[a] = 1;
    field.labels[b] = 2;
    field.roles[a] = field.roles[b] = Role.contested;
    const lists = new FloodLists(new Int32Array(3 * stride), new Int32Array(stride), 1);
    const before = field.labels.slice();
    const result = lists.isSettled(field, Int32Array.of(a, b), 0, 2);
    expect(field.labels).toEqual(before);
    return result;
  };

  it("is true where values alone decide, false where the order of equal ones does", () => {
    // The pixel of value 9 goes to the side of 3, which leaves before 5.
    expect(settled(5, 9, 3)).toBe(true);
    expect(settled(5, 9, 5)).toBe(false);
    expect(settled(7)).toBe(false);
    expect(settled(5, 9, 9, 5)).toBe(true);
  });
});
