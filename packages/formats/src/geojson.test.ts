import { DataError, FileFormatError } from "@renograde/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptedTruncations, assertFlipsAreHandled } from "../../../tests/support/damage.js";
import { type GeoJsonNucleus, type GeoJsonRing, geoJsonChunks, parseGeoJson } from "./geojson.js";
import { uuidOf } from "./uuid.js";

const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOfJson = (value: unknown): Uint8Array => bytesOfText(JSON.stringify(value));
const write = (...arguments_: Parameters<typeof geoJsonChunks>): Uint8Array =>
  bytesOfText([...geoJsonChunks(...arguments_)].join(""));

const square = (x: number, y: number, side: number): GeoJsonRing => [
  [x, y],
  [x + side, y],
  [x + side, y + side],
  [x, y + side],
  [x, y],
];

const NUCLEI: GeoJsonNucleus[] = [
  {
    id: uuidOf("model", "slide.svs", 1),
    className: "Grade 1",
    color: [0, 255, 0],
    polygons: [[square(10, 20, 8), square(12, 22, 2)]],
    measurements: { "Area µm^2": 4, "Type probability": 0.75 },
  },
  {
    id: uuidOf("model", "slide.svs", 2),
    className: null,
    color: null,
    polygons: [[square(0, 0, 1)], [square(1, 1, 1)]],
    measurements: {},
  },
];

describe("geoJsonChunks", () => {
  it("writes what QuPath reads", () => {
    const document = JSON.parse(new TextDecoder().decode(write(NUCLEI, { mpp: 0.25 })));
    expect(document).toEqual({
      type: "FeatureCollection",
      mpp: 0.25,
      features: [
        {
          type: "Feature",
          id: NUCLEI[0]!.id,
          geometry: { type: "Polygon", coordinates: [square(10, 20, 8), square(12, 22, 2)] },
          properties: {
            objectType: "detection",
            classification: { name: "Grade 1", color: [0, 255, 0] },
            measurements: { "Area µm^2": 4, "Type probability": 0.75 },
          },
        },
        {
          type: "Feature",
          id: NUCLEI[1]!.id,
          geometry: { type: "MultiPolygon", coordinates: [[square(0, 0, 1)], [square(1, 1, 1)]] },
          properties: { objectType: "detection" },
        },
      ],
    });
  });

  it("writes at most two decimals and leaves out measurements without a value", () => {
    const ring: GeoJsonRing = [
      [1 / 3, -0.001],
      [2.004, 1e6 + 0.126],
      [5, 5],
      [1 / 3, -0.001],
    ];
    const text = [
      ...geoJsonChunks([{ ...NUCLEI[1]!, polygons: [[ring]], measurements: { a: Number.NaN, b: 1 } }]),
    ].join("");
    expect(text).toContain('"coordinates":[[[0.33,0],[2,1000000.13],[5,5],[0.33,0]]]');
    expect(text).toContain('"measurements":{"b":1}');
  });

  it("writes a whole empty collection", () => {
    expect(parseGeoJson(write([]))).toEqual({ nuclei: [], skipped: 0 });
  });

  it("takes nuclei one at a time", () => {
    let taken = 0;
    function* source() {
      for (const nucleus of NUCLEI) {
        taken++;
        yield nucleus;
      }
    }
    const chunks = geoJsonChunks(source());
    chunks.next();
    expect(taken).toBe(0);
    chunks.next();
    expect(taken).toBe(1);
  });

  it("refuses open rings, no polygons, and coordinates that are no numbers", () => {
    const ring = square(0, 0, 1);
    expect(() => write([{ ...NUCLEI[0]!, polygons: [] }])).toThrow(DataError);
    expect(() => write([{ ...NUCLEI[0]!, polygons: [[ring.slice(0, 4)]] }])).toThrow(/a ring must be closed/);
    expect(() =>
      write([{ ...NUCLEI[0]!, polygons: [[[[Number.NaN, 0], ...ring.slice(1, 4), [Number.NaN, 0]]]] }]),
    ).toThrow(DataError);
  });

  it("is undone by parseGeoJson", () => {
    const point = fc
      .tuple(fc.integer({ min: -1e7, max: 1e7 }), fc.nat(1e7))
      .map(([x, y]): [number, number] => [x / 100 || 0, y / 100]);
    const ring = fc.array(point, { minLength: 3, maxLength: 5 }).map((points) => [...points, points[0]!]);
    const byte = fc.nat(255);
    const nucleus = fc.record({
      id: fc.option(fc.uuid()),
      polygons: fc.array(fc.array(ring, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
      classed: fc.option(fc.record({ className: fc.string(), color: fc.option(fc.tuple(byte, byte, byte)) })),
      measurements: fc.dictionary(
        fc.string(),
        fc.double({ noDefaultInfinity: true, noNaN: true }).map((v) => v || 0),
      ),
    });
    fc.assert(
      fc.property(fc.array(nucleus, { maxLength: 3 }), (items) => {
        const nuclei = items.map(
          ({ id, polygons, classed, measurements }): GeoJsonNucleus => ({
            id,
            polygons,
            measurements: { ...measurements },
            className: classed?.className ?? null,
            color: classed?.color ?? null,
          }),
        );
        expect(parseGeoJson(write(nuclei))).toEqual({ nuclei, skipped: 0 });
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe("parseGeoJson", () => {
  const feature = (geometry: unknown, properties: unknown = {}, rest: object = {}) => ({
    type: "Feature",
    geometry,
    properties,
    ...rest,
  });
  const polygon = { type: "Polygon", coordinates: [square(0, 0, 4)] };

  it("reads a list of features and a single feature", () => {
    expect(parseGeoJson(bytesOfJson([feature(polygon), feature(polygon)])).nuclei.length).toBe(2);
    expect(parseGeoJson(bytesOfJson(feature(polygon))).nuclei[0]!.polygons).toEqual([[square(0, 0, 4)]]);
  });

  it("reads QuPath's cells, older colours and measurement lists", () => {
    const inner = { type: "Polygon", coordinates: [square(1, 1, 2)] };
    const properties = {
      objectType: "cell",
      classification: { name: "Tumor", colorRGB: -3670016 },
      measurements: [{ name: "Area", value: 4 }],
    };
    const { nuclei } = parseGeoJson(
      bytesOfJson([feature(polygon, properties, { nucleusGeometry: inner }), feature(polygon, properties)]),
    );
    expect(nuclei).toEqual([
      { id: null, className: "Tumor", color: null, polygons: [[square(1, 1, 2)]], measurements: { Area: 4 } },
      { id: null, className: "Tumor", color: null, polygons: [[square(0, 0, 4)]], measurements: { Area: 4 } },
    ]);
  });

  it("counts the geometries it skips", () => {
    const content = parseGeoJson(
      bytesOfJson({
        type: "FeatureCollection",
        features: [
          feature({ type: "Point", coordinates: [1, 2] }),
          feature(polygon),
          feature(null),
          feature({ type: "LineString", coordinates: [] }),
        ],
      }),
    );
    expect(content.nuclei.length).toBe(1);
    expect(content.skipped).toBe(3);
  });

  it("closes rings left open", () => {
    const open = { type: "Polygon", coordinates: [square(0, 0, 4).slice(0, 4)] };
    expect(parseGeoJson(bytesOfJson([feature(open)])).nuclei[0]!.polygons).toEqual([[square(0, 0, 4)]]);
  });

  it.each([
    ["no GeoJSON", { type: "Topology" }, /^a\.geojson: not GeoJSON/],
    ["something else in the list", [polygon], /feature 0: is not a Feature/],
    [
      "a polygon without rings",
      [feature({ type: "Polygon", coordinates: [] })],
      /feature 0: has a polygon without rings/,
    ],
    [
      "a short ring",
      [
        feature(polygon),
        feature({
          type: "Polygon",
          coordinates: [
            [
              [0, 0],
              [1, 1],
              [0, 0],
            ],
          ],
        }),
      ],
      /feature 1: has a ring/,
    ],
    [
      "a position that is none",
      [
        feature({
          type: "Polygon",
          coordinates: [
            [
              [0, "1"],
              [1, 1],
              [2, 0],
            ],
          ],
        }),
      ],
      /the position \[0,"1"\]/,
    ],
    ["missing coordinates", [feature({ type: "MultiPolygon" })], /MultiPolygon without polygons/],
  ])("refuses %s", (_, document, message) => {
    expect(() => parseGeoJson(bytesOfJson(document), "a.geojson")).toThrow(message);
    expect(() => parseGeoJson(bytesOfJson(document), "a.geojson")).toThrow(FileFormatError);
  });

  it("refuses every truncation but of the last line end, and handles every change", () => {
    const bytes = write(NUCLEI);
    expect(acceptedTruncations(parseGeoJson, bytes)).toEqual([bytes.length - 1]);
    assertFlipsAreHandled(parseGeoJson, bytes);
    expect(() => parseGeoJson(Uint8Array.of(0xff, 0xfe), "x")).toThrow(/^x: not valid UTF-8/);
  });
});
