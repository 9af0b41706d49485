import { RCC_CLASSES } from "@renograde/core";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import type { Dataset } from "../datasets/dataset.js";
import { networkOf } from "../loop/engine.js";
import { createBatch } from "../targets/batch.js";
import { createCanvas } from "./canvas.js";
import { columnsOf } from "./columns.js";
import { describePlan } from "./describe-plan.js";
import { fitText, forEachDot, textWidth, wrapWords } from "./font.js";
import { drawGallery } from "./gallery.js";
import { signedTile, slopeColor, taskColors } from "./tiles.js";
import { viridis } from "./viridis.js";

const SIDE = 40;

/** Two images, pink with one nucleus of class 3, 10 px square, off the middle. */
const DATASET: Dataset = {
  root: "data",
  layout: "label-png",
  synthetic: false,
  classes: RCC_CLASSES,
  hasClasses: true,
  entries: ["a", "b"].map((name) => ({
    name,
    set: null,
    imagePath: `${name}.png`,
    labelPath: "",
    classPath: null,
  })),
  load: (index) => {
    const map = <A extends Int32Array | Uint8Array>(data: A, value: number) => {
      for (let y = 12; y < 22; y++) data.fill(value, y * SIDE + 14, y * SIDE + 24);
      return { width: SIDE, height: SIDE, data };
    };
    return Promise.resolve({
      name: "ab"[index]!,
      image: { width: SIDE, height: SIDE, data: new Uint8Array(3 * SIDE * SIDE).fill(200) },
      instances: map(new Int32Array(SIDE * SIDE), 1),
      classes: map(new Uint8Array(SIDE * SIDE), 3),
      slide: null,
      patient: null,
      warnings: [`${index}: warned`],
    });
  },
};
const OPTIONS = parseConfig("data: {window: 38, crop: 38, step: 32}\naug: {preset: none}");

describe("drawGallery", () => {
  it("draws every sample with its targets, the same each time", async () => {
    const warnings: string[] = [];
    const gallery = { images: [0, 1], count: 2, seed: 3, onWarning: (w: string) => warnings.push(w) };
    const picture = await drawGallery(DATASET, OPTIONS, gallery);
    expect(picture.data.length).toBe(3 * picture.width * picture.height);
    expect(picture.width).toBe(32 + 6 * 32 + 5 * 8);
    expect([...warnings].sort()).toEqual(["0: warned", "1: warned"]);
    expect(await drawGallery(DATASET, OPTIONS, gallery)).toEqual(picture);
    const colors = new Set<string>();
    for (let p = 0; p < picture.data.length; p += 3) colors.add(picture.data.subarray(p, p + 3).join());
    // Image, grade 3 and what the tasks make of it, the peak of the distance.
    for (const color of ["200,200,200", "255,0,0", "255,128,0", viridis(1).join()]) {
      expect(colors).toContain(color);
    }
  });

  it("shows no tasks where there is one class", async () => {
    const classes = { ...RCC_CLASSES, classes: RCC_CLASSES.classes.slice(0, 1) };
    const one = {
      ...DATASET,
      classes: { ...classes, tasks: RCC_CLASSES.tasks.map((t) => ({ ...t, merge: [0, 1] })) as never },
      load: async (index: number) => {
        const image = await DATASET.load(index);
        return {
          ...image,
          classes: { ...image.classes, data: image.classes.data.map((c) => Math.min(c, 1)) },
        };
      },
    };
    const picture = await drawGallery(one, OPTIONS, { images: [0], count: 1, seed: 1 });
    expect(picture.width).toBe(32 + 4 * 32 + 3 * 8);
  });
});

describe("columns of other networks", () => {
  const columns = (network: string) => {
    const config = parseConfig(`net: {network: ${network}}`);
    const { targets } = networkOf(config, RCC_CLASSES);
    return columnsOf(targets, RCC_CLASSES).map(({ title }) => title);
  };
  it("show each one's own targets", () => {
    const shared = ["image", "nuclei", "classes"];
    expect(columns("chr-net")).toEqual([...shared, "distance", "task 1", "task 2"]);
    expect(columns("hover-net")).toEqual([...shared, "horizontal", "vertical"]);
    expect(columns("dist")).toEqual([...shared, "distance, px"]);
    expect(columns("u-net")).toEqual([...shared, "weights"]);
    expect(columns("mask-rcnn")).toEqual(shared);
  });
  it("draw the two planes of the offsets: blue below zero, orange above, dark at zero", () => {
    const plan = {
      crop: 2,
      output: 2,
      targets: ["offsets"],
      classes: RCC_CLASSES,
      erodeBoundary: 0,
    } as const;
    const batch = createBatch(1, plan);
    batch.targets.get("offsets")!.set([-1, 1, 0, 0, 0, 0, 0, -1]);
    const pixels = (plane: number) => {
      const { data } = signedTile(batch, 0, "offsets", plane);
      return [0, 1, 2, 3].map((p) => [...data.subarray(3 * p, 3 * p + 3)]);
    };
    const [blue, orange, dark] = [-1, 1, 0].map((v) => [...slopeColor(v)]);
    expect(pixels(0)).toEqual([blue, orange, dark, dark]);
    expect(pixels(1)).toEqual([dark, dark, dark, blue]);
    expect(dark).toEqual([23, 27, 31]);
  });
});

describe("taskColors", () => {
  it("mixes the colours of merged classes", () => {
    expect(taskColors(RCC_CLASSES, RCC_CLASSES.tasks[1])).toEqual([
      [23, 27, 31],
      [0, 255, 0],
      [255, 128, 0],
      [0, 0, 255],
    ]);
  });
});

describe("describePlan", () => {
  it("names movements and colours", () => {
    expect(
      describePlan({
        geometry: {
          kind: "affine",
          parameters: { scale: 0.9, rotation: -30.4, shear: 2, shiftX: 0, shiftY: -3 },
          mirrorX: true,
          mirrorY: false,
        },
        colours: [
          { kind: "gaussian-blur", width: 3, height: 5 },
          { kind: "noise" },
          { kind: "hue", shift: 3.21 },
        ],
      }),
    ).toEqual([
      "scale 0.90",
      "turn -30°",
      "shear +2.0°",
      "shift +0,-3",
      "flip x",
      "blur 3×5",
      "noise",
      "hue +3.2",
    ]);
    const symmetry = { transpose: false, mirrorX: false, mirrorY: false };
    expect(describePlan({ geometry: { kind: "symmetry", symmetry }, colours: [] })).toEqual(["unchanged"]);
  });
});

describe("text", () => {
  it("draws letters by dots", () => {
    const rows = Array.from({ length: 7 }, () => Array.from({ length: 11 }, () => " "));
    forEachDot("Ti", (x, y) => {
      rows[y]![x] = "#";
    });
    expect(rows.map((row) => row.join("").trimEnd())).toEqual([
      "#####   #",
      "  #",
      "  #    ##",
      "  #     #",
      "  #     #",
      "  #     #",
      "  #    ###",
    ]);
  });
  it("fits into a width", () => {
    expect(textWidth("abc", 2)).toBe(34);
    expect(fitText("abcdef", textWidth("abcd", 1), 1)).toBe("ab..");
    expect(wrapWords(["one", "two", "three"], ", ", textWidth("one, two", 1), 1)).toEqual([
      "one, two",
      "three",
    ]);
  });
  it("cuts off what leaves the picture", () => {
    const canvas = createCanvas(4, 4, [0, 0, 0]);
    canvas.write("W", 2, -3, 1, [9, 9, 9]);
    expect(canvas.data.length).toBe(48);
  });
});
