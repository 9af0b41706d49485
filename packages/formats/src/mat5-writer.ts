/**
 * Writer of MATLAB v5 files that MATLAB, Octave and `scipy.io.loadmat` read: numeric, logical and text variables,
 * plain or compressed. The header carries no date: same variables, same bytes.
 *
 * @module
 */
import { DataError, ShapeError } from "@renograde/core";
import { zlibSync } from "fflate";
import { concatBytes } from "./byte-reader.js";
import { assertShape, bytesOf, columnToRowMajor, type NumericArray } from "./element-types.js";
import {
  FLAG_COMPLEX,
  FLAG_LOGICAL,
  type Mat5Char,
  type Mat5Numeric,
  MI_COMPRESSED,
  MI_INT8,
  MI_INT32,
  MI_MATRIX,
  MI_UINT16,
  MI_UINT32,
  MI_UTF8,
  MX_CHAR,
  MX_NUMERIC,
} from "./mat5-types.js";

const HEADER_TEXT = "MATLAB 5.0 MAT-file, created by Renograde";

/**
 * Writes variables in the given order.
 *
 * @param options.compress - each variable as a zlib stream, as MATLAB's `-v7` does. Default false
 * @throws ShapeError when an array has fewer than two sizes, or data that do not fit its shape or class
 * @throws DataError when a name is no MATLAB name (a letter, then at most 62 letters, digits, underscores)
 */
export function encodeMat5(
  variables: Iterable<readonly [name: string, value: Mat5Numeric | Mat5Char]>,
  options: { readonly compress?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(128).fill(0x20, 0, 116);
  header.set(new TextEncoder().encode(HEADER_TEXT));
  header.set([0x00, 0x01, 0x49, 0x4d], 124);
  const parts: Uint8Array[] = [header];
  for (const [name, value] of variables) {
    if (!/^[A-Za-z]\w{0,62}$/.test(name)) {
      throw new DataError(
        `MATLAB variable "${name}": a name is a letter followed by at most 62 letters, digits and underscores`,
      );
    }
    const matrix = value.kind === "char" ? encodeChar(name, value) : encodeNumeric(name, value);
    if (matrix.length > 0x7fffffff) {
      throw new DataError(`MATLAB variable "${name}": ${matrix.length} bytes exceed the 2 GiB of a v5 file`);
    }
    if (options.compress) {
      const packed = zlibSync(matrix);
      // A compressed element is not padded.
      parts.push(words(MI_COMPRESSED, packed.length), packed);
    } else {
      parts.push(matrix);
    }
  }
  return concatBytes(parts);
}

function encodeNumeric(name: string, value: Mat5Numeric): Uint8Array {
  const entry = MX_NUMERIC.find((candidate) => candidate.name === value.class)!;
  const parts = value.imaginary === undefined ? [value.data] : [value.data, value.imaginary];
  assertRank(name, value.shape);
  for (const part of parts) {
    assertShape(`MATLAB variable "${name}"`, value.shape, part.length);
    if (!(part instanceof entry.array)) {
      throw new ShapeError(
        `MATLAB variable "${name}": class ${value.class} needs ${entry.array.name}, received ${part.constructor.name}`,
      );
    }
  }
  if (value.logical && value.class !== "uint8") {
    throw new ShapeError(
      `MATLAB variable "${name}": logical arrays have class uint8, received ${value.class}`,
    );
  }
  const flags = entry.id | (value.logical ? FLAG_LOGICAL : 0) | (value.imaginary ? FLAG_COMPLEX : 0);
  const content = parts.map((part) => element(entry.dataType, columnMajorBytes(part, value.shape)));
  return matrix(flags, name, value.shape, content);
}

function encodeChar(name: string, value: Mat5Char): Uint8Array {
  const rows = value.rows.map((row) => [...row]);
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width)) {
    throw new ShapeError(`MATLAB variable "${name}": all rows of text must have the same length`);
  }
  const columnMajor = Array.from({ length: width }, (_, column) =>
    rows.map((row) => row[column]!).join(""),
  ).join("");
  // Every reader knows plain characters as 16-bit codes; for others SciPy and Octave need UTF-8.
  const isAscii = /^[\0-\x7f]*$/.test(columnMajor);
  const text = isAscii
    ? element(MI_UINT16, bytesOf(Uint16Array.from(columnMajor, (character) => character.charCodeAt(0))))
    : element(MI_UTF8, new TextEncoder().encode(columnMajor));
  return matrix(MX_CHAR, name, [rows.length, width], [text]);
}

function assertRank(name: string, shape: readonly number[]): void {
  if (shape.length < 2) {
    throw new ShapeError(
      `MATLAB variable "${name}": shape [${shape.join(", ")}] needs two sizes or more; a column is [n, 1]`,
    );
  }
}

function columnMajorBytes(data: NumericArray, shape: readonly number[]): Uint8Array {
  return bytesOf(columnToRowMajor(data, [...shape].reverse()));
}

function matrix(flags: number, name: string, shape: readonly number[], content: Uint8Array[]): Uint8Array {
  return element(
    MI_MATRIX,
    concatBytes([
      element(MI_UINT32, words(flags, 0)),
      element(MI_INT32, words(...shape)),
      element(MI_INT8, new TextEncoder().encode(name)),
      ...content,
    ]),
  );
}

/** A data element; up to four bytes are packed into the tag, longer ones padded to 8 bytes. */
function element(type: number, data: Uint8Array): Uint8Array {
  if (data.length > 0 && data.length <= 4 && type !== MI_MATRIX) {
    const small = new Uint8Array(8);
    small.set(words(type | (data.length << 16)));
    small.set(data, 4);
    return small;
  }
  return concatBytes([words(type, data.length), data, new Uint8Array((8 - (data.length % 8)) % 8)]);
}

/** Little-endian 32-bit words. */
function words(...values: readonly number[]): Uint8Array {
  return bytesOf(Uint32Array.from(values));
}
