import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { invertMatrix3, multiplyMatrix3 } from "./densities.js";
import { measureMacenko } from "./macenko.js";
import { measureReinhard } from "./reinhard.js";
import { createStainNormalizer, STAIN_NORM_METHODS } from "./stain-norm.js";

// Fixtures by an independent NumPy implementation (fixtures/color/make.py).
const cases = readPack("../color/stain-norm.pack.gz");

function rgbImage(c: (typeof cases)[number], name: string) {
  const [height = 0, width = 0] = c.shape(name);
  return { width, height, data: c.array<Uint8Array>(name) };
}

describe("profiles equal NumPy", () => {
  it.each(cases.map((c, i) => [i, c] as const))("of image %d", (_, c) => {
    const { data } = rgbImage(c, "image");
    const macenko = measureMacenko(data)!;
    const close = (got: readonly number[], name: string) => {
      for (const [i, value] of c.array<Float64Array>(name).entries()) {
        // Eigenvectors by other algorithms agree to rounding.
        expect(Math.abs(got[i]! - value)).toBeLessThan(1e-9);
      }
    };
    close(macenko.stains.flat(), "stains");
    close(macenko.amounts, "amounts");
    const reinhard = measureReinhard(data)!;
    close(reinhard.means, "means");
    close(reinhard.deviations, "deviations");
  });
});

describe.each(STAIN_NORM_METHODS)("%s", (method) => {
  it.each(cases.map((c, i) => [i, c] as const))("equals NumPy on image %d", (i, c) => {
    const normalizer =
      i === 2
        ? createStainNormalizer(method, { name: "t.png", image: rgbImage(c, "target") })
        : createStainNormalizer(method);
    expect(normalizer.description).toBe(`${method} (${i === 2 ? "t.png" : "built-in reference"})`);
    const image = rgbImage(c, "image");
    const before = image.data.slice();
    expect(normalizer.apply(image)!.data).toEqual(c.array(method));
    expect(image.data).toEqual(before);
  });

  it("leaves an image of the target's colours nearly as it is", () => {
    const image = rgbImage(cases[1]!, "image");
    const same = createStainNormalizer(method, { name: "itself", image }).apply(image)!;
    const worst = Math.max(...same.data.map((value, i) => Math.abs(value - image.data[i]!)));
    // Macenko keeps two stains of three dimensions, so noise across their plane is lost.
    expect(worst).toBeLessThanOrEqual(method === "reinhard" ? 1 : 16);
  });

  it("refuses glass and a single colour", () => {
    const glass = { width: 20, height: 20, data: new Uint8Array(1200).fill(240) };
    const grey = { ...glass, data: new Uint8Array(1200).fill(120) };
    for (const image of [glass, grey]) {
      expect(createStainNormalizer(method).apply(image)).toBeNull();
      expect(() => createStainNormalizer(method, { name: "glass.png", image })).toThrow(
        /glass\.png: less than 5 % of it is stained tissue/,
      );
    }
  });
});

describe("matrices", () => {
  it("times its inverse is the identity", () => {
    const m = [2, 0, 1, 1, 3, 0, 0, 1, 1] as const;
    const product = multiplyMatrix3(m, invertMatrix3(m)).map((v) => Math.round(v * 1e12) / 1e12 + 0);
    expect(product).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});
