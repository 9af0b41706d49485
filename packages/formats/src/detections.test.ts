import { describe, expect, it } from "vitest";
import { parseDetections } from "./detections.js";
import { detectionColumns, mapChannels, type OutputChannel } from "./model-metadata.js";

const CHANNELS: readonly OutputChannel[] = [
  { kind: "box" },
  { kind: "score" },
  { kind: "label" },
  { kind: "probabilities", count: 3 },
  { kind: "mask", side: 2 },
];

describe("parseDetections", () => {
  it("reads rows by the columns the model lists", () => {
    expect(detectionColumns(CHANNELS)).toBe(13);
    const row = [1, 2, 30, 40, 0.5, 2, 0.25, 0.25, 0.5, 0, 1, 0.75, 0.125];
    expect(parseDetections(Float32Array.of(...row, ...row), CHANNELS)[1]).toEqual({
      box: [1, 2, 30, 40],
      score: 0.5,
      label: 2,
      probabilities: [0.25, 0.25, 0.5],
      mask: Float32Array.of(0, 1, 0.75, 0.125),
    });
    expect(parseDetections(new Float32Array(0), CHANNELS)).toEqual([]);
  });

  it("refuses parts of rows, NaN and missing parts", () => {
    expect(() => parseDetections(new Float32Array(14), CHANNELS)).toThrow("14 values are no rows of 13");
    expect(() => parseDetections(new Float32Array(13).fill(Number.NaN), CHANNELS)).toThrow("returned NaN");
    expect(() => parseDetections(new Float32Array(9), CHANNELS.slice(0, 4))).toThrow("lists no mask");
  });
});

describe("mapChannels", () => {
  it("gives those of the maps, or those that detections are painted into", () => {
    const maps: OutputChannel[] = [{ kind: "class", id: 0 }, { kind: "nucleus" }];
    expect(mapChannels([{ name: "maps", channels: maps, stride: 1 }])).toEqual(maps);
    expect(mapChannels([{ name: "detections", channels: CHANNELS, stride: 1 }])).toEqual([
      { kind: "class", id: 0 },
      { kind: "class", id: 1 },
      { kind: "class", id: 2 },
      { kind: "nucleus" },
      { kind: "instance" },
    ]);
    expect(mapChannels([])).toBeUndefined();
  });
});
