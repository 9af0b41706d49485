import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom, type RgbImage } from "@renograde/core";
import { writePng } from "@renograde/slides/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/load-config.js";
import type { LabelledImage } from "../datasets/dataset.js";
import { openStainNorm, prepareImage } from "./prepare-image.js";

const SIDE = 32;
let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "renograde-prepare-"));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

/** Two stains mixed at random; `strength` of the first. */
function tissue(strength: number): RgbImage {
  const random = createRandom("tissue", strength);
  const data = new Uint8Array(3 * SIDE * SIDE);
  for (let p = 0; p < data.length; p += 3) {
    const [h, e] = [random.uniform(0, strength), random.uniform(0.2, 1)];
    data[p] = 240 * Math.exp(-0.6 * h - 0.1 * e);
    data[p + 1] = 240 * Math.exp(-0.7 * h - 0.9 * e);
    data[p + 2] = 240 * Math.exp(-0.3 * h - 0.4 * e);
  }
  return { width: SIDE, height: SIDE, data };
}

function labelled(image: RgbImage): LabelledImage {
  const map = <A>(data: A) => ({ width: SIDE, height: SIDE, data });
  return {
    name: "a",
    image,
    instances: map(new Int32Array(SIDE * SIDE)),
    classes: map(new Uint8Array(SIDE * SIDE)),
    slide: null,
    patient: null,
    warnings: [],
  };
}

const mean = (data: Uint8Array): number => data.reduce((sum, value) => sum + value, 0) / data.length;

describe("data.stainNorm", () => {
  it("is off unless asked for", async () => {
    const { data } = parseConfig("");
    expect(await openStainNorm(data)).toBeNull();
    const image = tissue(1);
    const prepared = prepareImage(labelled(image), data, null);
    expect(Array.from(prepared.image.rgb)).toEqual(Array.from(image.data));
    expect(prepared.warnings).toEqual([]);
  });

  it("gives images the colours of a target, and tells which have too little tissue", async () => {
    const target = join(root, "target.png");
    await writePng(target, tissue(2));
    const { data } = parseConfig("", { set: ["data.stainNorm=macenko", `data.stainTarget=${target}`] });
    const norm = await openStainNorm(data);
    const pale = tissue(0.6);
    const { image } = prepareImage(labelled(pale), data, norm);
    const [before, wanted] = [mean(pale.data), mean(tissue(2).data)];
    // Percentiles are matched, not means, so the means come near only.
    expect(Math.abs(mean(image.rgb) - wanted)).toBeLessThan(0.4 * Math.abs(before - wanted));

    const glass = { ...pale, data: new Uint8Array(pale.data.length).fill(244) };
    const kept = prepareImage(labelled(glass), data, norm);
    expect(kept.warnings).toEqual([expect.stringMatching(/^a: less than 5 % of it is stained tissue/)]);
    expect(kept.image.rgb.every((value) => value === 244)).toBe(true);
  });

  it("refuses a target without a method, and one without tissue", async () => {
    expect(() => parseConfig("data: {stainTarget: t.png}")).toThrow(
      /data\.stainTarget: expected data\.stainNorm/,
    );
    const target = join(root, "glass.png");
    await writePng(target, { width: SIDE, height: SIDE, data: new Uint8Array(3 * SIDE * SIDE).fill(244) });
    const { data } = parseConfig("", { set: ["data.stainNorm=reinhard", `data.stainTarget=${target}`] });
    await expect(openStainNorm(data)).rejects.toMatchObject({ tag: "DataError" });
  });
});
