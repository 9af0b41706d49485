/**
 * HoVer-Net's table of centroids for QuPath: tab-separated, header `x y class name color`, where `class` is empty,
 * `name` is the class and `color` is r·65536 + g·256 + b (spec/data.md §7; HoVer-Net's convert_format.py).
 *
 * @module
 */
import { DataError, FileFormatError } from "@renograde/core";
import { decodeUtf8, describeValue } from "./text.js";

/** One nucleus. */
export interface HoverNetPoint {
  readonly x: number;
  readonly y: number;
  /** Name of the class. */
  readonly name: string;
  /** RGB, 0…255. */
  readonly color: readonly [number, number, number];
}

const FORMAT = "HoVer-Net table";
const HEADER = "x\ty\tclass\tname\tcolor";

/**
 * Writes a table in chunks of text, one per row.
 *
 * @throws DataError when a coordinate is not finite, or a name holds a tab or line break
 */
export function* hoverNetTsvChunks(points: Iterable<HoverNetPoint>): Generator<string> {
  yield `${HEADER}\n`;
  for (const { x, y, name, color } of points) {
    if (!Number.isFinite(x) || !Number.isFinite(y))
      throw new DataError(`HoVer-Net table: position (${x}, ${y})`);
    if (/[\t\r\n]/.test(name)) {
      throw new DataError(
        `HoVer-Net table: the name ${describeValue(name)} may not hold tabs or line breaks`,
      );
    }
    yield `${x}\t${y}\t\t${name}\t${color[0] * 65536 + color[1] * 256 + color[2]}\n`;
  }
}

/**
 * Reads a table.
 *
 * @throws FileFormatError naming the line that is wrong
 */
export function parseHoverNetTsv(bytes: Uint8Array, path = "<bytes>"): HoverNetPoint[] {
  const lines = decodeUtf8(bytes, path, FORMAT).split(/\r?\n/);
  if (lines[0] !== HEADER) {
    throw new FileFormatError(
      path,
      FORMAT,
      `line 1: expected the columns x, y, class, name, color, received ${describeValue(lines[0])}`,
    );
  }
  if (lines.pop() !== "")
    throw new FileFormatError(path, FORMAT, "the last line has no end; the file is truncated");
  return lines.slice(1).map((line, i) => {
    const cells = line.split("\t");
    const [x, y, , name, color] = cells;
    const position = [x, y].map((cell) => (cell?.trim() ? Number(cell) : Number.NaN));
    const rgb = color && /^\d+$/.test(color) ? Number(color) : -1;
    if (cells.length !== 5 || !position.every(Number.isFinite) || rgb < 0 || rgb > 0xffffff) {
      throw new FileFormatError(
        path,
        FORMAT,
        `line ${i + 2}: expected x, y, class, name, color, received ${describeValue(line)}`,
      );
    }
    return { x: position[0]!, y: position[1]!, name: name!, color: [rgb >> 16, (rgb >> 8) & 255, rgb & 255] };
  });
}
