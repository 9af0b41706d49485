/**
 * The elements of an XML document in order, for annotation files: tags and attributes, no text. Comments, processing
 * instructions, CDATA and a simple document type are skipped; entities other than XML's own five and character
 * numbers are left as they stand. Nothing is ever loaded from outside.
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { decodeUtf8 } from "./text.js";

/** One element. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** The element it lies in, or null for the root. */
  readonly parent: XmlElement | null;
}

const FORMAT = "XML";
const SKIPPED: readonly (readonly [start: string, end: string])[] = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
  ["<!", ">"],
];
const TAG = /<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, code: string) => {
    if (!code.startsWith("#")) return ENTITIES[code] ?? whole;
    const number = /^#x/i.test(code) ? Number.parseInt(code.slice(2), 16) : Number(code.slice(1));
    return number <= 0x10ffff ? String.fromCodePoint(number) : whole;
  });
}

/** UTF-8, or UTF-16 with a byte-order mark. */
function decodeXml(bytes: Uint8Array, path: string): string {
  const wide = bytes[0] === 0xff && bytes[1] === 0xfe;
  const wideSwapped = bytes[0] === 0xfe && bytes[1] === 0xff;
  if (wide || wideSwapped) return new TextDecoder(wide ? "utf-16le" : "utf-16be").decode(bytes);
  return decodeUtf8(bytes, path, FORMAT);
}

/**
 * Lists the elements in the order their tags open.
 *
 * @throws FileFormatError naming the line where the document is no XML, or that it is truncated
 */
export function parseXmlElements(bytes: Uint8Array, path = "<bytes>"): XmlElement[] {
  const text = decodeXml(bytes, path);
  const elements: XmlElement[] = [];
  const open: XmlElement[] = [];
  const fail = (at: number, problem: string): FileFormatError => {
    const line = text.slice(0, at).split("\n").length;
    return new FileFormatError(path, FORMAT, `line ${line}: ${problem}`);
  };
  let at = text.indexOf("<");
  while (at >= 0) {
    const skipped = SKIPPED.find(([start]) => text.startsWith(start, at));
    if (skipped !== undefined) {
      const end = text.indexOf(skipped[1], at + skipped[0].length);
      if (end < 0) throw fail(at, `"${skipped[0]}" is not closed; the file is truncated`);
      at = text.indexOf("<", end + skipped[1].length);
      continue;
    }
    TAG.lastIndex = at;
    const match = TAG.exec(text);
    if (match === null) {
      const tag = text.slice(at, at + 40).replace(/\s+/g, " ");
      throw fail(at, `"${tag}" is no whole XML tag; the file is truncated or no XML`);
    }
    const [, closing, name = "", attributes = "", empty] = match;
    if (closing) {
      const top = open.pop();
      if (top?.name !== name) {
        throw fail(at, `</${name}> closes ${top === undefined ? "nothing" : `<${top.name}>`}`);
      }
    } else {
      const element: XmlElement = {
        name,
        attributes: new Map(
          Array.from(attributes.matchAll(ATTRIBUTE), ([, key = "", double, single]) => [
            key,
            decodeEntities(double ?? single ?? ""),
          ]),
        ),
        parent: open[open.length - 1] ?? null,
      };
      elements.push(element);
      if (!empty) open.push(element);
    }
    at = text.indexOf("<", TAG.lastIndex);
  }
  const left = open[open.length - 1];
  if (left !== undefined) throw fail(text.length, `<${left.name}> is not closed; the file is truncated`);
  if (elements.length === 0) throw fail(0, "holds no XML element");
  return elements;
}
