/**
 * NumPy's `.npy` (versions 1.0 to 3.0, either byte order, C or Fortran order) and its writer, whose bytes are those
 * of `numpy.save` (NumPy 1.24). The header can be parsed alone, so that files of several gigabytes are
 * streamed row by row (spec/data.md §3, §4). Format: NumPy enhancement proposal 1.
 *
 * @module
 */
import { ShapeError } from "@renograde/core";
import { ByteReader, concatBytes } from "./byte-reader.js";
import {
  assertShape,
  bytesOf,
  columnToRowMajor,
  elementCount,
  halfToNumber,
  type NumericArray,
  type NumericArrayConstructor,
  swapBytes,
  viewAs,
} from "./element-types.js";
import { parseNpyDictionary } from "./npy-dictionary.js";

/** Element types: unsigned and signed integers, floats (f2 is half precision) and booleans, by bytes per element. */
export type NpyDtype = "u1" | "i1" | "u2" | "i2" | "u4" | "i4" | "u8" | "i8" | "f2" | "f4" | "f8" | "b1";

/** An array; `data` is row-major. `f2` is held as Float32Array, `b1` as Uint8Array of 0 and 1. */
export interface NpyArray {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  readonly data: NumericArray;
}

/** What the head of a file says. The elements begin at {@link dataOffset} and fill {@link dataLength} bytes. */
export interface NpyHeader {
  /** `U` is text of a fixed number of characters ({@link parseNpyStrings}). */
  readonly dtype: NpyDtype | "U";
  /** Bytes per element. */
  readonly itemSize: number;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  readonly dataOffset: number;
  readonly dataLength: number;
}

const FORMAT = "npy";
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy leaves room for the first axis to grow to this many digits. */
const GROWTH_DIGITS = 21;

const STORAGE: Record<NpyDtype, NumericArrayConstructor> = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  u8: BigUint64Array,
  i8: BigInt64Array,
  f2: Uint16Array,
  f4: Float32Array,
  f8: Float64Array,
  b1: Uint8Array,
};

function isNpyDtype(text: string): text is NpyDtype {
  return Object.hasOwn(STORAGE, text);
}

/**
 * Parses the head of a file; `bytes` may stop anywhere after it (64 kB are always enough for versions written by
 * NumPy). The data need not be there.
 *
 * @throws FileFormatError when this is no `.npy` file or its element type is not supported
 */
export function parseNpyHeader(bytes: Uint8Array, path = "<bytes>"): NpyHeader {
  const reader = new ByteReader(bytes, { path, format: FORMAT });
  const magic = reader.take8(6, "the magic string");
  if (MAGIC.some((value, i) => magic[i] !== value)) {
    throw reader.error("not a .npy file (it does not begin with \\x93NUMPY)");
  }
  const major = reader.u8("the version");
  const minor = reader.u8("the version");
  if (major < 1 || major > 3 || minor !== 0) {
    throw reader.error(`.npy version ${major}.${minor} is not supported (1.0, 2.0 and 3.0 are)`);
  }
  const length = major === 1 ? reader.u16("the header length") : reader.u32("the header length");
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(reader.take8(length, "the header"));
  const { descr, fortranOrder, shape } = parseNpyDictionary(text, path);
  const match = /^([<>|=])([a-zA-Z]\d+)$/.exec(descr);
  const order = match?.[1];
  const code = match?.[2] ?? "";
  const dtype = code.startsWith("U") ? "U" : code;
  if (dtype !== "U" && !isNpyDtype(dtype)) {
    throw reader.error(
      `element type '${descr}' is not supported (${Object.keys(STORAGE).join(", ")} and U are); convert it with array.astype()`,
    );
  }
  const itemSize = dtype === "U" ? 4 * Number(code.slice(1)) : STORAGE[dtype].BYTES_PER_ELEMENT;
  const dataLength = elementCount(shape) * itemSize;
  if (!Number.isSafeInteger(dataLength)) {
    throw reader.error(`shape (${shape.join(", ")}) is impossible; the header is corrupt`);
  }
  return {
    dtype,
    itemSize,
    littleEndian: order !== ">",
    fortranOrder,
    shape,
    dataOffset: reader.position,
    dataLength,
  };
}

/**
 * Turns the bytes of consecutive elements into numbers: the byte order is changed where needed, half precision
 * widened; the order of the elements stays. For streaming; {@link parseNpy} reads a whole file.
 *
 * @param bytes - a whole number of elements; the result may share its memory
 */
export function decodeNpyItems(header: NpyHeader, bytes: Uint8Array): NumericArray {
  const { dtype } = header;
  if (dtype === "U" || bytes.length % header.itemSize !== 0) {
    throw new ShapeError(
      `bytes: ${bytes.length} bytes are not a whole number of ${dtype} elements of ${header.itemSize} bytes that hold numbers`,
    );
  }
  const native = header.littleEndian ? bytes : swapBytes(bytes, header.itemSize);
  const data = viewAs(STORAGE[dtype], native);
  if (dtype === "f2") return Float32Array.from(data as Uint16Array, halfToNumber);
  if (dtype === "b1") return (data as Uint8Array).map((value) => (value ? 1 : 0));
  return data;
}

function dataOf(header: NpyHeader, bytes: Uint8Array, path: string): Uint8Array {
  const have = bytes.length - header.dataOffset;
  const reader = new ByteReader(bytes, { path, format: FORMAT, start: header.dataOffset });
  if (have > header.dataLength) {
    throw reader.error(`${have - header.dataLength} bytes follow the array; the file is corrupt`);
  }
  return reader.take8(header.dataLength, `the array of shape (${header.shape.join(", ")})`);
}

/**
 * Parses a file of numbers. C-order data of native byte order is not copied where its alignment allows it.
 *
 * @throws FileFormatError when it is truncated, too long, or of another element type
 */
export function parseNpy(bytes: Uint8Array, path = "<bytes>"): NpyArray {
  const header = parseNpyHeader(bytes, path);
  const { dtype, shape } = header;
  const block = dataOf(header, bytes, path);
  if (dtype === "U") {
    throw new ByteReader(bytes, { path, format: FORMAT }).error(
      "holds text, but an array of numbers is needed",
    );
  }
  const items = decodeNpyItems(header, block);
  return { dtype, shape, data: header.fortranOrder ? columnToRowMajor(items, shape) : items };
}

/** Parses a one-dimensional array of text (dtype `U`), such as PanNuke's `types.npy`. */
export function parseNpyStrings(bytes: Uint8Array, path = "<bytes>"): string[] {
  const header = parseNpyHeader(bytes, path);
  const block = dataOf(header, bytes, path);
  const reader = new ByteReader(block, { path, format: FORMAT, littleEndian: header.littleEndian });
  if (header.dtype !== "U" || header.shape.length !== 1 || header.itemSize === 0) {
    throw reader.error(
      `holds ${header.dtype} of shape (${header.shape.join(", ")}), but a list of text is needed`,
    );
  }
  return Array.from({ length: header.shape[0]! }, () => {
    let text = "";
    for (let i = 0; i < header.itemSize; i += 4) {
      const code = reader.u32("a character");
      if (code > 0x10ffff) throw reader.error(`character code ${code} is impossible; the file is corrupt`);
      if (code !== 0) text += String.fromCodePoint(code);
    }
    return text;
  });
}

/**
 * The head `numpy.save` writes for a C-order array: version 1.0, dictionary padded with spaces to a multiple of 64
 * bytes. For streaming writers: the elements follow it row-major, little-endian.
 */
export function encodeNpyHeader(dtype: NpyDtype, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const order = STORAGE[dtype].BYTES_PER_ELEMENT === 1 ? "|" : "<";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const growth = shape.length > 0 ? " ".repeat(GROWTH_DIGITS - String(shape[0]).length) : "";
  const dictionary = `{'descr': '${order}${dtype}', 'fortran_order': False, 'shape': ${tuple}, }${growth}`;
  const padding = " ".repeat(63 - ((MAGIC.length + 4 + dictionary.length) % 64));
  const text = new TextEncoder().encode(`${dictionary}${padding}\n`);
  return concatBytes([Uint8Array.of(...MAGIC, 1, 0, text.length & 255, text.length >> 8), text]);
}

/**
 * Writes an array as `numpy.save` would.
 *
 * @throws ShapeError when data and shape, or data and dtype do not fit (`f2` is not written)
 */
export function encodeNpy(array: NpyArray): Uint8Array<ArrayBuffer> {
  assertShape("npy array", array.shape, array.data.length);
  const type = STORAGE[array.dtype];
  if (array.dtype === "f2" || !(array.data instanceof type)) {
    throw new ShapeError(
      `npy array: dtype ${array.dtype} cannot be written from ${array.data.constructor.name}; convert it first`,
    );
  }
  return concatBytes([encodeNpyHeader(array.dtype, array.shape), bytesOf(array.data)]);
}
