import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { greyOf } from "./hsv.js";
import { shiftHue } from "./hue.js";

const FIXTURE = new URL("../../../../fixtures/augmentation/all-colours.json", import.meta.url);

describe("hue shift", () => {
  // SHA-256 of what OpenCV 4.14.0 makes of all 2^24 colours (fixtures/augmentation/make.py).
  const cases = JSON.parse(readFileSync(FIXTURE, "utf8")) as { shift: number; sha256: string }[];
  it.each(cases)("by $shift equals OpenCV on every colour", ({ shift, sha256 }) => {
    const hash = createHash("sha256");
    const plane = new Uint8Array(3 * 65536);
    for (let red = 0; red < 256; red++) {
      for (let i = 0; i < 65536; i++) {
        plane[3 * i] = red;
        plane[3 * i + 1] = i >> 8;
        plane[3 * i + 2] = i & 255;
      }
      hash.update(shiftHue(plane, shift));
    }
    expect(hash.digest("hex")).toBe(sha256);
  });

  it("goes round the circle: red, 0, less a step is 179", () => {
    expect([...shiftHue(Uint8Array.of(255, 0, 0), -1)]).toEqual([255, 0, 8]);
    expect(shiftHue(Uint8Array.of(255, 0, 0), -1e-17)).toEqual(Uint8Array.of(255, 0, 0));
  });
});

describe("greyOf", () => {
  it("weighs the channels and rounds", () => {
    // cv2.cvtColor(np.uint8([[[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]]), cv2.COLOR_RGB2GRAY)
    expect([greyOf(255, 255, 255), greyOf(255, 0, 0), greyOf(0, 255, 0), greyOf(0, 0, 255)]).toEqual([
      255, 76, 150, 29,
    ]);
  });
});
