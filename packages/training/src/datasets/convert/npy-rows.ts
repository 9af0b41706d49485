/**
 * Rows of a `.npy` file read one at a time, so that files of several gigabytes need little memory (spec/data.md §4).
 *
 * @module
 */
import { type FileHandle, open } from "node:fs/promises";
import { FileFormatError } from "@renograde/core";
import { decodeNpyItems, type NpyHeader, type NumericArray, parseNpyHeader } from "@renograde/formats";
import { toFileAccessError } from "@renograde/slides/node";

/** More than NumPy writes before the first element of an array. */
const HEAD_BYTES = 65_536;

/** An open `.npy` file of numbers in C order. */
export interface NpyRows {
  readonly path: string;
  /** First size: number of rows; the others are those of a row. */
  readonly shape: readonly number[];
  /** Reads row `index`, all its elements row-major. */
  read(index: number): Promise<NumericArray>;
  close(): Promise<void>;
}

async function readAt(file: FileHandle, path: string, length: number, position: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let have = 0;
  try {
    while (have < length) {
      const { bytesRead } = await file.read(bytes, have, length - have, position + have);
      if (bytesRead === 0) break;
      have += bytesRead;
    }
  } catch (cause) {
    throw toFileAccessError(path, cause);
  }
  return bytes.subarray(0, have);
}

function checkHeader(header: NpyHeader, path: string, size: number, rank: number): void {
  const { dtype, shape, fortranOrder } = header;
  const fail = (problem: string): FileFormatError => new FileFormatError(path, "npy", problem);
  if (dtype === "U") throw fail("holds text, but an array of numbers is needed");
  if (shape.length !== rank) {
    throw fail(`has shape (${shape.join(", ")}), expected ${rank} sizes: images, rows, columns, channels`);
  }
  if (fortranOrder) {
    throw fail("is in Fortran order, which cannot be read row by row; save it with numpy.ascontiguousarray");
  }
  const expected = header.dataOffset + header.dataLength;
  if (size !== expected) {
    const what = size < expected ? "is truncated" : "has bytes after its array";
    throw fail(`${what}: ${size} bytes, expected ${expected}; copy it again`);
  }
}

/**
 * Opens a file and checks its header and length.
 *
 * @param rank - number of sizes its shape must have
 * @throws FileAccessError, FileFormatError naming the file
 */
export async function openNpyRows(path: string, rank: number): Promise<NpyRows> {
  const file = await open(path).catch((cause: unknown) => {
    throw toFileAccessError(path, cause);
  });
  try {
    const { size } = await file.stat();
    const header = parseNpyHeader(await readAt(file, path, Math.min(size, HEAD_BYTES), 0), path);
    checkHeader(header, path, size, rank);
    const rows = header.shape[0]!;
    const rowBytes = rows === 0 ? 0 : header.dataLength / rows;
    return {
      path,
      shape: header.shape,
      read: async (index) =>
        decodeNpyItems(header, await readAt(file, path, rowBytes, header.dataOffset + index * rowBytes)),
      close: async () => await file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * A row as whole numbers 0…max.
 *
 * @param what - for messages, such as `image 3`
 * @throws FileFormatError when a value is no number or out of range
 */
export function wholeRow<A extends Uint8Array | Int32Array>(
  data: NumericArray,
  out: A,
  max: number,
  path: string,
  what: string,
): A {
  for (let i = 0; i < out.length; i++) {
    const value = Math.round(Number(data[i]));
    if (!(value >= 0 && value <= max)) {
      throw new FileFormatError(path, "npy", `${what} holds ${data[i]}, expected 0 to ${max}`);
    }
    out[i] = value;
  }
  return out;
}
