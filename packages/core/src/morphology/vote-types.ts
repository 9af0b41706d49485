/**
 * The type of each nucleus by majority vote of its pixels (spec/postprocessing.md §5).
 *
 * @module
 */
import { DataError, ShapeError } from "../errors.js";
import type { PostOptions } from "../post-options.js";
import { assertSameSize, type LabelMap, type NetworkMaps } from "../raster.js";
import { labelRuns } from "./label-runs.js";
import { mapNames, rejectNaN } from "./segment-nuclei.js";
import { Workspace } from "./workspace.js";

/** Types of instances; every array is indexed by label, entry 0 unused. */
export interface TypeVotes {
  /** Greatest label. */
  readonly count: number;
  /** Class id; 0 = none: a label that does not occur, or only background won (`post.voteBackground`). */
  readonly types: Uint8Array;
  /** Votes of the winner over the area; 0 where there is no type. */
  readonly shares: Float64Array;
  /** Class channels, background included. */
  readonly channels: number;
  /** Mean softmax over the pixels: `classProbabilities[label * channels + class]`. */
  readonly classProbabilities: Float64Array;
}

/**
 * Lets every pixel of an instance vote for its most likely class, background excluded; the class with most votes
 * wins, ties go to the smaller class id. With `voteBackground` background votes too, and where it wins the second
 * most frequent class is taken, type 0 if there is none.
 *
 * @param labels - instances 1…, ids may have holes
 * @param maps - channels `[p0 … pK, …]` of the same size
 * @param options - `method`: what follows the classes ({@link mapNames})
 * @throws ShapeError when sizes differ
 * @throws DataError when a class channel is NaN inside an instance, or a label is negative
 */
export function voteTypes(
  labels: LabelMap,
  maps: NetworkMaps,
  options: Pick<PostOptions, "voteBackground" | "method">,
  workspace = new Workspace(),
): TypeVotes {
  assertSameSize("label map", labels, "maps", maps);
  const channels = maps.channels - mapNames(options.method).length;
  const { count, areas, sums, votes } = tally(
    labels,
    maps,
    channels,
    options.voteBackground ? 0 : 1,
    workspace,
  );
  const types = new Uint8Array(count + 1);
  const shares = new Float64Array(count + 1);
  for (let label = 1; label <= count; label++) {
    const area = areas[label]!;
    if (area === 0) continue;
    const base = label * channels;
    let type = 0;
    for (let c = 1; c < channels; c++) {
      if (votes[base + c]! > (type === 0 ? 0 : votes[base + type]!)) type = c;
    }
    types[label] = type;
    shares[label] = type === 0 ? 0 : votes[base + type]! / area;
    for (let c = 0; c < channels; c++) {
      const mean = sums[base + c]! / area;
      if (Number.isNaN(mean)) {
        rejectNaN(maps, c);
        throw new DataError(`maps hold infinite values in channel ${c} inside label ${label}`);
      }
      sums[base + c] = mean;
    }
  }
  return { count, types, shares, channels, classProbabilities: sums };
}

/** Longest piece of a run that is worked on at once. */
const PIECE = 64;

/** Counts areas, sums probabilities and votes per label; votes go to classes `first` and up. */
function tally(
  labels: LabelMap,
  maps: NetworkMaps,
  channels: number,
  first: 0 | 1,
  workspace: Workspace,
): { count: number; areas: Int32Array; sums: Float64Array; votes: Int32Array } {
  const size = labels.width * labels.height;
  const { count: runCount, last, table } = labelRuns(labels, workspace);
  const areas = new Int32Array(last + 1);
  const sums = new Float64Array((last + 1) * channels);
  const votes = new Int32Array((last + 1) * channels);
  const { data } = maps;
  const best = new Uint8Array(PIECE);
  const bestValues = new Float32Array(PIECE);
  for (let run = 0; run < 4 * runCount; run += 4) {
    const label = table[run]!;
    const base = label * channels;
    const end = table[run + 2]!;
    areas[label]! += end - table[run + 1]!;
    // Plane after plane, because a plane's pixels lie side by side.
    for (let start = table[run + 1]!; start < end; start += PIECE) {
      const n = Math.min(PIECE, end - start);
      best.fill(first, 0, n);
      bestValues.fill(-Infinity, 0, n);
      for (let c = 0; c < channels; c++) {
        const plane = c * size + start;
        let sum = 0;
        if (c < first) for (let i = 0; i < n; i++) sum += data[plane + i]!;
        else {
          for (let i = 0; i < n; i++) {
            const value = data[plane + i]!;
            sum += value;
            if (value > bestValues[i]!) {
              bestValues[i] = value;
              best[i] = c;
            }
          }
        }
        sums[base + c]! += sum;
      }
      for (let i = 0; i < n; i++) votes[base + best[i]!]!++;
    }
  }
  return { count: last, areas, sums, votes };
}

/**
 * Means of planes over each instance, for maps of a coarser grid than the labels such as the task outputs.
 *
 * @param planes - values at pixel (floor(x / stride), floor(y / stride))
 * @param stride - label pixels per map pixel, along each axis
 * @returns `means[label * planes.channels + c]`, 0 for labels that do not occur
 * @throws ShapeError when the planes do not cover the label map
 */
export function averagePlanes(labels: LabelMap, planes: NetworkMaps, stride: number): Float64Array {
  const { width, height } = labels;
  if (planes.width * stride < width || planes.height * stride < height) {
    throw new ShapeError(
      `maps of ${planes.width} x ${planes.height} px at stride ${stride} do not cover the label map of ${width} x ${height} px`,
    );
  }
  const { channels, data } = planes;
  const size = planes.width * planes.height;
  let count = 0;
  for (let p = 0; p < labels.data.length; p++) count = Math.max(count, labels.data[p]!);
  const areas = new Int32Array(count + 1);
  const means = new Float64Array((count + 1) * channels);
  for (let y = 0, p = 0; y < height; y++) {
    const row = Math.floor(y / stride) * planes.width;
    for (let x = 0; x < width; x++, p++) {
      const label = labels.data[p]!;
      if (label === 0) continue;
      areas[label]!++;
      const i = row + Math.floor(x / stride);
      for (let c = 0; c < channels; c++) means[label * channels + c]! += data[c * size + i]!;
    }
  }
  for (let label = 1; label <= count; label++) {
    for (let c = 0; c < channels; c++) means[label * channels + c]! /= Math.max(1, areas[label]!);
  }
  return means;
}
