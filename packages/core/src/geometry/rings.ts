/**
 * Outlines of instances along pixel edges, valid as GeoJSON and JTS polygons (spec/data.md §7).
 *
 * @module
 */

import { frameParts } from "../morphology/framed-parts.js";
import { Workspace } from "../morphology/workspace.js";
import type { LabelMap } from "../raster.js";

/** Closed ring `x0, y0, x1, y1, …`; the last point repeats the first. */
export type Ring = Int32Array;

/** One 4-connected part of an instance. */
export interface RingPolygon {
  /** Clockwise on screen, which is positive shoelace area with y downwards. */
  readonly exterior: Ring;
  /** The opposite way round. */
  readonly holes: Ring[];
}

/**
 * Traces every instance along its pixel edges: pixel (x, y) is the square from (x, y) to (x + 1, y + 1).
 *
 * An instance has one polygon per 4-connected part. Rings turn at every point and visit none twice: where
 * two pixels of one part meet at a corner only, the ring keeps to its side of the background, so that a hole that
 * touches the outside at a corner is a hole of its own. The polygon's area is the number of pixels, and
 * `rasterizePolygon` gives the pixels back.
 *
 * @returns polygons by label, labels in raster order of their first pixel, parts likewise
 */
export function labelPolygons(labels: LabelMap, workspace = new Workspace()): Map<number, RingPolygon[]> {
  const parts = frameParts(labels, 4, workspace);
  const { runs, map, stride } = parts;
  const traced = workspace.uint8("rings.traced", map.length).fill(0);
  const trace = createTracer(map, stride, traced);
  const polygons: RingPolygon[] = new Array(parts.count + 1);
  const result = new Map<number, RingPolygon[]>();
  for (let run = 0; run < runs.count; run++) {
    const part = parts.ofRun[run]!;
    const offset = stride + 1 + 2 * runs.table[4 * run + 3]!;
    const end = runs.table[4 * run + 2]! + offset;
    for (let p = runs.table[4 * run + 1]! + offset; p < end; p++) {
      // Every ring has a top edge of a pixel; its first in raster order is where it starts.
      if (traced[p] !== 0 || map[p - stride] === part) continue;
      const ring = trace(p);
      const known = polygons[part];
      if (known !== undefined) {
        known.holes.push(ring);
        continue;
      }
      const polygon: RingPolygon = { exterior: ring, holes: [] };
      polygons[part] = polygon;
      const label = runs.table[4 * run]!;
      const list = result.get(label);
      if (list === undefined) result.set(label, [polygon]);
      else list.push(polygon);
    }
  }
  return result;
}

/** Makes the function that walks one ring from the top edge of a pixel, marking the top edges it passes. */
function createTracer(parts: Int32Array, stride: number, traced: Uint8Array): (start: number) => Ring {
  let points = new Int32Array(256);
  // Directions east, south, west, north, with the part's pixels to the right. From the pixel on the right:
  const ahead = [1, stride, -1, -stride]; // the pixel ahead of it
  const outside = [-stride, 1, stride, -1]; // the pixel across the edge
  return (start) => {
    const part = parts[start]!;
    let x = (start % stride) - 1;
    let y = Math.floor(start / stride) - 1;
    let p = start;
    let direction = 0;
    let n = 0;
    points[n++] = x;
    points[n++] = y;
    do {
      if (direction === 0) traced[p] = 1;
      x += direction === 0 ? 1 : direction === 2 ? -1 : 0;
      y += direction === 1 ? 1 : direction === 3 ? -1 : 0;
      const front = p + ahead[direction]!;
      const frontLeft = front + outside[direction]!;
      if (parts[frontLeft] === part) {
        p = frontLeft;
        direction = (direction + 3) & 3;
      } else if (parts[front] === part) {
        p = front;
        continue;
      } else {
        direction = (direction + 1) & 3;
      }
      if (n + 2 > points.length) {
        const grown = new Int32Array(2 * points.length);
        grown.set(points);
        points = grown;
      }
      points[n++] = x;
      points[n++] = y;
    } while (p !== start || direction !== 0);
    return points.slice(0, n);
  };
}
