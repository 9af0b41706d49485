/**
 * Reader of MATLAB v5 files (`save -v6` and `-v7`, `scipy.io.savemat`): numeric classes stored as any type,
 * logical, char, cell and struct, compressed or not, either byte order. Arrays come out row-major.
 * Source: "MAT-File Format", MathWorks (spec/data.md §1, §6).
 *
 * @module
 */
import { FileFormatError } from "@renograde/core";
import { inflateSync } from "fflate";
import { ByteReader } from "./byte-reader.js";
import { adler32 } from "./checksums.js";
import { columnToRowMajor, elementCount, type NumericArray, swapBytes, viewAs } from "./element-types.js";
import {
  FLAG_COMPLEX,
  FLAG_LOGICAL,
  MAT5_FORMAT,
  type Mat5Numeric,
  type Mat5Value,
  MI_ARRAYS,
  MI_COMPRESSED,
  MI_MATRIX,
  MI_UTF8,
  MI_UTF16,
  MI_UTF32,
  MX_CELL,
  MX_CHAR,
  MX_NUMERIC,
  MX_OPAQUE_NAMES,
  MX_STRUCT,
} from "./mat5-types.js";

const HEADER_SIZE = 128;
const HDF5_MAGIC = "\x89HDF\r\n\x1a\n";
/** Cells within cells deeper than this are taken for damage. */
const MAX_DEPTH = 32;
const MAX_RANK = 32;

/**
 * Parses every variable of a file, by name, in the file's order.
 *
 * @throws FileFormatError when the file is truncated, damaged, or of another version; v7.3 files (HDF5) are named
 *   as such with the remedy
 */
export function parseMat5(bytes: Uint8Array, path = "<bytes>"): Map<string, Mat5Value> {
  const littleEndian = checkHeader(bytes, path);
  const reader = new ByteReader(bytes, { path, format: MAT5_FORMAT, littleEndian, start: HEADER_SIZE });
  const variables = new Map<string, Mat5Value>();
  while (reader.remaining > 0) {
    const { type, data } = readTag(reader, "a variable");
    const content = type === MI_COMPRESSED ? decompress(data, reader) : { type, data };
    if (content.type !== MI_MATRIX) {
      throw reader.error(
        `holds a data element of type ${content.type} where a variable was expected; it is corrupt`,
      );
    }
    const { name, value } = readMatrix(inside(reader, content.data), 0);
    // MATLAB keeps data of its own objects in a variable without a name.
    if (name !== "") variables.set(name, value);
  }
  return variables;
}

/** Returns whether the file is little-endian. */
function checkHeader(bytes: Uint8Array, path: string): boolean {
  const latin1 = (start: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(start, start + length));
  const hdf5 = latin1(0, 8) === HDF5_MAGIC || latin1(512, 8) === HDF5_MAGIC;
  const mark = latin1(126, 2);
  const version = mark === "IM" ? bytes[125]! : bytes[124]!;
  if (hdf5 || ((mark === "IM" || mark === "MI") && version === 2)) {
    throw new FileFormatError(
      path,
      MAT5_FORMAT,
      "a MATLAB v7.3 file (HDF5), which is not read here; save it with `save(file, ..., '-v7')` in MATLAB or with scipy.io.savemat",
    );
  }
  if (mark !== "IM" && mark !== "MI") {
    throw new FileFormatError(
      path,
      MAT5_FORMAT,
      "not a MATLAB v5 file (its 128-byte header is missing or damaged)",
    );
  }
  if (version !== 1) {
    throw new FileFormatError(path, MAT5_FORMAT, `MATLAB file version ${version} is not supported (1 is)`);
  }
  return mark === "IM";
}

/** A reader of `data` alone, with the file's name and byte order. */
function inside(parent: ByteReader, data: Uint8Array): ByteReader {
  return new ByteReader(data, { path: parent.path, format: MAT5_FORMAT, littleEndian: parent.littleEndian });
}

/** Reads one data element; its padding to 8 bytes is skipped where it is there. */
function readTag(reader: ByteReader, what: string): { type: number; data: Uint8Array } {
  const word = reader.u32(what);
  if (word >>> 16 !== 0) {
    // Small data element: size and type in one word, up to four bytes in the next.
    const size = word >>> 16;
    const data = reader.take8(4, what);
    if (size > 4) throw reader.error(`${what} is a small data element of ${size} bytes; the file is corrupt`);
    return { type: word & 0xffff, data: data.subarray(0, size) };
  }
  const size = reader.u32(what);
  const data = reader.take8(size, what);
  if (word !== MI_COMPRESSED) reader.take8(Math.min((8 - (size % 8)) % 8, reader.remaining), what);
  return { type: word, data };
}

/** Undoes zlib; the checksum is verified. */
function decompress(packed: Uint8Array, reader: ByteReader): { type: number; data: Uint8Array } {
  const zlib = new ByteReader(packed, { path: reader.path, format: MAT5_FORMAT, littleEndian: false });
  const head = zlib.u16("a compressed variable");
  if ((head >> 8 !== 0x78 && (head >> 8) % 16 !== 8) || head % 31 !== 0 || head & 32 || zlib.remaining < 4) {
    throw reader.error("a compressed variable is not zlib data; the file is corrupt");
  }
  let data: Uint8Array;
  try {
    data = inflateSync(packed.subarray(2, -4));
  } catch (cause) {
    throw reader.error("a compressed variable cannot be decompressed; the file is corrupt", cause);
  }
  zlib.position = packed.length - 4;
  if (zlib.u32("a compressed variable") !== adler32(data)) {
    throw reader.error("a compressed variable has a wrong checksum; the file is corrupt");
  }
  return readTag(inside(reader, data), "a compressed variable");
}

/** Reads the inside of a miMATRIX element. */
function readMatrix(reader: ByteReader, depth: number): { name: string; value: Mat5Value } {
  if (depth > MAX_DEPTH) throw reader.error(`cells are nested deeper than ${MAX_DEPTH} levels`);
  const flagData = inside(reader, readTag(reader, "array flags").data);
  const flags = flagData.u32("array flags");
  const classId = flags & 255;
  if (classId === 17) {
    // Objects have no dimensions here.
    return { name: readName(reader), value: { kind: "opaque", class: "object" } };
  }
  const shape = readDimensions(reader);
  const name = readName(reader);
  const opaque = MX_OPAQUE_NAMES[classId];
  if (opaque !== undefined) return { name, value: { kind: "opaque", class: opaque } };
  if (classId === MX_CELL) {
    const cells = readCells(reader, elementCount(shape), depth, name);
    return { name, value: { kind: "cell", shape, cells: toRowMajor(cells, shape) } };
  }
  if (classId === MX_STRUCT) return { name, value: readStruct(reader, shape, depth, name) };
  if (classId === MX_CHAR) return { name, value: readChar(reader, shape, name) };
  const numeric = MX_NUMERIC.find((entry) => entry.id === classId);
  if (numeric === undefined)
    throw reader.error(`variable '${name}' has the unknown class ${classId}; the file is corrupt`);
  const part = (): NumericArray => {
    const stored = readNumbers(reader, `variable '${name}'`);
    if (stored.length !== elementCount(shape)) {
      throw reader.error(
        `variable '${name}' of shape [${shape.join(", ")}] holds ${stored.length} numbers; the file is corrupt`,
      );
    }
    return columnToRowMajor(convert(stored, numeric.array, reader, name), shape);
  };
  const value: Mat5Numeric = {
    kind: "numeric",
    class: numeric.name,
    shape,
    data: part(),
    ...(flags & FLAG_LOGICAL ? { logical: true } : {}),
    ...(flags & FLAG_COMPLEX ? { imaginary: part() } : {}),
  };
  return { name, value };
}

function readDimensions(reader: ByteReader): number[] {
  const data = inside(reader, readTag(reader, "array dimensions").data);
  const shape: number[] = [];
  while (data.remaining > 0) shape.push(data.i32("array dimensions"));
  if (
    shape.length < 2 ||
    shape.length > MAX_RANK ||
    shape.some((size) => size < 0) ||
    !Number.isSafeInteger(elementCount(shape))
  ) {
    throw reader.error(
      `array dimensions [${shape.slice(0, 8).join(", ")}] are impossible; the file is corrupt`,
    );
  }
  return shape;
}

function readName(reader: ByteReader): string {
  return new TextDecoder().decode(readTag(reader, "a variable name").data);
}

/** Numbers as stored, in native byte order. */
function readNumbers(reader: ByteReader, what: string): NumericArray {
  const { type, data } = readTag(reader, what);
  const array = MI_ARRAYS[type];
  if (array === undefined || data.length % array.BYTES_PER_ELEMENT !== 0) {
    throw reader.error(`${what} is stored as type ${type} in ${data.length} bytes; the file is corrupt`);
  }
  return viewAs(array, reader.littleEndian ? data : swapBytes(data, array.BYTES_PER_ELEMENT));
}

/** MATLAB stores arrays in the smallest type that holds their values; this gives them back their class. */
function convert(
  stored: NumericArray,
  type: (typeof MX_NUMERIC)[number]["array"],
  reader: ByteReader,
  name: string,
): NumericArray {
  if (stored instanceof type) return stored;
  const result = new type(stored.length);
  const big = result instanceof BigInt64Array || result instanceof BigUint64Array;
  const target = result as { [index: number]: number | bigint };
  for (let i = 0; i < stored.length; i++) {
    const value = stored[i]!;
    if (big && typeof value === "number" && !Number.isInteger(value)) {
      throw reader.error(
        `variable '${name}' is of a whole-number class but holds ${value}; the file is corrupt`,
      );
    }
    target[i] = big ? BigInt(value) : Number(value);
  }
  return result;
}

function toRowMajor<T>(items: readonly T[], shape: readonly number[]): T[] {
  const order = columnToRowMajor(Int32Array.from(items.keys()), shape);
  return Array.from(order, (index) => items[index]!);
}

function readCells(reader: ByteReader, count: number, depth: number, name: string): Mat5Value[] {
  if (count * 8 > reader.remaining) {
    throw reader.error(
      `variable '${name}' cannot hold ${count} cells in ${reader.remaining} bytes; the file is corrupt`,
    );
  }
  return Array.from({ length: count }, () => {
    const { type, data } = readTag(reader, `a cell of '${name}'`);
    if (type !== MI_MATRIX) throw reader.error(`a cell of '${name}' has type ${type}; the file is corrupt`);
    // An empty matrix may be written without any content.
    if (data.length === 0)
      return { kind: "numeric", class: "double", shape: [0, 0], data: new Float64Array(0) };
    return readMatrix(inside(reader, data), depth + 1).value;
  });
}

function readStruct(reader: ByteReader, shape: readonly number[], depth: number, name: string): Mat5Value {
  const width = inside(reader, readTag(reader, "field name length").data).i32("field name length");
  const names = readTag(reader, "field names").data;
  if (width < 1 || names.length % width !== 0) {
    throw reader.error(
      `struct '${name}' has field names of length ${width} in ${names.length} bytes; the file is corrupt`,
    );
  }
  const fields = Array.from({ length: names.length / width }, (_, i) => {
    const text = names.subarray(i * width, (i + 1) * width);
    const end = text.indexOf(0);
    return new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
  });
  const count = elementCount(shape);
  if (fields.length === 0 && count > 1) return { kind: "struct", shape: [0, 0], elements: [] };
  const values = readCells(reader, count * fields.length, depth, name);
  const elements = Array.from(
    { length: count },
    (_, i) => new Map(fields.map((field, f) => [field, values[i * fields.length + f]!])),
  );
  return { kind: "struct", shape, elements: toRowMajor(elements, shape) };
}

function readChar(reader: ByteReader, shape: readonly number[], name: string): Mat5Value {
  const { type, data } = readTag(reader, `text '${name}'`);
  let characters: string[];
  if (type === MI_UTF8) {
    characters = [...new TextDecoder().decode(data)];
  } else {
    // Every other type holds one code per character.
    const stored = type === MI_UTF16 ? 4 : type === MI_UTF32 ? 6 : type;
    const array = MI_ARRAYS[stored];
    if (array === undefined || data.length % array.BYTES_PER_ELEMENT !== 0) {
      throw reader.error(
        `text '${name}' is stored as type ${type} in ${data.length} bytes; the file is corrupt`,
      );
    }
    const native = reader.littleEndian ? data : swapBytes(data, array.BYTES_PER_ELEMENT);
    const codes: ArrayLike<number | bigint> = viewAs(array, native);
    characters = Array.from(codes, (value) => {
      const code = Number(value);
      if (!Number.isInteger(code) || code < 0 || code > 0x10ffff) {
        throw reader.error(`text '${name}' holds the impossible character ${code}; the file is corrupt`);
      }
      return String.fromCodePoint(code);
    });
  }
  const count = shape[0]!;
  const width = elementCount(shape.slice(1));
  if (characters.length !== count * width || (width === 0 && count > 1)) {
    if (width === 0) return { kind: "char", rows: [] };
    throw reader.error(
      `text '${name}' of shape [${shape.join(", ")}] holds ${characters.length} characters; the file is corrupt`,
    );
  }
  const rows = Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, column) => characters[column * count + row]!).join(""),
  );
  return { kind: "char", rows };
}
