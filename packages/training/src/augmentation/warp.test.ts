import { createRandom } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { cutPatch, type PreparedImage } from "../targets/windows.js";
import { type AffineParameters, affineMatrix, invertAffine } from "./affine.js";
import { type Interpolation, type Warp, warpCrop } from "./warp.js";

const STILL: AffineParameters = { scale: 1, rotation: 0, shear: 0, shiftX: 0, shiftY: 0 };

/** An image whose instances are its pixels' numbers. */
function imageOf(width: number, height: number, rgb?: Uint8Array): PreparedImage {
  const random = createRandom(width, height);
  const pixels = width * height;
  return {
    name: "x",
    width,
    height,
    rgb: rgb ?? Uint8Array.from({ length: 3 * pixels }, () => random.int(0, 255)),
    instances: Int32Array.from({ length: pixels }, (_, i) => i + 1),
    classes: Uint8Array.from({ length: pixels }, (_, i) => (i + 1) % 251),
    distance: Uint8Array.from({ length: pixels }, (_, i) => (i + 1) % 241),
  };
}

function warpOf(parameters: Partial<AffineParameters>, rest: Partial<Warp>): Warp {
  const window = rest.window ?? 8;
  const inverse = invertAffine(affineMatrix({ ...STILL, ...parameters }, window));
  return { window, crop: 4, inverse, mirrorX: false, mirrorY: false, interpolation: "nearest", ...rest };
}

describe("affineMatrix", () => {
  it("is the published matrix", () => {
    // alpha = 2 cos 30, beta = 2 sin 30, shear 0; window 5 has its centre at (2, 2), shifted by (1, -3).
    const m = affineMatrix({ scale: 2, rotation: 30, shear: 0, shiftX: 1, shiftY: -3 }, 5);
    const root = Math.sqrt(3);
    for (const [got, expected] of [
      [m.a, root],
      [m.b, 1],
      [m.c, -1],
      [m.d, root],
      [m.tx, 2 - 2 * root - 2 + 1],
      [m.ty, 2 + 2 - 2 * root - 3],
    ] as const) {
      expect(got).toBeCloseTo(expected, 12);
    }
    const sheared = affineMatrix({ ...STILL, shear: 30 }, 5);
    expect([sheared.a, sheared.b, sheared.c]).toEqual([1, Math.sin(Math.PI / 6), -0]);
    expect(sheared.d).toBeCloseTo(root / 2, 12);
  });
});

describe("warpCrop", () => {
  it("is the plain centre without a map, and mirrors it", () => {
    const image = imageOf(6, 5);
    const at = { top: -1, left: 0 };
    const plain = cutPatch(image, 1, 2, 4);
    expect(warpCrop(image, at, warpOf({}, {}))).toEqual(plain);
    expect(warpCrop(image, at, warpOf({}, { interpolation: "bilinear" }))).toEqual(plain);
    const rows = (data: Int32Array) => [0, 1, 2, 3].map((y) => [...data.subarray(4 * y, 4 * y + 4)]);
    const mirrored = warpCrop(image, at, warpOf({}, { mirrorX: true, mirrorY: true }));
    expect(rows(mirrored.instances)).toEqual(
      rows(plain.instances)
        .reverse()
        .map((row) => row.reverse()),
    );
  });

  it("moves content by the shift and leaves 0 outside the window", () => {
    const image = imageOf(8, 8);
    const { instances } = warpCrop(image, { top: 0, left: 0 }, warpOf({ shiftX: 3 }, { crop: 8 }));
    expect([...instances.subarray(0, 8)]).toEqual([0, 0, 0, 1, 2, 3, 4, 5]);
  });

  it("turns content from x towards -y for positive angles, as the published matrix does", () => {
    const image = imageOf(3, 3); // 1 2 3 / 4 5 6 / 7 8 9
    const { instances } = warpCrop(
      image,
      { top: 0, left: 0 },
      warpOf({ rotation: 90 }, { window: 3, crop: 3 }),
    );
    expect([...instances]).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
  });

  describe("equals NumPy and SciPy", () => {
    const [first, ...cases] = readPack("../augmentation/warps.pack.gz");
    const [height = 0, width = 0] = first!.shape("image");
    const image = imageOf(width, height, first!.array<Uint8Array>("image"));
    const [window, crop, top, left] = (["window", "crop", "top", "left"] as const).map((name) =>
      first!.object<number>(name),
    ) as [number, number, number, number];
    it.each(cases.map((c) => [JSON.stringify(c.object("parameters")), c] as const))("%s", (_, c) => {
      const [mirrorX = false, mirrorY = false] = c.list<boolean>("mirrors");
      const patch = (interpolation: Interpolation) =>
        warpCrop(
          image,
          { top, left },
          warpOf(c.object<AffineParameters>("parameters"), { window, crop, mirrorX, mirrorY, interpolation }),
        );
      const nearest = patch("nearest");
      expect(nearest.rgb).toEqual(c.array("nearest"));
      const labels = c.array<Int32Array>("labels");
      expect(nearest.instances).toEqual(labels);
      expect(nearest.classes).toEqual(Uint8Array.from(labels, (id) => id % 251));
      expect(nearest.distance).toEqual(Uint8Array.from(labels, (id) => id % 241));
      const bilinear = patch("bilinear");
      expect(bilinear.instances).toEqual(labels);
      expect(bilinear.rgb).toEqual(c.array("bilinear"));
      // OpenCV rounds coordinates to 1/1024 px first, so a few pixels come from the next one.
      const opencv = c.array<Uint8Array>("opencv");
      const equal = opencv.reduce((n, value, i) => n + (value === nearest.rgb[i] ? 1 : 0), 0);
      expect(equal / opencv.length).toBeGreaterThan(0.99);
    });
  });
});
