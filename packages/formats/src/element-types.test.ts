import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnToRowMajor, halfToNumber, numberToHalf, swapBytes, viewAs } from "./element-types.js";

describe("half precision", () => {
  it("every finite bit pattern survives the way there and back", () => {
    const finite = Array.from({ length: 0x10000 }, (_, bits) => bits).filter(
      (bits) => (bits & 0x7c00) !== 0x7c00,
    );
    expect(finite.map((bits) => numberToHalf(halfToNumber(bits)))).toEqual(finite);
  });

  it("rounds to the nearest, ties to even", () => {
    expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(numberToHalf(2 - 2 ** -12)).toBe(0x4000);
    expect(numberToHalf(65519)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(numberToHalf(-Infinity)).toBe(0xfc00);
    expect(Number.isNaN(halfToNumber(numberToHalf(Number.NaN)))).toBe(true);
  });
});

describe("columnToRowMajor", () => {
  it("reorders a 2 x 3 matrix", () => {
    // Columns (1, 4), (2, 5), (3, 6).
    expect(columnToRowMajor(Int32Array.of(1, 4, 2, 5, 3, 6), [2, 3])).toEqual(
      Int32Array.of(1, 2, 3, 4, 5, 6),
    );
  });

  it("is undone by itself with the shape reversed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 5 }), (shape) => {
        const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
        expect(columnToRowMajor(columnToRowMajor(data, shape), shape.toReversed())).toEqual(data);
      }),
      { seed: 1 },
    );
  });
});

it("swapBytes reverses each group", () => {
  expect(swapBytes(Uint8Array.of(1, 2, 3, 4), 2)).toEqual(Uint8Array.of(2, 1, 4, 3));
});

it("viewAs reads a Buffer at any offset", () => {
  const bytes = Buffer.from([9, 0, 0, 128, 63]).subarray(1);
  expect(viewAs(Float32Array, bytes)).toEqual(Float32Array.of(1));
});
