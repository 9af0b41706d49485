import { DataError, FileFormatError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import {
  type HoverNetInfo,
  type HoverNetNucleus,
  hoverNetJsonChunks,
  parseHoverNetJson,
} from "./hover-net-json.js";
import { type HoverNetPoint, hoverNetTsvChunks, parseHoverNetTsv } from "./hover-net-tsv.js";

const bytesOf = (chunks: Iterable<string>): Uint8Array => new TextEncoder().encode([...chunks].join(""));

const NUCLEI: HoverNetNucleus[] = [
  {
    id: 1,
    bbox: [2, 3, 6, 8],
    centroid: [5.25, 3.5],
    contour: [
      [3, 2],
      [7, 2],
      [7, 5],
      [3, 5],
    ],
    type: 4,
    typeProbability: 0.9,
  },
  { id: 7, bbox: [0, 0, 1, 1], centroid: [0, 0], contour: [[0, 0]], type: null, typeProbability: null },
];

describe("HoVer-Net JSON", () => {
  it("has HoVer-Net's keys, and mpp", () => {
    const document = JSON.parse(
      [...hoverNetJsonChunks({ mag: 40, mpp: 0.25, notes: { model: "m" } }, NUCLEI)].join(""),
    );
    expect(document).toEqual({
      mag: 40,
      mpp: 0.25,
      model: "m",
      nuc: {
        1: {
          bbox: [
            [2, 3],
            [6, 8],
          ],
          centroid: [5.25, 3.5],
          contour: [
            [3, 2],
            [7, 2],
            [7, 5],
            [3, 5],
          ],
          type_prob: 0.9,
          type: 4,
        },
        7: {
          bbox: [
            [0, 0],
            [1, 1],
          ],
          centroid: [0, 0],
          contour: [[0, 0]],
          type_prob: null,
          type: null,
        },
      },
    });
  });

  it("leaves out degenerate contours when asked", () => {
    const bytes = bytesOf(hoverNetJsonChunks({ mag: null }, NUCLEI, { dropDegenerate: true }));
    expect(parseHoverNetJson(bytes).nuclei.map((nucleus) => nucleus.id)).toEqual([1]);
  });

  it("comes back as it was written", () => {
    const pair = fc.tuple(fc.nat(9999), fc.nat(9999));
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const nucleus = fc.record({
      bbox: fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()),
      centroid: fc.tuple(share, share),
      contour: fc.array(pair, { maxLength: 5 }),
      type: fc.option(fc.nat(9)),
      typeProbability: fc.option(share),
    });
    const info = fc.constantFrom<HoverNetInfo>(
      { mag: null },
      { mag: 40, mpp: 0.25 },
      { mag: 20, notes: { a: "b", c: null } },
    );
    fc.assert(
      fc.property(info, fc.array(nucleus, { maxLength: 3 }), (head, items) => {
        const nuclei = items.map((item, i) => ({ id: i + 1, ...item }));
        const read = parseHoverNetJson(bytesOf(hoverNetJsonChunks(head, nuclei)));
        expect(read).toEqual({ ...head, nuclei });
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("reads files without types and magnification, as HoVer-Net writes them without classes", () => {
    const text =
      '{"mag": null, "nuc": {"3": {"bbox": [[0, 0], [2, 2]], "centroid": [1, 1], "contour": [[0, 0]]}}}';
    expect(parseHoverNetJson(bytesOf([text]))).toEqual({
      mag: null,
      nuclei: [
        { id: 3, bbox: [0, 0, 2, 2], centroid: [1, 1], contour: [[0, 0]], type: null, typeProbability: null },
      ],
    });
  });

  it.each([
    ['{"nuc": []}', /not a HoVer-Net result/],
    ['{"nuc": {}, "mpp": -1}', /'mpp' must be a number above 0, received -1/],
    ['{"nuc": {"a": {}}}', /nucleus 'a': its number/],
    ['{"nuc": {"1": {"bbox": [[0, 0]]}}}', /nucleus '1': 'bbox' must be two corners/],
    [
      '{"nuc": {"1": {"bbox": [[0, 0], [1, 1]], "contour": [], "centroid": [0, null]}}}',
      /'centroid' must be two numbers/,
    ],
    [
      '{"nuc": {"1": {"bbox": [[0, 0], [1, 1]], "contour": [[1]], "centroid": [0, 0]}}}',
      /a point of 'contour'/,
    ],
    [
      '{"nuc": {"1": {"bbox": [[0, 0], [1, 1]], "contour": [], "centroid": [0, 0], "type": 1.5}}}',
      /'type' must be a class id/,
    ],
  ])("refuses %s", (text, message) => {
    expect(() => parseHoverNetJson(bytesOf([text]), "a.json")).toThrow(message);
    expect(() => parseHoverNetJson(bytesOf([text]), "a.json")).toThrow(FileFormatError);
  });

  it("refuses to write NaN", () => {
    expect(() =>
      bytesOf(hoverNetJsonChunks({ mag: 40 }, [{ ...NUCLEI[0]!, centroid: [Number.NaN, 0] }])),
    ).toThrow(DataError);
  });

  it("stands damage", () => {
    const bytes = bytesOf(hoverNetJsonChunks({ mag: 40, mpp: 0.25 }, NUCLEI));
    expect(acceptedTruncations(parseHoverNetJson, bytes)).toEqual([bytes.length - 1]);
    assertFlipsAreHandled(parseHoverNetJson, bytes);
  });
});

describe("HoVer-Net table", () => {
  const POINTS: HoverNetPoint[] = [
    { x: 10.5, y: 20, name: "Grade 2", color: [255, 255, 0] },
    { x: 0, y: 1, name: "Endothelial", color: [0, 0, 255] },
  ];

  it("is the file QuPath reads", () => {
    expect([...hoverNetTsvChunks(POINTS)].join("")).toBe(
      "x\ty\tclass\tname\tcolor\n10.5\t20\t\tGrade 2\t16776960\n0\t1\t\tEndothelial\t255\n",
    );
  });

  it("comes back as it was written", () => {
    expect(parseHoverNetTsv(bytesOf(hoverNetTsvChunks(POINTS)))).toEqual(POINTS);
  });

  it("names the wrong line, and stands damage", () => {
    const bytes = bytesOf(hoverNetTsvChunks(POINTS));
    expect(() => parseHoverNetTsv(bytesOf(["x\ty\n"]), "a.tsv")).toThrow(
      /^a\.tsv: line 1: expected the columns/,
    );
    expect(() => parseHoverNetTsv(bytesOf(["x\ty\tclass\tname\tcolor\n1\t\t\ta\t0\n"]))).toThrow(
      /line 2: expected x, y/,
    );
    const lineEnds = [...bytes.keys()].filter((i) => bytes[i] === 10).map((i) => i + 1);
    expect(acceptedTruncations(parseHoverNetTsv, bytes)).toEqual(lineEnds.slice(0, -1));
    assertFlipsAreHandled(parseHoverNetTsv, bytes);
    expect(() => [...hoverNetTsvChunks([{ ...POINTS[0]!, name: "a\tb" }])]).toThrow(DataError);
  });
});
