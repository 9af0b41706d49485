/**
 * Images with outlines: GeoJSON (QuPath) and HoVer-Net's result JSON (spec/data.md §7, §8).
 *
 * @module
 */
import { createLabelMap, fillContour, indexInstances, type LabelMap, paintPolygon } from "@renograde/core";
import { parseGeoJson, parseHoverNetJson } from "@renograde/formats";
import { readFileBytes, readImage } from "@renograde/slides/node";
import { type FilePair, pairFiles } from "./pair-files.js";
import { type ConvertItem, type ConvertSource, sourceOf } from "./source.js";

const IMAGES = [".png", ".tif", ".tiff", ".jpg", ".jpeg"];
/** Class of objects without one, where others have one. */
const UNCLASSIFIED = "Unclassified";

/** What an annotation file gives for an image of known size. */
interface Drawn {
  readonly labels: LabelMap;
  readonly types: ReadonlyMap<number, number> | null;
  readonly warnings: readonly string[];
}

function itemOf(pair: FilePair, draw: (width: number, height: number) => Promise<Drawn>): ConvertItem {
  return {
    name: pair.name,
    set: pair.set,
    async load() {
      const { image } = await readImage(pair.imagePath);
      const drawn = await draw(image.width, image.height);
      return { image, ...drawn, ambiguous: null, slide: null };
    },
  };
}

function lostWarning(path: string, labels: LabelMap, count: number): string[] {
  const lost = count - indexInstances(labels).count;
  return lost === 0 ? [] : [`${path}: ${lost} nuclei cover no pixel (outside the image, or under others)`];
}

/** GeoJSON files beside images; the classes are the names in all files, in alphabetical order. */
export async function openGeoJson(input: string): Promise<ConvertSource> {
  const pairs = await pairFiles(input, { labels: [".geojson"], images: IMAGES });
  const names = new Set<string>();
  let bare = false;
  for (const { labelPath } of pairs) {
    for (const { className } of parseGeoJson(await readFileBytes(labelPath), labelPath).nuclei) {
      if (className === null) bare = true;
      else names.add(className);
    }
  }
  if (names.size > 0 && bare) names.add(UNCLASSIFIED);
  const classes = names.size === 0 ? null : [...names].sort();
  const items = pairs.map((pair) =>
    itemOf(pair, async (width, height) => {
      const path = pair.labelPath;
      const { nuclei, skipped } = parseGeoJson(await readFileBytes(path), path);
      const labels = createLabelMap(width, height);
      const types = new Map<number, number>();
      nuclei.forEach(({ polygons, className }, i) => {
        for (const polygon of polygons) {
          paintPolygon(
            labels,
            polygon.map((ring) => ring.flat()),
            i + 1,
          );
        }
        types.set(i + 1, (classes?.indexOf(className ?? UNCLASSIFIED) ?? -1) + 1);
      });
      const warnings = lostWarning(path, labels, nuclei.length);
      if (skipped > 0) warnings.push(`${path}: ${skipped} features are no polygons and were left out`);
      return { labels, types: classes === null ? null : types, warnings };
    }),
  );
  return sourceOf({ items, classes, mpp: null });
}

/** HoVer-Net JSON files beside images; its class numbers have no names. */
export async function openHoverNet(input: string): Promise<ConvertSource> {
  const pairs = await pairFiles(input, { labels: [".json"], images: IMAGES });
  const first = pairs[0]!.labelPath;
  const { nuclei } = parseHoverNetJson(await readFileBytes(first), first);
  const typed = nuclei.some(({ type }) => type !== null);
  const items = pairs.map((pair) =>
    itemOf(pair, async (width, height) => {
      const path = pair.labelPath;
      const document = parseHoverNetJson(await readFileBytes(path), path);
      const labels = createLabelMap(width, height);
      const types = new Map<number, number>();
      document.nuclei.forEach(({ contour, type }, i) => {
        fillContour(labels, contour.flat(), i + 1);
        types.set(i + 1, type ?? 0);
      });
      const warnings = lostWarning(path, labels, document.nuclei.length);
      return { labels, types: typed ? types : null, warnings };
    }),
  );
  return sourceOf({ items, classes: typed ? "numbers" : null, mpp: null });
}
