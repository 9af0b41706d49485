import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { writeOffsets } from "./offsets.js";
import { TARGET_KINDS } from "./target-kinds.js";

// Fixtures by NumPy and SciPy (fixtures/hover-net/make.py); float32 quotients of whole numbers must be equal exactly.
it("equals NumPy on crops of ellipses", () => {
  let positive = 0;
  for (const sample of readPack("../hover-net/targets.pack.gz")) {
    const labels = sample.map<Uint8Array>("labels");
    const expected = sample.array<Float32Array>("offsets");
    const [, output = 0] = sample.shape("offsets");
    const found = new Float32Array(expected.length).fill(9);
    writeOffsets(found, { ...labels, data: Int32Array.from(labels.data) }, output);
    expect(found).toEqual(expected);
    positive += found.filter((v) => v > 0).length;
  }
  expect(positive).toBeGreaterThan(1000);
});

describe("writeOffsets", () => {
  /** A rectangle of id 1, `left` to `right` and `top` to `bottom`, both included, in a square of `side`. */
  const square = (side: number, top: number, left: number, bottom: number, right: number) => {
    const data = new Int32Array(side * side);
    for (let y = top; y <= bottom; y++) data.fill(1, y * side + left, y * side + right + 1);
    return { width: side, height: side, data };
  };

  it("counts from the pixel before the rounded centre, each side to 1", () => {
    const found = new Float32Array(2 * 64);
    writeOffsets(found, square(8, 1, 1, 6, 5), 8); // 5 columns around 3, 6 rows around 3.5, rounded to 4
    expect([...found.subarray(8, 16)]).toEqual([0, -1, 0, 1 / 3, 2 / 3, 1, 0, 0].map(Math.fround));
    const column = Array.from({ length: 8 }, (_, y) => found[64 + y * 8 + 1]!);
    expect(column).toEqual([0, -1, -0.5, 0, 1 / 3, 2 / 3, 1, 0].map(Math.fround));
  });

  it("takes the whole nucleus for the scale, but needs 30 px of it in the output", () => {
    const whole = square(20, 2, 2, 13, 13);
    const found = new Float32Array(2 * 64).fill(9);
    writeOffsets(found, whole, 8); // output is 6 … 13
    expect(found[0]).toBe(Math.fround(-1 / 5)); // column 6, centre 8: offsets −5 … 6
    expect(found[7]).toBe(1);
    writeOffsets(found, square(20, 2, 2, 10, 10), 8); // 25 px inside
    expect(found.every((v) => v === 0)).toBe(true);
  });

  it("is the target of that name", () => {
    const { element, shape, write } = TARGET_KINDS.offsets;
    expect([element, shape(3, 80)]).toEqual(["float32", [3, 2, 80, 80]]);
    const into = new Float32Array(2 * 64);
    const instances = square(8, 1, 1, 6, 6);
    const map = { width: 8, height: 8, data: new Uint8Array(64) };
    const labels = { instances, classes: map, distances: map };
    write(into, { labels, crop: 8, output: 8 }, RCC_CLASSES);
    expect(Math.max(...into)).toBe(1);
  });
});
