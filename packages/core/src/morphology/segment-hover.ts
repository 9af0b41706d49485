/**
 * HoVer-Net's post-processing: nuclei from the nucleus map and the offsets from each nucleus' centre, whose slopes
 * are steep where nuclei touch (spec/postprocessing.md §7).
 *
 * @module
 */
import type { PostOptions } from "../post-options.js";
import { assertSameSize, type BinaryMap, type FloatMap } from "../raster.js";
import { fillHoles, openByEllipse } from "./binary.js";
import { dropSmall } from "./clean-labels.js";
import { flood } from "./flood.js";
import { type FramedLabels, labelPixels, rowOf, unframeLabels } from "./framed.js";
import type { LabelledMap } from "./label-components.js";
import { slopesAt } from "./offset-slopes.js";
import { mirrored } from "./separable.js";
import { Workspace } from "./workspace.js";

/** The options of {@link PostOptions} that the method reads. */
export type HoverSegmentOptions = Pick<PostOptions, "minArea" | "watershedTies">;

/** The three maps the method reads, all of one size. */
export interface HoverMaps {
  /** Nucleus probability. */
  readonly nucleus: FloatMap;
  /** Horizontal offset, rising from left to right inside every nucleus. */
  readonly offsetX: FloatMap;
  /** Vertical offset, rising from top to bottom. */
  readonly offsetY: FloatMap;
}

/** Probabilities from here on are nucleus (step 1). */
const NUCLEUS = 0.5;
/** Edge strength from here on separates markers (step 6). */
const EDGE = 0.4;

/**
 * Finds instances, steps 1 to 7 of spec/postprocessing.md §7. Outside the image the opening sees neither foreground
 * nor background, as OpenCV's does.
 *
 * @param options - `minArea`: components of nuclear pixels and markers with fewer pixels are removed
 * @returns instances 1…count in raster order of their markers; nuclear pixels without a marker stay 0
 * @throws ShapeError when the sizes differ
 * @throws DataError when a map holds NaN or infinity
 */
export function segmentByOffsets(
  { nucleus, offsetX, offsetY }: HoverMaps,
  options: HoverSegmentOptions,
  workspace = new Workspace(),
): LabelledMap {
  assertSameSize("nucleus map", nucleus, "horizontal offsets", offsetX);
  assertSameSize("nucleus map", nucleus, "vertical offsets", offsetY);
  const { width, height } = nucleus;
  const blob = frameEmpty("blob", width, height, workspace);
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * blob.stride + 1;
    for (const end = i + width; i < end; i++, p++) {
      if (nucleus.data[i]! >= NUCLEUS) blob.pixels[blob.count++] = p;
    }
  }
  labelListed(blob, options.minArea, workspace);
  keepLabelled(blob);
  const strength = edgeStrength(offsetX, offsetY, blob, workspace); // steps 2 to 4
  const relief = blurredRelief(strength, blob, workspace);

  const { stride, labels, pixels, count } = blob;
  const marked = workspace.uint8("hover.marked", width * height).fill(0);
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    if (strength[i]! < EDGE) marked[p - stride - 1 - 2 * rowOf(blob, p)] = 1;
  }
  const opened = openByEllipse(fillHoles({ width, height, data: marked }, workspace), workspace);
  const markers = frameEmpty("markers", width, height, workspace);
  listPixels(opened, markers);
  const markerCount = labelListed(markers, options.minArea, workspace);

  // Step 7: holes filled above may lie outside the blob, where no marker counts.
  const sources = workspace.int32("hover.sources", count);
  let sourceCount = 0;
  const found = markers.labels;
  for (let i = 0; i < count; i++) if (found[pixels[i]!]! > 0) sources[sourceCount++] = pixels[i]!;
  labels.fill(-1);
  for (let i = 0; i < count; i++) labels[pixels[i]!] = Math.max(0, found[pixels[i]!]!);
  flood(
    relief,
    labels,
    stride,
    pixels,
    count,
    sources,
    sourceCount,
    () => sources,
    options.watershedTies,
    workspace,
  );
  return { ...unframeLabels(blob), count: markerCount };
}

/** Lends labels 0 and an empty list. */
function frameEmpty(name: string, width: number, height: number, workspace: Workspace): FramedLabels {
  const stride = width + 2;
  const labels = workspace.int32(`hover.${name}.labels`, stride * (height + 2)).fill(0);
  const pixels = workspace.int32(`hover.${name}.pixels`, width * height);
  return { width, height, stride, labels, pixels, count: 0 };
}

/** Lists the pixels of a mask. */
function listPixels({ width, height, data }: BinaryMap, framed: FramedLabels): void {
  const { stride, pixels } = framed;
  let count = 0;
  for (let y = 0, i = 0; y < height; y++) {
    let p = (y + 1) * stride + 1;
    for (const end = i + width; i < end; i++, p++) if (data[i] !== 0) pixels[count++] = p;
  }
  framed.count = count;
}

/** Labels the listed pixels, 4-connected; components of fewer than `minArea` get 0. Returns how many there are. */
function labelListed(framed: FramedLabels, minArea: number, workspace: Workspace): number {
  const { stride, labels, pixels, count } = framed;
  const last = labelPixels(pixels, count, stride, 4, labels, workspace);
  return dropSmall(framed, last, minArea - 1, workspace);
}

/** Takes pixels without a label off the list. */
function keepLabelled(framed: FramedLabels): void {
  const { labels, pixels } = framed;
  let kept = 0;
  for (let i = 0; i < framed.count; i++) if (labels[pixels[i]!]! > 0) pixels[kept++] = pixels[i]!;
  framed.count = kept;
}

/** The larger of both maps' edge strengths, 0…1, at each listed pixel: 1 minus the slope, scaled over the image. */
function edgeStrength(
  offsetX: FloatMap,
  offsetY: FloatMap,
  listed: FramedLabels,
  workspace: Workspace,
): Float64Array {
  const horizontal = workspace.float64("hover.horizontal", listed.count);
  const vertical = workspace.float64("hover.vertical", listed.count);
  slopesAt(offsetX, "horizontal", listed, horizontal, workspace);
  slopesAt(offsetY, "vertical", listed, vertical, workspace);
  for (let i = 0; i < listed.count; i++) {
    horizontal[i] = Math.max(1 - horizontal[i]!, 1 - vertical[i]!);
  }
  return horizontal;
}

/** Step 5 at the listed pixels, framed: 1 minus the strength, 0 elsewhere, blurred by [1 2 1]/4 both ways, negative. */
function blurredRelief(strength: Float64Array, listed: FramedLabels, workspace: Workspace): Float64Array {
  const { width, height, stride, pixels, count } = listed;
  const plain = workspace.float64("hover.plain", stride * (height + 2)).fill(0);
  for (let i = 0; i < count; i++) plain[pixels[i]!] = 1 - strength[i]!;
  const [left, right] = [mirrored(-1, width), mirrored(width, width)];
  for (let start = stride + 1; start < (height + 1) * stride; start += stride) {
    plain[start - 1] = plain[start + left]!;
    plain[start + width] = plain[start + right]!;
  }
  const copyRow = (from: number, to: number): void => {
    const start = (mirrored(from, height) + 1) * stride;
    plain.copyWithin((to + 1) * stride, start, start + stride);
  };
  copyRow(-1, -1);
  copyRow(height, height);
  const blurred = workspace.float64("hover.blurred", plain.length);
  for (let i = 0; i < count; i++) {
    const p = pixels[i]!;
    const sides = blurRow(plain, p + stride) + blurRow(plain, p - stride);
    blurred[p] = -(blurRow(plain, p) * 0.5 + sides * 0.25);
  }
  return blurred;
}

/** [1 2 1]/4 along a row. */
function blurRow(values: Float64Array, p: number): number {
  return values[p]! * 0.5 + (values[p + 1]! + values[p - 1]!) * 0.25;
}
