import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAperioXml } from "./aperio-xml.js";
import { parseXmlElements } from "./xml-elements.js";

const FILE = join(
  import.meta.dirname,
  "../../../fixtures/datasets/monusac/TCGA-5P-A9K0-01Z-00-DX1/TCGA-5P-A9K0-01Z-00-DX1_1.xml",
);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const wrap = (inner: string): Uint8Array =>
  bytes(`<Annotations><Annotation><Regions>${inner}</Regions></Annotation></Annotations>`);

describe("parseAperioXml", () => {
  it("gives classes and outlines in the order of the file", () => {
    const annotations = parseAperioXml(new Uint8Array(readFileSync(FILE)), "a.xml");
    expect(annotations.map((a) => [a.className, a.regions.length])).toEqual([
      ["Epithelial", 2],
      ["Lymphocyte", 1],
      ["Macrophage", 1],
      ["Neutrophil", 1],
      ["Ambiguous", 1],
    ]);
    expect(annotations[0]!.regions[0]!.points).toEqual([2.2, 2.7, 10.4, 3.1, 11.5, 9.8, 5, 12]);
  });

  it("reads UTF-16 with a byte-order mark", () => {
    const text = "\ufeff<Annotations><Annotation Name='A&#233;&lt;'/></Annotations>";
    const wide = new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer);
    expect(parseAperioXml(wide)).toEqual([{ className: "Aé<", regions: [] }]);
  });

  it.each([
    ["another root", bytes("<html/>"), /a\.xml: the root is <html>, expected <Annotations>/],
    ["a vertex without Y", wrap('<Region><Vertices><Vertex X="1"/></Vertices></Region>'), /Y = null/],
    ["a vertex that is no number", wrap('<Region><Vertex X="1" Y="b"/></Region>'), /Y = "b"/],
    ["no XML", bytes("hello"), /holds no XML element/],
    ["a lost end tag", bytes("<a>\n<b></a>"), /line 2: <\/a> closes <b>/],
    ["an open comment", bytes("<a/><!-- x"), /"<!--" is not closed; the file is truncated/],
  ])("rejects %s", (_, content, message) => {
    expect(() => parseAperioXml(content, "a.xml")).toThrow(message);
  });

  it("rejects the file truncated anywhere", () => {
    const whole = new Uint8Array(readFileSync(FILE));
    const end = whole.lastIndexOf(">".charCodeAt(0));
    for (let length = 0; length < end; length += 37) {
      expect(() => parseAperioXml(whole.subarray(0, length), "a.xml")).toThrow(/^a\.xml: /);
    }
  });
});

it("parseXmlElements skips what is no element", () => {
  const text = `<?xml version="1.0"?><!DOCTYPE a><a x='1' y="<2">`;
  expect(() => parseXmlElements(bytes(text))).toThrow(/is no whole XML tag/);
  const good = parseXmlElements(bytes(`<a x='1' y="&amp;2"><![CDATA[<b>]]><c/></a>`));
  expect(good.map((e) => [e.name, Object.fromEntries(e.attributes), e.parent?.name ?? null])).toEqual([
    ["a", { x: "1", y: "&2" }, null],
    ["c", {}, "a"],
  ]);
});
