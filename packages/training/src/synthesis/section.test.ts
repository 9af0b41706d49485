import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { resolveSectionOptions } from "./options.js";
import { normalQuantile, placeNuclei } from "./placement.js";
import { type SyntheticSection, synthesizeSection } from "./section.js";
import { Tissue } from "./tissue.js";
import { boundsOf, settleTruth } from "./truth.js";

/** Three sections in which all grades are frequent. */
const sections = [11, 12, 13].map((seed) =>
  synthesizeSection({ width: 384, height: 384, seed, gradeMix: { g1: 1, g2: 1, g3: 1 }, gradeLevel: 0.5 }),
);

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

describe("synthesizeSection", () => {
  it("gives the same bytes for the same seed, on every machine", () => {
    const options = { width: 160, height: 96, seed: 5 };
    const section = synthesizeSection(options);
    expect(synthesizeSection(options).image.data).toEqual(section.image.data);
    expect(hash(section.image.data)).toBe("f1236214b8794038");
    expect(hash(new Uint8Array(section.labels.data.buffer))).toBe("9c44af63514198be");
    expect(hash(synthesizeSection({ ...options, seed: 6 }).image.data)).not.toBe(hash(section.image.data));
  });

  it("labels nuclei 1 to n, each one 4-connected region of one class", () => {
    for (const { labels, types, nuclei } of sections) {
      expect(types.length).toBe(nuclei.length + 1);
      expect(types[0]).toBe(0);
      expect(types.slice(1).every((type) => type >= 1 && type <= 4)).toBe(true);
      const sizes = new Int32Array(types.length);
      for (const label of labels.data) sizes[label]! += 1;
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(18);
      expect(countRegions(labels)).toBe(nuclei.length);
    }
  });

  it("draws what the truth says: nuclei are darker in red than what surrounds them", () => {
    for (const { image, labels } of sections) {
      const sum = [0, 0];
      const count = [0, 0];
      labels.data.forEach((label, i) => {
        const inside = label > 0 ? 1 : 0;
        sum[inside]! += image.data[3 * i]!;
        count[inside]! += 1;
      });
      expect(sum[0]! / count[0]! - sum[1]! / count[1]!).toBeGreaterThan(60);
    }
  });

  it("keeps touching and overlapping nuclei apart in the truth", () => {
    let contacts = 0;
    for (const { labels } of sections) {
      for (let i = 1; i < labels.data.length; i++) {
        if (i % labels.width === 0) continue;
        const left = labels.data[i - 1]!;
        const right = labels.data[i]!;
        if (left > 0 && right > 0 && left !== right) contacts += 1;
      }
    }
    expect(contacts).toBeGreaterThan(10);
  });

  it("follows the class shares and the density of RCCNucSeg", () => {
    const counts = [0, 0, 0, 0, 0];
    const many = 64;
    for (let i = 0; i < many; i++) {
      const level = (i + 0.5) / many;
      const options = resolveSectionOptions({ width: 384, height: 384, seed: 100 + i, gradeLevel: level });
      const { nuclei } = settleTruth(384, 384, placeNuclei(new Tissue(options), options), 0.25);
      for (const { type } of nuclei) counts[type]! += 1;
    }
    const total = counts.reduce((a, b) => a + b);
    const perPatch = (total / many) * (512 / 384) ** 2;
    expect(Math.abs(perPatch - 70.9)).toBeLessThan(5);
    const share = counts.map((count) => (100 * count) / total);
    expect(Math.abs(share[1]! - 63.6)).toBeLessThan(5);
    expect(Math.abs(share[2]! - 9.0)).toBeLessThan(3);
    expect(Math.abs(share[3]! - 3.9)).toBeLessThan(2);
    expect(Math.abs(share[4]! - 23.5)).toBeLessThan(4);
  });

  it("names the option that is out of range", () => {
    expect(() => synthesizeSection({ width: 63, height: 64, seed: 1 })).toThrow(
      /width .* 64 to 8192, received 63/,
    );
    expect(() => synthesizeSection({ width: 64, height: 64, seed: 0.5 })).toThrow(/seed .* whole number/);
    const none = { g1: 0, g2: 0, g3: 0 };
    expect(() => synthesizeSection({ width: 64, height: 64, seed: 1, gradeMix: none })).toThrow(/gradeMix/);
  });
});

describe("normalQuantile", () => {
  it("agrees with scipy.stats.norm.ppf", () => {
    expect(normalQuantile(0.01)).toBeCloseTo(-2.3263478740408408, 7);
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.831)).toBeCloseTo(0.95812447, 6);
    expect(normalQuantile(0.999)).toBeCloseTo(3.090232306167813, 7);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("grades follow the visibility of the nucleolus (ISUP/WHO)", () => {
  const full = [1, 2, 3].map((grade) => sections.flatMap((s) => nucleolarContrast(s, grade, 1)));
  const reduced = [1, 2, 3].map((grade) => sections.flatMap((s) => nucleolarContrast(s, grade, 4)));

  it("has enough nuclei of each grade to tell", () => {
    for (const values of full) expect(values.length).toBeGreaterThan(15);
  });

  // Of 30 sections of 512 px, 5 % to 95 %: at 400x G1 0.12-0.43, G2 0.49-1.12, G3 0.96-1.96; at 100x G1 0.06-0.30,
  // G2 0.23-0.67, G3 0.88-1.72.
  it("shows nucleoli of grade 2 and 3 at 400x, none of grade 1", () => {
    expect(quantile(full[0]!, 0.9)).toBeLessThan(0.46);
    expect(quantile(full[1]!, 0.1)).toBeGreaterThan(0.46);
    expect(quantile(full[2]!, 0.1)).toBeGreaterThan(0.46);
  });

  it("shows nucleoli of grade 3 only at 100x", () => {
    expect(quantile(reduced[0]!, 0.9)).toBeLessThan(0.35);
    expect(quantile(reduced[1]!, 0.9)).toBeLessThan(0.75);
    expect(quantile(reduced[2]!, 0.1)).toBeGreaterThan(0.75);
  });
});

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))]!;
}

/**
 * How much darker (optical density of green) the darkest spot in the middle of each whole nucleus is than the
 * nucleus in general, in the image averaged over `factor` × `factor` pixels. The spot is 3 x 3 px in the full image.
 */
function nucleolarContrast(section: SyntheticSection, grade: number, factor: number): number[] {
  const { image, labels, types, nuclei } = section;
  const width = image.width / factor;
  const green = new Float64Array((width * image.height) / factor);
  for (let i = 0; i < image.width * image.height; i++) {
    const at = Math.floor(i / image.width / factor) * width + Math.floor((i % image.width) / factor);
    green[at]! += image.data[3 * i + 1]! / (factor * factor);
  }
  const spot = factor === 1 ? 1 : 0;
  return nuclei.flatMap((nucleus, index) => {
    const label = index + 1;
    const [xMin, yMin, xMax, yMax] = boundsOf(nucleus, image.width, image.height);
    if (types[label] !== grade || xMin === 0 || yMin === 0 || xMax === image.width || yMax === image.height)
      return [];
    const inner: number[] = [];
    let darkest = Number.POSITIVE_INFINITY;
    for (let y = Math.ceil(yMin / factor); y < Math.floor(yMax / factor); y++) {
      for (let x = Math.ceil(xMin / factor); x < Math.floor(xMax / factor); x++) {
        const dx = (x + 0.5) * factor - 0.5 - nucleus.x;
        const dy = (y + 0.5) * factor - 0.5 - nucleus.y;
        // The inner half, away from the rim and, by the label, from what overlaps it.
        if (dx * dx + dy * dy > (0.6 * nucleus.b) ** 2) continue;
        const pixel = Math.round(nucleus.y + dy) * image.width + Math.round(nucleus.x + dx);
        if (labels.data[pixel] !== label) continue;
        let sum = 0;
        for (let j = -spot; j <= spot; j++)
          for (let i = -spot; i <= spot; i++) sum += green[(y + j) * width + x + i]!;
        const value = sum / (2 * spot + 1) ** 2;
        inner.push(value);
        darkest = Math.min(darkest, value);
      }
    }
    if (inner.length < 4) return [];
    return [Math.log((quantile(inner, 0.6) + 1) / (darkest + 1))];
  });
}

/** Number of 4-connected regions of equal non-zero label. */
function countRegions({ width, data }: { width: number; data: Int32Array }): number {
  const seen = new Uint8Array(data.length);
  let regions = 0;
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || seen[start] === 1) continue;
    regions += 1;
    seen[start] = 1;
    const stack = [start];
    while (stack.length > 0) {
      const at = stack.pop()!;
      const column = at % width;
      const near = [column > 0 ? at - 1 : -1, column < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const next of near) {
        if (data[next] !== data[start] || seen[next] === 1 || next < 0) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
  }
  return regions;
}
