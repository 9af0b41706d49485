/**
 * Annotations of Aperio ImageScope, as MoNuSAC has them: `Annotations/Annotation`, the class in
 * `Attributes/Attribute@Name`, outlines in `Regions/Region/Vertices/Vertex@X,@Y` in pixels (spec/data.md §5).
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { describeValue } from "./text.js";
import { parseXmlElements, type XmlElement } from "./xml-elements.js";

/** One outline. */
export interface AperioRegion {
  /** `x0, y0, x1, y1, …` in pixels, not closed; may have fewer than three points. */
  readonly points: readonly number[];
}

/** The outlines of one `Annotation`. */
export interface AperioAnnotation {
  /** Name of the first attribute of the annotation itself, or its own `Name`; empty when it has none. */
  readonly className: string;
  readonly regions: readonly AperioRegion[];
}

const FORMAT = "Aperio XML";

/** The chain of parents' names, innermost first, is `names`. */
function liesIn(element: XmlElement, ...names: string[]): boolean {
  let parent = element.parent;
  for (const name of names) {
    if (parent?.name !== name) return false;
    parent = parent.parent;
  }
  return true;
}

/** The nearest element of that name around another. */
function around(element: XmlElement, name: string): XmlElement | null {
  let parent = element.parent;
  while (parent !== null && parent.name !== name) parent = parent.parent;
  return parent;
}

/**
 * Reads a file; annotations and regions in its order.
 *
 * @throws FileFormatError when it is no XML, no Aperio annotation, or a vertex is no pair of numbers
 */
export function parseAperioXml(bytes: Uint8Array, path = "<bytes>"): AperioAnnotation[] {
  const elements = parseXmlElements(bytes, path);
  if (elements[0]!.name !== "Annotations") {
    throw new FileFormatError(
      path,
      FORMAT,
      `the root is <${elements[0]!.name}>, expected <Annotations> as Aperio ImageScope writes it`,
    );
  }
  const annotations = new Map<XmlElement, { className: string; regions: { points: number[] }[] }>();
  const regions = new Map<XmlElement, { points: number[] }>();
  for (const element of elements) {
    if (element.name === "Annotation" && liesIn(element, "Annotations")) {
      annotations.set(element, { className: element.attributes.get("Name")?.trim() ?? "", regions: [] });
    } else if (element.name === "Attribute" && liesIn(element, "Attributes", "Annotation")) {
      const annotation = annotations.get(around(element, "Annotation")!);
      const name = element.attributes.get("Name")?.trim();
      if (annotation !== undefined && annotation.className === "" && name) annotation.className = name;
    } else if (element.name === "Region" && liesIn(element, "Regions", "Annotation")) {
      const region = { points: [] };
      regions.set(element, region);
      annotations.get(around(element, "Annotation")!)?.regions.push(region);
    } else if (element.name === "Vertex") {
      const region = around(element, "Region");
      const points = region === null ? undefined : regions.get(region)?.points;
      if (points === undefined) continue;
      for (const axis of ["X", "Y"]) {
        const text = element.attributes.get(axis);
        const value = Number(text);
        if (text === undefined || text.trim() === "" || !Number.isFinite(value)) {
          throw new FileFormatError(
            path,
            FORMAT,
            `a Vertex of region ${regions.size} has ${axis} = ${describeValue(text ?? null)}, expected a number of pixels`,
          );
        }
        points.push(value);
      }
    }
  }
  return [...annotations.values()];
}
