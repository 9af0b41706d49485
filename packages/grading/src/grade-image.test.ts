import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawOverlay, isRenogradeError, outlineWidth, RCC_CLASSES } from "@renograde/core";
import { parseCsv, parseGeoJson, parseHoverNetJson, parseMat5 } from "@renograde/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { orderMaps } from "./assemble-nuclei.js";
import { encodeNucleiCsv } from "./exports/csv.js";
import { encodeGeoJson } from "./exports/geojson.js";
import { encodeHoverNetJson } from "./exports/hover-net.js";
import { encodeMapsNpy, parseMapsNpy } from "./exports/maps-npy.js";
import { encodeResultMat } from "./exports/mat.js";
import { gradeImage, gradeMaps } from "./grade-image.js";
import type { GradedImage } from "./graded-image.js";
import { openOnnxModel } from "./node/onnx-lanes.js";
import type { LoadedModel } from "./node/onnx-session.js";
import { diskGrid, diskImage, tinyModel } from "./testing/tiny-model.js";

const DISKS = diskGrid(300, 230);
const SCENE = diskImage(300, 230, DISKS);
const KNOWN = { pixelSize: { mpp: 0.25, source: "test" } };
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

let folder: string;
let model: LoadedModel;
let graded: GradedImage;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "renograde-grade-"));
  await writeFile(join(folder, "tiny.onnx"), tinyModel());
  model = await openOnnxModel(join(folder, "tiny.onnx"), { threads: 1 });
  graded = await gradeImage(SCENE.image, model.session, model.metadata, KNOWN);
});
afterAll(async () => {
  await model.session.close();
  await rm(folder, { recursive: true });
});

/** Equality without the cost of `toEqual` on large arrays. */
function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

describe("gradeImage", () => {
  it("finds every disk with its pixels, class and place", () => {
    expect(graded.nuclei).toHaveLength(DISKS.length);
    expect(same(graded.labels.data, SCENE.labels.data)).toBe(true);
    for (const [i, disk] of DISKS.entries()) {
      const nucleus = graded.nuclei[i]!;
      const area = SCENE.labels.data.filter((label) => label === i + 1).length;
      expect(nucleus).toMatchObject({ id: i + 1, type: disk.type, typeProbability: 1, areaPx: area });
      expect(nucleus.centroid).toEqual([disk.x, disk.y]);
      expect(nucleus.bbox).toEqual([
        disk.y - disk.radius,
        disk.x - disk.radius,
        disk.y + disk.radius + 1,
        disk.x + disk.radius + 1,
      ]);
      expect(nucleus.areaUm2).toBeCloseTo(area / 16, 10);
      expect(nucleus.eccentricity).toBeLessThan(1e-6);
      expect(nucleus.majorAxisUm).toBeCloseTo((2 * disk.radius) / 4, 0);
      expect(nucleus.solidity).toBeGreaterThan(0.9);
      expect(nucleus.classProbabilities[disk.type]).toBeGreaterThan(0.99);
    }
    expect(graded.counts).toEqual([0, ...[1, 2, 3, 4].map((t) => DISKS.filter((d) => d.type === t).length)]);
    expect(graded.counts[1]).toBeGreaterThan(3);
  });

  it("averages both tasks over each nucleus", () => {
    const black = graded.nuclei.find((n) => n.type === 4)!;
    const [first, second] = black.taskProbabilities!;
    expect(first).toHaveLength(4);
    for (const task of [first, second]) {
      expect(task.reduce((a, p) => a + p, 0)).toBeCloseTo(1, 4);
      expect(task.indexOf(Math.max(...task))).toBe(3);
    }
  });

  it("does not depend on the batch size", async () => {
    const other = await openOnnxModel(model.path, { threads: 1, batch: 3 });
    try {
      const again = await gradeImage(SCENE.image, other.session, other.metadata, KNOWN);
      expect(same(again.maps.data, graded.maps.data)).toBe(true);
      expect(same(again.tasks!.data, graded.tasks!.data)).toBe(true);
      expect(again.nuclei).toEqual(graded.nuclei);
    } finally {
      await other.session.close();
    }
  });

  it("brings images of other pixel sizes to the model's and results back", async () => {
    for (const factor of [2, 0.5]) {
      const disks = [1, 2, 3, 4, 1, 2].map((type, i) => ({
        type,
        x: (20 + 40 * i) * factor,
        y: 40 * factor,
        radius: 8 * factor,
      }));
      const scene = diskImage(300 * factor, 80 * factor, disks);
      const pixelSize = { mpp: 0.25 / factor, source: "test" };
      const result = await gradeImage(scene.image, model.session, model.metadata, { pixelSize });
      expect([result.width, result.labels.width, result.maps.width]).toEqual([
        300 * factor,
        300 * factor,
        300,
      ]);
      expect(result.mapsMpp).toBe(0.25);
      // Smoothed edges move a black disk's first pixel up a row.
      const nuclei = [...result.nuclei].sort((a, b) => a.centroid[0] - b.centroid[0]);
      expect(nuclei.map((n) => n.type)).toEqual(disks.map((d) => d.type));
      for (const [i, nucleus] of nuclei.entries()) {
        expect(Math.abs(nucleus.centroid[0] - disks[i]!.x)).toBeLessThan(0.6);
        expect(Math.abs(nucleus.centroid[1] - disks[i]!.y)).toBeLessThan(0.6);
        // In micrometres a disk is as large as the same disk at the model's pixel size.
        const reference = Math.PI * (8 / 4) ** 2;
        expect(Math.abs(nucleus.areaUm2 / reference - 1)).toBeLessThan(0.25);
      }
    }
  });

  it("says where the pixel size comes from, and does not resample within 2 %", async () => {
    const { image } = diskImage(60, 50, [{ x: 30, y: 25, radius: 9, type: 2 }]);
    const assumed = await gradeImage(image, model.session, model.metadata);
    expect(assumed.pixelSize).toMatchObject({ mpp: 0.25, assumed: true });
    expect(assumed.pixelSize.source).toContain("assumed");
    const near = await gradeImage(image, model.session, model.metadata, {
      pixelSize: { mpp: 0.252, source: "scanner" },
    });
    expect(near.maps.width).toBe(60);
    expect(near.nuclei[0]!.areaUm2).toBeCloseTo(near.nuclei[0]!.areaPx * 0.252 ** 2, 10);
    const wrong: unknown = await gradeImage(image, model.session, model.metadata, {
      pixelSize: { mpp: 0, source: "--mpp option" },
    }).catch((e: unknown) => e);
    expect(isRenogradeError(wrong, "UsageError")).toBe(true);
  });

  it("grades an image of one pixel and one without nuclei", async () => {
    const one = await gradeImage(diskImage(1, 1, []).image, model.session, model.metadata);
    expect([one.nuclei.length, one.labels.data.length]).toEqual([0, 1]);
    for (const encode of [encodeNucleiCsv, encodeHoverNetJson])
      expect(encode(one).length).toBeGreaterThan(10);
    expect(parseGeoJson(utf8(encodeGeoJson(one, "one"))).nuclei).toEqual([]);
    expect(encodeResultMat(one).length).toBeGreaterThan(128);
  });
});

describe("exports", () => {
  it("writes HoVer-Net JSON that reads back", () => {
    const back = parseHoverNetJson(utf8(encodeHoverNetJson(graded)));
    expect(back).toMatchObject({ mag: 40, mpp: 0.25 });
    expect(back.notes?.mpp_source).toBe("test");
    expect(back.nuclei.map((n) => [n.id, n.type, n.centroid])).toEqual(
      graded.nuclei.map((n) => [n.id, n.type, n.centroid]),
    );
    expect(back.nuclei[0]!.contour.length).toBeGreaterThan(7);
  });

  it("writes GeoJSON whose polygons have the nuclei's areas", () => {
    const { nuclei } = parseGeoJson(utf8(encodeGeoJson(graded, "scene")));
    expect(nuclei.map((n) => n.className)).toEqual(
      graded.nuclei.map((n) => RCC_CLASSES.classes[n.type - 1]!.name),
    );
    for (const [i, nucleus] of nuclei.entries()) {
      const ring = nucleus.polygons[0]![0]!;
      let twice = 0;
      for (let k = 1; k < ring.length; k++) {
        twice += ring[k - 1]![0] * ring[k]![1] - ring[k]![0] * ring[k - 1]![1];
      }
      expect(Math.abs(twice) / 2).toBe(graded.nuclei[i]!.areaPx);
    }
    expect(new Set(nuclei.map((n) => n.id)).size).toBe(nuclei.length);
  });

  it("writes a .mat file with HoVer-Net's variables", () => {
    const variables = new Map(parseMat5(encodeResultMat(graded)));
    const numeric = (name: string) => {
      const value = variables.get(name);
      return value?.kind === "numeric" ? value : expect.unreachable(name);
    };
    expect(numeric("inst_map")).toMatchObject({ class: "int32", shape: [230, 300] });
    expect(same(numeric("inst_map").data as Int32Array, graded.labels.data)).toBe(true);
    expect([...(numeric("inst_type").data as Int32Array)]).toEqual(graded.nuclei.map((n) => n.type));
    expect(numeric("inst_centroid").shape).toEqual([DISKS.length, 2]);
    const first = graded.nuclei[0]!;
    const p = graded.labels.data.indexOf(1);
    expect((numeric("type_map").data as Int32Array)[p]).toBe(first.type);
  });

  it("writes a table with units, one row per nucleus", () => {
    const [header, ...rows] = parseCsv(utf8(encodeNucleiCsv(graded)));
    expect(header).toEqual(
      expect.arrayContaining(["area_um2", "p_g1", "task1_p_g1_g2", "task2_p_g2_g3", "mpp_source"]),
    );
    expect(rows).toHaveLength(DISKS.length);
    const column = (name: string): string => rows[2]![header!.indexOf(name)]!;
    expect(Number(column("area_px"))).toBe(graded.nuclei[2]!.areaPx);
    expect(column("type_name")).toBe(RCC_CLASSES.classes[graded.nuclei[2]!.type - 1]!.name);
  });

  it("outlines nuclei in their colours inside their pixels, wider at finer pixel sizes", () => {
    const overlay = drawOverlay(SCENE.image, graded);
    const at = (x: number, y: number): number[] => [
      ...overlay.data.subarray((y * 300 + x) * 3, (y * 300 + x) * 3 + 3),
    ];
    const disk = DISKS.find((d) => d.type === 4)!;
    expect(at(disk.x - disk.radius, disk.y)).toEqual([0, 0, 255]);
    expect(at(disk.x - disk.radius + 1, disk.y)).toEqual([0, 0, 255]);
    expect(at(disk.x - disk.radius + 2, disk.y)).toEqual([0, 0, 0]);
    expect(at(disk.x - disk.radius - 1, disk.y)).toEqual([255, 255, 255]);
    expect([0.25, 0.125, 1].map(outlineWidth)).toEqual([2, 4, 1]);
  });

  it("keeps maps as .npy from which post-processing gives the same nuclei", () => {
    const maps = parseMapsNpy(encodeMapsNpy(graded.maps), 4);
    expect(same(maps.data, graded.maps.data)).toBe(true);
    const again = gradeMaps(maps, { post: graded.post, pixelSize: graded.pixelSize, image: SCENE.image });
    expect(again.nuclei).toEqual(graded.nuclei.map(({ taskProbabilities: _, ...rest }) => rest));
    const blind = gradeMaps(maps, { post: graded.post, pixelSize: graded.pixelSize });
    expect(blind.nuclei[0]!.haematoxylinMean).toBeNaN();
    expect(encodeNucleiCsv(blind)).not.toContain("NaN");
  });

  it("refuses maps of other shapes, types, scales and NaN", () => {
    const bytes = encodeMapsNpy({ width: 2, height: 1, channels: 7, data: new Float32Array(14) });
    expect(() => parseMapsNpy(bytes, 3, "x.npy")).toThrow(/x\.npy.*\[1, 2, 7\].*\[H, W, 6\]/);
    for (const bad of [Number.NaN, 255, -1]) {
      const data = new Float32Array(14);
      data[3 * 2 + 1] = bad;
      const broken = encodeMapsNpy({ width: 2, height: 1, channels: 7, data });
      expect(() => parseMapsNpy(broken, 4, "x.npy")).toThrow(/channel 3 .*pixel \(1, 0\)/);
    }
    expect(() => parseMapsNpy(bytes.subarray(0, 100), 4, "x.npy")).toThrow(/x\.npy/);
  });
});

describe("maps of HoVer-Net", () => {
  const maps = { width: 2, height: 1, channels: 8, data: new Float32Array(16).fill(0.5) };
  it("keep offsets of any size", () => {
    maps.data[12] = -1.25;
    const again = parseMapsNpy(encodeMapsNpy(maps), 4, "x.npy", "hover-net");
    expect(same(again.data, maps.data)).toBe(true);
    expect(() => parseMapsNpy(encodeMapsNpy(maps), 4, "x.npy")).toThrow(/\[H, W, 7\]/);
    maps.data[12] = Number.POSITIVE_INFINITY;
    expect(() => parseMapsNpy(encodeMapsNpy(maps), 4, "x.npy", "hover-net")).toThrow(
      /channel 6 holds Infinity at pixel \(0, 0\)/,
    );
  });
});

describe("orderMaps", () => {
  it("sorts channels, sums a missing nucleus channel, and names a missing class", () => {
    const maps = { width: 1, height: 1, channels: 5, data: Float32Array.from([0.1, 0.2, 0.3, 0.15, 0.25]) };
    const classes = ([1, 0, 2, 3, 4] as const).map((id) => ({ kind: "class", id }) as const);
    const ordered = orderMaps(maps, classes, RCC_CLASSES, "components");
    const expected = [0.2, 0.1, 0.3, 0.15, 0.25, 0.8, 0];
    for (const [i, v] of expected.entries()) expect(ordered.data[i]).toBeCloseTo(v, 6);
    expect(() => orderMaps(maps, classes.slice(1), RCC_CLASSES, "watershed")).toThrow(/class 1/);
  });

  it("puts HoVer-Net's offsets behind the nucleus, and misses them in other models", () => {
    const data = Float32Array.from([0.1, 0.2, 0.3, 0.15, 0.25, -0.5, 0.75, 0.875]);
    const maps = { width: 1, height: 1, channels: 8, data };
    const classes = [0, 1, 2, 3, 4].map((id) => ({ kind: "class", id }) as const);
    const extra = [
      { kind: "offset", axis: "y" },
      { kind: "nucleus" },
      { kind: "offset", axis: "x" },
    ] as const;
    const ordered = orderMaps(maps, [...classes, ...extra], RCC_CLASSES, "hover-net");
    expect([...ordered.data.subarray(5)]).toEqual([0.75, 0.875, -0.5]);
    expect(() => orderMaps(maps, classes, RCC_CLASSES, "hover-net")).toThrow(
      "the model's maps have no channel for offset x, which post.method hover-net needs",
    );
  });
});
