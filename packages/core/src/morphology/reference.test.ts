import { describe, expect, it } from "vitest";
import { readPack } from "../../../../fixtures/morphology/read-pack.js";
import { DEFAULT_POST_OPTIONS } from "../post-options.js";
import { distanceTransform } from "./distance-transform.js";
import { type DistanceNorm, instanceDistanceBytes, instanceDistanceMap } from "./instance-distance.js";
import { labelRegions } from "./label-components.js";
import { reconstructByErosion } from "./reconstruct.js";
import { segmentByComponents } from "./segment-components.js";
import { segmentByDistance, segmentByWatershed } from "./segment-watershed.js";
import { watershed } from "./watershed.js";
import { Workspace } from "./workspace.js";

// Fixtures by scikit-image 0.19.3 and SciPy 1.10 (fixtures/morphology/make.py); labels must be equal exactly.

interface RunOptions {
  h: number;
  threshold: number;
  backgroundIsZero: boolean;
  keepUnmarked: boolean;
}

describe("segmentByWatershed equals the scikit-image pipeline", () => {
  const workspace = new Workspace();
  for (const kind of ["smooth", "plateaus", "nuclei"]) {
    it(`on ${kind} maps`, () => {
      let objects = 0;
      for (const [index, sample] of readPack(`segment-${kind}.pack.gz`).entries()) {
        for (const [run, options] of sample.list<RunOptions>("results").entries()) {
          const labels = segmentByWatershed(
            sample.map<Uint8Array>("distance"),
            sample.map<Uint8Array>("nucleus"),
            { ...DEFAULT_POST_OPTIONS, ...options },
            workspace,
          );
          const expected = sample.array<Uint8Array>(`labels${run}`);
          expect(labels.data, `case ${index} run ${run}`).toEqual(Int32Array.from(expected));
          objects += labels.count;
        }
      }
      expect(objects).toBeGreaterThan(250);
    });
  }
});

describe("the steps equal scikit-image", () => {
  const cases = readPack("steps.pack.gz");
  const each = (name: string, check: (sample: (typeof cases)[number]) => void): void => {
    it(name, () => {
      for (const sample of cases) check(sample);
    });
  };

  each("reconstructByErosion", (sample) => {
    const result = reconstructByErosion(sample.map<Uint8Array>("seed"), sample.map<Uint8Array>("relief"));
    expect(result.data).toEqual(sample.array("reconstructed"));
  });
  each("labelRegions", (sample) => {
    const relief = sample.map<Uint8Array>("relief");
    const levels = { ...relief, data: relief.data.map((v) => v >> 6) };
    expect(labelRegions(levels, 4).data).toEqual(sample.array("regions4"));
    expect(labelRegions(levels, 8, 1).data).toEqual(sample.array("regions8"));
  });
  each("watershed of bytes and of floats", (sample) => {
    const markers = sample.map<Int32Array>("markers");
    const mask = sample.map<Uint8Array>("mask");
    expect(watershed(sample.map<Uint8Array>("relief"), markers, mask).data).toEqual(sample.array("flooded"));
    expect(watershed(sample.map<Float32Array>("floats"), markers, mask).data).toEqual(
      sample.array("floodedFloats"),
    );
  });
  each("DIST's variant", (sample) => {
    const pixels = sample.map<Float32Array>("pixels");
    expect(segmentByDistance(pixels).data).toEqual(sample.array("dist0"));
    expect(segmentByDistance(pixels, { h: 3 }).data).toEqual(sample.array("dist3"));
  });
  each("segmentByComponents", (sample) => {
    const probability = sample.map<Float32Array>("probability");
    expect(segmentByComponents(probability, { minArea: 10, dilate: 0 }).data).toEqual(
      sample.array("components0"),
    );
    expect(segmentByComponents(probability, { minArea: 10, dilate: 2 }).data).toEqual(
      sample.array("components2"),
    );
  });
});

it("watershed ties of scikit-image 0.25.2 and later", () => {
  let differs = 0;
  for (const sample of readPack("ties-0.25.2.pack.gz")) {
    const relief = sample.map<Uint8Array>("relief");
    const markers = sample.map<Int32Array>("markers");
    const mask = sample.map<Uint8Array>("mask");
    const expected = sample.array<Int32Array>("flooded");
    expect(watershed(relief, markers, mask, "skimage-0.25.2").data).toEqual(expected);
    const legacy = watershed(relief, markers, mask).data;
    if (legacy.some((label, p) => label !== expected[p])) differs++;
  }
  expect(differs).toBeGreaterThan(0);
});

describe("distances equal SciPy", () => {
  const cases = readPack("distance.pack.gz");
  it("distanceTransform", () => {
    for (const sample of cases) {
      const mask = sample.map<Uint8Array>("mask");
      expect(distanceTransform(mask).data).toEqual(sample.array("euclidean"));
      expect(distanceTransform(mask, "chessboard").data).toEqual(
        Float32Array.from(sample.array<Uint8Array>("chessboard")),
      );
    }
  });
  it("instanceDistanceMap and its bytes", () => {
    for (const sample of cases) {
      const labels = sample.map<Int32Array>("labels");
      expect(instanceDistanceBytes(labels).data).toEqual(sample.array("bytes"));
      for (const norm of ["floor0.1", "minmax", "max"] satisfies DistanceNorm[]) {
        for (const metric of ["euclidean", "chessboard"] as const) {
          expect(instanceDistanceMap(labels, { norm, metric }).data).toEqual(
            sample.array(`${norm} ${metric}`),
          );
        }
      }
    }
  });
});
